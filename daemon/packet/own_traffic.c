/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two levels. A bitmap of local ports, written by librdkafka's threads and read without a lock,
 * lets nearly every packet pass after two bit tests. Where a bit is set, the table under the lock
 * decides by the full pair of addresses and ports. bind(2) to a port of the kernel's choice before
 * connect(2) makes the port known before the first packet exists.
 */
#include "packet/own_traffic.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "packet/dissect.h"

#define MAX_CONNECTIONS 1024
#define FORGET_AFTER_S  60

struct endpoint {
	uint8_t addr[16]; /* IPv4 in the first 4 bytes, the rest 0 */
	uint16_t port;    /* host order; 0: unused */
};

struct connection {
	struct endpoint local, remote;
	bool v6, local_known;
	int fd;           /* -1: closed */
	time_t closed_at; /* CLOCK_MONOTONIC seconds */
};

struct own_traffic {
	atomic_int refs;
	_Atomic uint64_t ports[65536 / 64];
	pthread_mutex_t lock;
	struct connection connections[MAX_CONNECTIONS];
	size_t used; /* rows ever used: the search ends there */
};

int own_traffic_new(struct own_traffic **out)
{
	struct own_traffic *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->refs = 1;
	pthread_mutex_init(&o->lock, NULL);
	*out = o;
	return 0;
}

void own_traffic_ref(struct own_traffic *o)
{
	if (o)
		atomic_fetch_add(&o->refs, 1);
}

void own_traffic_unref(struct own_traffic *o)
{
	if (!o || atomic_fetch_sub(&o->refs, 1) > 1)
		return;
	pthread_mutex_destroy(&o->lock);
	free(o);
}

static time_t now_s(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000000;
}

static bool read_endpoint(const struct sockaddr *sa, struct endpoint *out)
{
	memset(out, 0, sizeof(*out));
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		memcpy(out->addr, &in->sin_addr, 4);
		out->port = ntohs(in->sin_port);
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		memcpy(out->addr, &in6->sin6_addr, 16);
		out->port = ntohs(in6->sin6_port);
		return true;
	}
	return false;
}

static bool local_endpoint(int fd, struct endpoint *out)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);

	return getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
	       read_endpoint((const struct sockaddr *)&ss, out);
}

static void mark_port(struct own_traffic *o, uint16_t port, bool on)
{
	uint64_t bit = (uint64_t)1 << (port % 64);

	if (on)
		atomic_fetch_or(&o->ports[port / 64], bit);
	else
		atomic_fetch_and(&o->ports[port / 64], ~bit);
}

static bool port_marked(struct own_traffic *o, uint16_t port)
{
	return atomic_load_explicit(&o->ports[port / 64], memory_order_relaxed) >> (port % 64) & 1;
}

/* Forgets what closed long ago, and sets the bitmap to what is left. Locked. */
static void prune(struct own_traffic *o)
{
	time_t now = now_s();

	for (size_t i = 0; i < o->used; i++) {
		struct connection *c = &o->connections[i];

		if (c->local.port && c->fd < 0 && now - c->closed_at > FORGET_AFTER_S) {
			mark_port(o, c->local.port, false);
			c->local.port = 0;
		}
	}
	for (size_t i = 0; i < o->used; i++)
		if (o->connections[i].local.port)
			mark_port(o, o->connections[i].local.port, true);
}

/* A free row, or the one closed longest ago, or NULL. Locked. */
static struct connection *free_row(struct own_traffic *o)
{
	struct connection *oldest = NULL;

	prune(o);
	for (size_t i = 0; i < o->used; i++) {
		struct connection *c = &o->connections[i];

		if (!c->local.port)
			return c;
		if (c->fd < 0 && (!oldest || c->closed_at < oldest->closed_at))
			oldest = c;
	}
	return o->used < MAX_CONNECTIONS ? &o->connections[o->used++] : oldest;
}

static bool bind_any_port(int fd, sa_family_t family)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (family == AF_INET)
		return bind(fd, (const struct sockaddr *)&in, sizeof(in)) == 0;
	return bind(fd, (const struct sockaddr *)&in6, sizeof(in6)) == 0;
}

static void add(struct own_traffic *o, int fd, const struct sockaddr *addr)
{
	struct connection conn = {.fd = fd, .v6 = addr->sa_family == AF_INET6};
	struct connection *row;

	if (!read_endpoint(addr, &conn.remote) || !bind_any_port(fd, addr->sa_family) ||
	    !local_endpoint(fd, &conn.local)) {
		log_warn("Cannot identify our own connection to Kafka (%s): a capture on its "
			 "interface would include it",
			 strerror(errno));
		return;
	}
	pthread_mutex_lock(&o->lock);
	row = free_row(o);
	if (row) {
		*row = conn;
		mark_port(o, conn.local.port, true);
	}
	pthread_mutex_unlock(&o->lock);
}

/* The kernel chose the local address in connect(2): from now on the match is exact. */
static void complete(struct own_traffic *o, int fd)
{
	struct endpoint local;

	if (!local_endpoint(fd, &local))
		return;
	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < o->used; i++) {
		struct connection *c = &o->connections[i];

		if (c->fd == fd && c->local.port == local.port) {
			c->local = local;
			c->local_known = true;
		}
	}
	pthread_mutex_unlock(&o->lock);
}

int own_traffic_connect(struct own_traffic *o, int fd, const struct sockaddr *addr, socklen_t len)
{
	int err;

	add(o, fd, addr);
	err = connect(fd, addr, len) < 0 ? errno : 0;
	complete(o, fd);
	return err == EINPROGRESS ? 0 : err;
}

int own_traffic_close(struct own_traffic *o, int fd)
{
	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < o->used; i++) {
		struct connection *c = &o->connections[i];

		if (c->local.port && c->fd == fd) {
			c->fd = -1;
			c->closed_at = now_s();
		}
	}
	pthread_mutex_unlock(&o->lock);
	return close(fd);
}

static bool same_address(const struct endpoint *e, const uint8_t addr[16])
{
	return !memcmp(e->addr, addr, sizeof(e->addr));
}

static bool one_way(const struct connection *c, const uint8_t *local, uint16_t lport,
		    const uint8_t *remote, uint16_t rport)
{
	return c->local.port == lport && c->remote.port == rport &&
	       same_address(&c->remote, remote) &&
	       (!c->local_known || same_address(&c->local, local));
}

static bool match_table(struct own_traffic *o, const struct dissect_tcp *t)
{
	bool found = false;

	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < o->used && !found; i++) {
		const struct connection *c = &o->connections[i];

		if (c->local.port && c->v6 == t->v6)
			found = one_way(c, t->src, t->sport, t->dst, t->dport) ||
				one_way(c, t->dst, t->dport, t->src, t->sport);
	}
	pthread_mutex_unlock(&o->lock);
	return found;
}

bool own_traffic_match(struct own_traffic *o, const struct packet *pkt)
{
	struct dissect_tcp t;

	if (!dissect_tcp(pkt, &t))
		return false;
	if (!port_marked(o, t.sport) && !port_marked(o, t.dport))
		return false;
	return match_table(o, &t);
}

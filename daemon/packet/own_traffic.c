/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two levels. A bitmap of local ports, written by librdkafka's threads and read without a lock,
 * lets nearly every packet pass after two bit tests. Where a bit is set, the table under the lock
 * decides by the full pair of addresses and ports. bind(2) to a port of the kernel's choice before
 * connect(2) makes the port known before the first packet exists.
 */
#include "packet/own_traffic.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "packet/dissect.h"

#define FORGET_AFTER_S 60
#define FULL_LINE_S    600
#define CLOSED         (-1)
#define FOREIGN        INT_MAX /* open, of another process */

struct connection {
	struct own_connection c;
	int fd;             /* CLOSED, FOREIGN */
	unsigned int owner; /* 0: this process */
	time_t closed_at;   /* CLOCK_MONOTONIC seconds */
};

struct own_traffic {
	atomic_int refs;
	_Atomic uint64_t ports[65536 / 64];
	pthread_mutex_t lock;
	struct connection connections[OWN_TRAFFIC_MAX];
	size_t used;                            /* rows ever used: the search ends there */
	size_t missing[OWN_TRAFFIC_OTHERS + 1]; /* open ones without a row, by owner */
	struct log_limit full;
	pthread_mutex_t watching;
	void (*on_change)(void *ctx, bool fresh);
	void *ctx;
};

int own_traffic_new(struct own_traffic **out)
{
	struct own_traffic *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->refs = 1;
	pthread_mutex_init(&o->lock, NULL);
	pthread_mutex_init(&o->watching, NULL);
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
	pthread_mutex_destroy(&o->watching);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

static time_t now_s(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000000;
}

static bool read_endpoint(const struct sockaddr *sa, struct own_endpoint *out)
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

static bool local_endpoint(int fd, struct own_endpoint *out)
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
		struct connection *row = &o->connections[i];

		if (row->c.local.port && row->fd == CLOSED &&
		    now - row->closed_at > FORGET_AFTER_S) {
			mark_port(o, row->c.local.port, false);
			row->c.local.port = 0;
		}
	}
	for (size_t i = 0; i < o->used; i++)
		if (o->connections[i].c.local.port)
			mark_port(o, o->connections[i].c.local.port, true);
}

/* A free row, or the one closed longest ago, or NULL. Locked. */
static struct connection *free_row(struct own_traffic *o)
{
	struct connection *oldest = NULL;

	prune(o);
	for (size_t i = 0; i < o->used; i++) {
		struct connection *row = &o->connections[i];

		if (!row->c.local.port)
			return row;
		if (row->fd == CLOSED && (!oldest || row->closed_at < oldest->closed_at))
			oldest = row;
	}
	return o->used < OWN_TRAFFIC_MAX ? &o->connections[o->used++] : oldest;
}

static bool bind_any_port(int fd, sa_family_t family)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (family == AF_INET)
		return bind(fd, (const struct sockaddr *)&in, sizeof(in)) == 0;
	return bind(fd, (const struct sockaddr *)&in6, sizeof(in6)) == 0;
}

/* Locked. */
static void put(struct own_traffic *o, const struct connection *fresh)
{
	struct connection *row = free_row(o);

	if (!row) {
		o->missing[fresh->owner]++;
		return;
	}
	*row = *fresh;
	mark_port(o, fresh->c.local.port, true);
}

size_t own_traffic_missing(struct own_traffic *o)
{
	size_t missing = 0;

	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i <= OWN_TRAFFIC_OTHERS; i++)
		missing += o->missing[i];
	pthread_mutex_unlock(&o->lock);
	return missing;
}

/* After what may have filled it. */
static void warn_full(struct own_traffic *o)
{
	size_t missing = own_traffic_missing(o);
	uint64_t held;
	bool now;

	if (!missing)
		return;
	pthread_mutex_lock(&o->lock);
	now = log_limit_pass(&o->full, FULL_LINE_S, &held);
	pthread_mutex_unlock(&o->lock);
	if (now)
		log_warn("%d connections to Kafka are known as our own, and there is no room for "
			 "%zu more: the capture includes those",
			 OWN_TRAFFIC_MAX, missing);
}

static void add(struct own_traffic *o, int fd, const struct sockaddr *addr)
{
	struct connection row = {.fd = fd};

	row.c.v6 = addr->sa_family == AF_INET6;
	if (!read_endpoint(addr, &row.c.remote) || !bind_any_port(fd, addr->sa_family) ||
	    !local_endpoint(fd, &row.c.local)) {
		log_warn("Cannot identify our own connection to Kafka (%s): a capture on its "
			 "interface would include it",
			 strerror(errno));
		return;
	}
	pthread_mutex_lock(&o->lock);
	put(o, &row);
	pthread_mutex_unlock(&o->lock);
	warn_full(o);
}

/* The kernel chose the local address in connect(2): from now on the match is exact. */
static void complete(struct own_traffic *o, int fd)
{
	struct own_endpoint local;

	if (!local_endpoint(fd, &local))
		return;
	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < o->used; i++) {
		struct connection *row = &o->connections[i];

		if (row->fd == fd && row->c.local.port == local.port) {
			row->c.local = local;
			row->c.local_known = true;
		}
	}
	pthread_mutex_unlock(&o->lock);
}

static void tell(struct own_traffic *o, bool fresh)
{
	pthread_mutex_lock(&o->watching);
	if (o->on_change)
		o->on_change(o->ctx, fresh);
	pthread_mutex_unlock(&o->watching);
}

int own_traffic_connect(struct own_traffic *o, int fd, const struct sockaddr *addr, socklen_t len)
{
	int err;

	add(o, fd, addr);
	tell(o, true);
	err = connect(fd, addr, len) < 0 ? errno : 0;
	complete(o, fd);
	tell(o, false);
	return err == EINPROGRESS ? 0 : err;
}

static void end(struct connection *row)
{
	row->fd = CLOSED;
	row->closed_at = now_s();
}

int own_traffic_close(struct own_traffic *o, int fd)
{
	bool known = false;

	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < o->used; i++) {
		struct connection *row = &o->connections[i];

		if (!row->c.local.port || row->fd != fd)
			continue;
		end(row);
		known = true;
	}
	if (!known && o->missing[0])
		o->missing[0]--;
	pthread_mutex_unlock(&o->lock);
	tell(o, false);
	return close(fd);
}

/* ---- other processes ---- */

void own_traffic_watch(struct own_traffic *o, void (*fn)(void *ctx, bool fresh), void *ctx)
{
	pthread_mutex_lock(&o->watching);
	o->on_change = fn;
	o->ctx = ctx;
	pthread_mutex_unlock(&o->watching);
}

size_t own_traffic_list(struct own_traffic *o, struct own_connection *out, size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < o->used && n < max; i++) {
		const struct connection *row = &o->connections[i];

		if (row->c.local.port && row->owner == 0 && row->fd != CLOSED)
			out[n++] = row->c;
	}
	pthread_mutex_unlock(&o->lock);
	return n;
}

static bool same_address(const struct own_endpoint *e, const uint8_t addr[16])
{
	return !memcmp(e->addr, addr, sizeof(e->addr));
}

static bool same_connection(const struct own_connection *a, const struct own_connection *b)
{
	return a->v6 == b->v6 && a->local.port == b->local.port &&
	       a->remote.port == b->remote.port && same_address(&a->remote, b->remote.addr);
}

/* Of this owner, and open. Locked. */
static struct connection *find_foreign(struct own_traffic *o, unsigned int owner,
				       const struct own_connection *c)
{
	for (size_t i = 0; i < o->used; i++) {
		struct connection *row = &o->connections[i];

		if (row->owner == owner && row->fd == FOREIGN && same_connection(&row->c, c))
			return row;
	}
	return NULL;
}

static bool is_among(const struct own_connection *c, const struct own_connection *list, size_t n)
{
	while (n && !same_connection(c, &list[n - 1]))
		n--;
	return n > 0;
}

void own_traffic_learn(struct own_traffic *o, unsigned int owner, const struct own_connection *list,
		       size_t n)
{
	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < o->used; i++) {
		struct connection *row = &o->connections[i];

		if (row->owner == owner && row->fd == FOREIGN && !is_among(&row->c, list, n))
			end(row);
	}
	o->missing[owner] = 0;
	for (size_t i = 0; i < n; i++) {
		const struct connection fresh = {.c = list[i], .fd = FOREIGN, .owner = owner};
		struct connection *row = find_foreign(o, owner, &list[i]);

		if (row)
			*row = fresh;
		else
			put(o, &fresh);
	}
	pthread_mutex_unlock(&o->lock);
	warn_full(o);
}

/* ---- packets ---- */

static bool one_way(const struct own_connection *c, const uint8_t *local, uint16_t lport,
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
		const struct own_connection *c = &o->connections[i].c;

		if (c->local.port && c->v6 == t->v6)
			found = one_way(c, t->src, t->sport, t->dst, t->dport) ||
				one_way(c, t->dst, t->dport, t->src, t->sport);
	}
	pthread_mutex_unlock(&o->lock);
	return found;
}

/* Not inlined: what is plain, and nobody's port, does without its frame. */
static __attribute__((noinline)) bool match(struct own_traffic *o, const struct packet *pkt)
{
	struct dissect_tcp t;

	if (!dissect_tcp(pkt, &t))
		return false;
	if (!port_marked(o, t.sport) && !port_marked(o, t.dport))
		return false;
	return match_table(o, &t);
}

/* What nearly every packet is: UDP, or TCP between ports that are not ours. */
static bool is_plainly_foreign(struct own_traffic *o, const struct packet *pkt)
{
	const uint8_t *ip = dissect_plain(pkt);

	if (!ip)
		return false;
	return ip[9] == DISSECT_UDP ||
	       (ip[9] == DISSECT_TCP && !port_marked(o, bytes_get_be16(ip + 20)) &&
		!port_marked(o, bytes_get_be16(ip + 22)));
}

bool own_traffic_match(struct own_traffic *o, const struct packet *pkt)
{
	return !is_plainly_foreign(o, pkt) && match(o, pkt);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "output/listening.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "base/listen_socket.h"
#include "base/log.h"
#include "config/listen_address.h"

#define SOCKETS_MAX 8
#define BACKLOG     16
#define MODE        0660 /* who may connect to a path: packets are not for everybody */
#define BATCH       16   /* connections taken in one go */
#define REST_S      1.   /* after an error, such as no descriptor left */

/*
 * When a client's host is gone without a word: after 60 + 3 * 10 s if nothing was on its way to it;
 * else after tcp_retries2 (about 15 minutes), or when its buffer is full.
 */
#define SILENCE_S 60
#define PROBE_S   10
#define PROBES    3

struct listening {
	struct listening_options opt;
	struct ev_io io[SOCKETS_MAX];
	size_t n;
	struct ev_timer rest;
	struct log_limit limit;
	char *path; /* of a socket that we made; NULL: none */
};

/* ---- names ---- */

static void name_address(char *buf, size_t size, const struct sockaddr_storage *addr, socklen_t len)
{
	char host[64] = "?", port[16] = "?";

	getnameinfo((const struct sockaddr *)addr, len, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(buf, size, addr->ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static void name_peer(char *buf, size_t size, int fd, const struct sockaddr_storage *addr,
		      socklen_t len)
{
	struct ucred peer = {0};
	socklen_t peer_len = sizeof(peer);

	if (addr->ss_family != AF_UNIX) {
		name_address(buf, size, addr, len);
		return;
	}
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len);
	snprintf(buf, size, "process %d", (int)peer.pid);
}

/* A path, or @NAME for one that is not in the file system. */
static void name_path(char *buf, size_t size, const struct sockaddr_un *un)
{
	const char *path = un->sun_path;
	bool abstract = *path == '\0';

	snprintf(buf, size, "%s%.*s", abstract ? "@" : "", (int)sizeof(un->sun_path) - abstract,
		 path + abstract);
}

void listening_describe(const struct listening *l, char *buf, size_t size)
{
	size_t at = 0;

	*buf = '\0';
	for (size_t i = 0; i < l->n && at < size; i++) {
		struct sockaddr_storage addr = {0};
		socklen_t len = sizeof(addr);
		char name[sizeof(struct sockaddr_un)];

		getsockname(l->io[i].fd, (struct sockaddr *)&addr, &len);
		if (addr.ss_family == AF_UNIX)
			name_path(name, sizeof(name), (const struct sockaddr_un *)&addr);
		else
			name_address(name, sizeof(name), &addr, len);
		at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "", name);
	}
}

/* ---- connections ---- */

/* A packet goes at once, and a host that is gone is found; what fails of that does no harm. */
static void tune(int fd)
{
	const int on = 1, silence = SILENCE_S, probe = PROBE_S, probes = PROBES;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &silence, sizeof(silence));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &probe, sizeof(probe));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static void rest(struct listening *l, int err)
{
	uint64_t more;

	if (log_limit_pass(&l->limit, 60, &more))
		log_warn("%s: a client cannot connect: %s", l->opt.where, strerror(err));
	for (size_t i = 0; i < l->n; i++)
		ev_io_stop(l->opt.loop, &l->io[i]);
	ev_timer_again(l->opt.loop, &l->rest);
}

static void on_rested(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct listening *l = w->data;

	ev_timer_stop(loop, w);
	for (size_t i = 0; i < l->n; i++)
		ev_io_start(loop, &l->io[i]);
}

static bool is_passing(int err)
{
	return err == EINTR || err == ECONNABORTED || err == EPROTO;
}

static void on_connection(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct listening *l = w->data;
	char name[LISTENING_NAME_MAX];

	for (int i = 0; i < BATCH; i++) {
		struct sockaddr_storage addr = {0};
		socklen_t len = sizeof(addr);
		int fd = accept4(w->fd, (struct sockaddr *)&addr, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && is_passing(errno))
			continue;
		if (fd < 0 && errno != EAGAIN)
			rest(l, errno);
		if (fd < 0)
			return;
		if (addr.ss_family != AF_UNIX)
			tune(fd);
		name_peer(name, sizeof(name), fd, &addr, len);
		l->opt.on_client(l->opt.ctx, fd, name);
	}
}

/* ---- sockets ---- */

static void add(struct listening *l, int fd)
{
	struct ev_io *io = &l->io[l->n++];

	ev_io_init(io, on_connection, fd, EV_READ);
	io->data = l;
	ev_io_start(l->opt.loop, io);
}

static int take_from_systemd(struct listening *l)
{
	int n = sd_listen_fds(1);

	if (n < 0)
		return n;
	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++) {
		int flags = fcntl(fd, F_GETFL);

		if (l->n == SOCKETS_MAX)
			return -E2BIG;
		if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
			return -ENOTSOCK;
		if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
			return -errno;
		add(l, fd);
	}
	return l->n ? 0 : -ENOENT;
}

static int open_address(struct listening *l)
{
	struct listen_address address;
	char why[256];
	int fd, r = listen_address_parse(&address, l->opt.where, why, sizeof(why));

	if (r < 0)
		return r;
	fd = listen_socket((const struct sockaddr *)&address.addr, address.len, MODE, BACKLOG);
	if (fd < 0)
		return fd;
	add(l, fd);
	if (address.addr.ss_family != AF_UNIX)
		return 0;
	l->path = strdup(l->opt.where);
	return l->path ? 0 : -ENOMEM;
}

static void log_failure(const struct listening *l, bool systemd, int err)
{
	if (!systemd)
		log_error("cannot listen on %s: %s%s", l->opt.where, strerror(-err),
			  listen_socket_advice(-err));
	else if (err == -ENOENT)
		log_error(
			"listen is systemd, but systemd passed no socket: start the .socket unit, "
			"not the service");
	else
		log_error("cannot use the sockets that systemd passed: %s; at most %d, each by "
			  "ListenStream= with Accept=no",
			  strerror(-err), SOCKETS_MAX);
}

int listening_new(struct listening **out, const struct listening_options *opt)
{
	struct listening *l = calloc(1, sizeof(*l));
	bool systemd = !strcmp(opt->where, LISTEN_SYSTEMD);
	int r;

	if (!l)
		return -ENOMEM;
	l->opt = *opt;
	ev_timer_init(&l->rest, on_rested, 0., REST_S);
	l->rest.data = l;
	r = systemd ? take_from_systemd(l) : open_address(l);
	if (r < 0) {
		log_failure(l, systemd, r);
		listening_free(l);
		return r;
	}
	*out = l;
	return 0;
}

void listening_free(struct listening *l)
{
	if (!l)
		return;
	ev_timer_stop(l->opt.loop, &l->rest);
	if (l->path)
		unlink(l->path); /* first: nobody takes it for a dead one, and his own goes */
	for (size_t i = 0; i < l->n; i++) {
		ev_io_stop(l->opt.loop, &l->io[i]);
		close(l->io[i].fd);
	}
	free(l->path);
	free(l);
}

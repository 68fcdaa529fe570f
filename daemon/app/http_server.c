/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd has no thread here: its epoll descriptor is watched by the loop, each event runs it
 * once (MHD_run), and after each run it says how long it may be left alone (MHD_get_timeout).
 *
 * Its timeout ends with each byte that comes; so that nobody lasts for ever by sending slowly, the
 * socket of an old connection is shut down, which libmicrohttpd takes for the end of its peer.
 */
#include "app/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/listen_socket.h"
#include "base/log.h"

#define SILENCE_S  2
#define LIFETIME_S 5.
#define BACKLOG    128
#define MEMORY     ((size_t)8192) /* of a connection: its headers, in and out */
#define LOOK_S     0.5            /* at how old connections are, while there are some */

/* A connection; libmicrohttpd has the pointer. */
struct slot {
	int fd; /* -1: free */
	double since;
};

struct http_server {
	struct http_server_options opt;
	struct MHD_Daemon *daemon;
	ev_io io;
	ev_timer timer;
	struct slot *slots;
	unsigned int used;
	uint64_t begun; /* connections, ever */
};

/* ---- running ---- */

static void end_old_ones(struct http_server *s)
{
	for (unsigned int i = 0; s->used && i < s->opt.connections; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->fd >= 0 && ev_now(s->opt.loop) - slot->since >= s->opt.lifetime_s)
			shutdown(slot->fd, SHUT_RDWR);
	}
}

static void run(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms = 0;
	double wait = 0;

	end_old_ones(s);
	MHD_run(s->daemon);
	if (MHD_get_timeout(s->daemon, &ms) == MHD_YES)
		wait = ms ? (double)ms / 1e3 : 1e-6;
	if (s->used && (wait == 0 || wait > LOOK_S))
		wait = LOOK_S;
	s->timer.repeat = wait;
	if (wait > 0)
		ev_timer_again(s->opt.loop, &s->timer);
	else
		ev_timer_stop(s->opt.loop, &s->timer);
}

/* Who waits stays readable: without a descriptor for it the loop would spin. */
static void rest(struct http_server *s)
{
	ev_io_stop(s->opt.loop, &s->io);
	s->timer.repeat = LOOK_S;
	ev_timer_again(s->opt.loop, &s->timer);
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	struct http_server *s = w->data;
	bool waits = s->used == 0; /* somebody to be accepted: there is nothing else */
	uint64_t begun = s->begun;

	run(s);
	if (waits && s->begun == begun)
		rest(s);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct http_server *s = w->data;

	ev_io_start(loop, &s->io);
	run(s);
}

/* ---- what libmicrohttpd calls ---- */

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http_server *s = cls;
	struct slot *slot = *context;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (slot) {
			slot->fd = -1;
			s->used--;
		}
		return;
	}
	for (unsigned int i = 0; i < s->opt.connections; i++) {
		slot = &s->slots[i];
		if (slot->fd >= 0)
			continue;
		slot->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
				   ->connect_fd;
		slot->since = ev_now(s->opt.loop);
		*context = slot;
		s->used++;
		s->begun++;
		return;
	}
}

static enum MHD_Result queue(struct MHD_Connection *connection, const struct http_answer *answer)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(answer->len, answer->text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result r = MHD_NO;

	if (!response) {
		free(answer->text);
		return MHD_NO;
	}
	/* A connection that is kept would be silent until the next scrape. */
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES &&
	    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type) ==
		    MHD_YES &&
	    (answer->status != MHD_HTTP_METHOD_NOT_ALLOWED ||
	     MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES))
		r = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **context)
{
	struct http_server *s = cls;
	struct http_answer answer = {.status = MHD_HTTP_METHOD_NOT_ALLOWED,
				     .type = "text/plain; charset=utf-8"};

	if (!strcmp(method, MHD_HTTP_METHOD_GET) || !strcmp(method, MHD_HTTP_METHOD_HEAD))
		s->opt.on_get(s->opt.ctx, path,
			      MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							  MHD_HTTP_HEADER_ACCEPT),
			      &answer);
	else
		answer.text = strdup("");
	return answer.text ? queue(connection, &answer) : MHD_NO;
}

/* What it says is of peers that break off and the like. */
__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *fmt, va_list ap)
{
	char text[256];

	if (!log_enabled(LOG_LEVEL_DEBUG))
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	log_debug("metrics: %s", text);
}

/* ---- life ---- */

static const char *path_of(const struct http_server *s)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&s->opt.address.addr;

	return un->sun_family == AF_UNIX ? un->sun_path : NULL;
}

/* Nobody listens there any more. */
static void leave_path(const struct http_server *s)
{
	if (path_of(s))
		unlink(path_of(s));
}

static int start(struct http_server *s, int fd)
{
	const struct MHD_OptionItem options[] = {
		{MHD_OPTION_LISTEN_SOCKET, fd, NULL},
		{MHD_OPTION_CONNECTION_LIMIT, s->opt.connections, NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, s->opt.silence_s, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY, NULL},
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s},
		{MHD_OPTION_END, 0, NULL},
	};
	const union MHD_DaemonInfo *info;

	s->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
				     s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s, MHD_OPTION_ARRAY,
				     options, MHD_OPTION_END);
	if (!s->daemon) { /* else the socket is its own */
		close(fd);
		leave_path(s);
		return -EIO;
	}
	info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -EIO;
	ev_io_init(&s->io, on_io, info->epoll_fd, EV_READ);
	s->io.data = s;
	ev_io_start(s->opt.loop, &s->io);
	return 0;
}

static void set_defaults(struct http_server_options *opt)
{
	if (!opt->connections)
		opt->connections = HTTP_SERVER_CONNECTIONS;
	if (!opt->silence_s)
		opt->silence_s = SILENCE_S;
	if (opt->lifetime_s <= 0)
		opt->lifetime_s = LIFETIME_S;
}

int http_server_new(struct http_server **out, const struct http_server_options *opt)
{
	struct http_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->opt = *opt;
	set_defaults(&s->opt);
	ev_timer_init(&s->timer, on_timer, 0., 0.);
	ev_io_init(&s->io, on_io, -1, 0);
	s->timer.data = s;
	s->slots = calloc(s->opt.connections, sizeof(*s->slots));
	for (unsigned int i = 0; s->slots && i < s->opt.connections; i++)
		s->slots[i].fd = -1;
	r = s->slots ? listen_socket((const struct sockaddr *)&s->opt.address.addr,
				     s->opt.address.len, 0666, BACKLOG)
		     : -ENOMEM;
	if (r >= 0)
		r = start(s, r);
	if (r < 0) {
		http_server_free(s);
		return r;
	}
	*out = s;
	return 0;
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	ev_io_stop(s->opt.loop, &s->io);
	ev_timer_stop(s->opt.loop, &s->timer);
	if (s->daemon) {
		MHD_stop_daemon(s->daemon); /* closes the listening socket too */
		leave_path(s);
	}
	free(s->slots);
	free(s);
}

const char *http_server_library_version(void)
{
	return MHD_get_version();
}

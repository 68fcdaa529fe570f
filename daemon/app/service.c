/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3) waits while the manager's queue is full, so the messages are sent from here, without
 * waiting. What finds no room stays due, and is tried again every RETRY_S: the state's changes in
 * their order, the newest status, one watchdog message. What nobody listens to is dropped.
 */
#include "app/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/printable.h"

#define RETRY_S    0.1
#define CHANGE_MAX 96
#define CHANGES    4 /* READY, RELOADING, READY, STOPPING */
#define STATUS_MAX 704

static const char reloading[] = "RELOADING=1\n";
static const char status_prefix[] = "STATUS=";

struct service {
	struct ev_loop *loop;
	int fd; /* -1: nobody is to be told */
	struct sockaddr_un address;
	socklen_t address_len;
	ev_timer watchdog, retry;
	char changes[CHANGES][CHANGE_MAX]; /* of the state, that are due */
	size_t n_changes;
	char status[sizeof(status_prefix) + STATUS_MAX];
	bool status_due, alive_due;
	uint64_t alive; /* times that it was told */
};

/* ---- sending ---- */

/* Returns false when there is no room for it now. */
static bool send_now(const struct service *s, const char *text)
{
	ssize_t n = sendto(s->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
			   (const struct sockaddr *)&s->address, s->address_len);

	return n >= 0 || (errno != EAGAIN && errno != ENOBUFS && errno != EINTR);
}

static bool send_changes(struct service *s)
{
	size_t sent = 0;

	while (sent < s->n_changes && send_now(s, s->changes[sent]))
		sent++;
	s->n_changes -= sent;
	memmove(s->changes, s->changes + sent, s->n_changes * sizeof(s->changes[0]));
	return s->n_changes == 0;
}

static void send_due(struct service *s)
{
	if (s->fd < 0)
		return;
	if (send_changes(s)) {
		if (s->alive_due && send_now(s, "WATCHDOG=1")) {
			s->alive_due = false;
			s->alive++;
		}
		s->status_due = s->status_due && !send_now(s, s->status);
	}
	if (!s->n_changes && !s->status_due && !s->alive_due)
		ev_timer_stop(s->loop, &s->retry);
	else if (!ev_is_active(&s->retry))
		ev_timer_again(s->loop, &s->retry);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	send_due(w->data);
}

static void on_watchdog(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct service *s = w->data;

	s->alive_due = true;
	send_due(s);
}

/* A reload that was not told yet has been overtaken by another one. */
static void forget_reload(struct service *s)
{
	for (size_t i = 0; i < s->n_changes; i++)
		if (!strncmp(s->changes[i], reloading, strlen(reloading)))
			s->n_changes = i;
}

static void tell_change(struct service *s, const char *text)
{
	if (s->fd >= 0 && s->n_changes < CHANGES)
		snprintf(s->changes[s->n_changes++], CHANGE_MAX, "%s", text);
	send_due(s);
}

/* ---- life ---- */

/* $NOTIFY_SOCKET: a path, or with an @ a name in the abstract name space. */
static int open_socket(struct service *s, const char *name)
{
	size_t len = strlen(name);

	s->address.sun_family = AF_UNIX;
	if ((*name != '/' && *name != '@') || len < 2 || len >= sizeof(s->address.sun_path))
		return -EINVAL;
	memcpy(s->address.sun_path, name, len);
	s->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (*name == '@')
		s->address.sun_path[0] = '\0';
	else
		s->address_len++;
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return s->fd < 0 ? -errno : 0;
}

int service_new(struct service **out, struct ev_loop *loop)
{
	struct service *s = calloc(1, sizeof(*s));
	const char *name = getenv("NOTIFY_SOCKET");
	uint64_t usec = 0;
	int r;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->fd = -1;
	ev_timer_init(&s->watchdog, on_watchdog, 0., 0.);
	ev_timer_init(&s->retry, on_retry, 0., RETRY_S);
	s->watchdog.data = s->retry.data = s;
	r = name ? open_socket(s, name) : 0;
	if (r < 0)
		log_warn("NOTIFY_SOCKET=%s: %s; the service manager gets no notifications", name,
			 strerror(-r));
	if (s->fd >= 0 && sd_watchdog_enabled(0, &usec) > 0) {
		s->watchdog.repeat = (double)usec / 2e6;
		ev_timer_again(loop, &s->watchdog);
	}
	*out = s;
	return 0;
}

void service_free(struct service *s)
{
	if (!s)
		return;
	ev_timer_stop(s->loop, &s->watchdog);
	ev_timer_stop(s->loop, &s->retry);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

uint64_t service_watchdog_count(const struct service *s)
{
	return s->alive;
}

bool service_is_notified(const struct service *s)
{
	return s->fd >= 0;
}

/* ---- what is told ---- */

void service_set_status(struct service *s, const char *text)
{
	char status[sizeof(s->status)];

	if (s->fd < 0)
		return;
	snprintf(status, sizeof(status), "%s%s", status_prefix, text);
	printable_line(status); /* a line end would begin another assignment */
	if (strcmp(s->status, status) != 0) {
		memcpy(s->status, status, sizeof(s->status));
		s->status_due = true;
	}
	send_due(s);
}

void service_ready(struct service *s)
{
	tell_change(s, "READY=1");
}

void service_reloading(struct service *s)
{
	char text[CHANGE_MAX];

	/* Newer systemd wants the time of the reload beside it; older ones ignore that. */
	snprintf(text, sizeof(text), "%sMONOTONIC_USEC=%" PRId64, reloading,
		 clock_ns(CLOCK_MONOTONIC) / 1000);
	forget_reload(s);
	tell_change(s, text);
}

void service_stopping(struct service *s, unsigned int need_ms)
{
	char text[CHANGE_MAX];

	/* The unit's TimeoutStopSec= may be shorter than a shutdown-timeout that was set. */
	snprintf(text, sizeof(text), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64,
		 (uint64_t)need_ms * 1000);
	tell_change(s, text);
}

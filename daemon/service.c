/* SPDX-License-Identifier: Apache-2.0 */
#include "service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-daemon.h>

struct service {
	struct ev_loop *loop;
	bool notified;
	ev_timer watchdog;
	char status[704];
};

static void on_watchdog(struct ev_loop *loop, ev_timer *w, int revents)
{
	sd_notify(0, "WATCHDOG=1");
}

int service_new(struct service **out, struct ev_loop *loop)
{
	struct service *s = calloc(1, sizeof(*s));
	uint64_t usec = 0;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->notified = getenv("NOTIFY_SOCKET") != NULL;
	ev_timer_init(&s->watchdog, on_watchdog, 0., 0.);
	if (sd_watchdog_enabled(0, &usec) > 0) {
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
	free(s);
}

bool service_is_notified(const struct service *s)
{
	return s->notified;
}

void service_set_status(struct service *s, const char *text)
{
	if (!s->notified || !strcmp(s->status, text))
		return;
	snprintf(s->status, sizeof(s->status), "%s", text);
	sd_notifyf(0, "STATUS=%s", text);
}

void service_ready(struct service *s)
{
	sd_notify(0, "READY=1");
}

void service_reloading(struct service *s)
{
	struct timespec ts;

	/* Newer systemd wants the time of the reload beside it; older ones ignore that. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		   (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
}

void service_stopping(struct service *s, unsigned int need_ms)
{
	/* The unit's TimeoutStopSec= may be shorter than a shutdown-timeout that was set. */
	sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64, (uint64_t)need_ms * 1000);
}

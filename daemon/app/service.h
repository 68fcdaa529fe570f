/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What we tell systemd (sd_notify(3)): ready, reloading, stopping, status, and that we live.
 * Without a notify socket every call does nothing. None waits: what systemd does not take at once
 * is told later, from the loop.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct service;

/*
 * Starts to feed the watchdog when systemd asks for it, at half its interval. 0 or -ENOMEM. A
 * socket that cannot be used is logged, and nobody is told anything.
 */
int service_new(struct service **out, struct ev_loop *loop);
void service_free(struct service *s);

/* How often the watchdog was fed. */
uint64_t service_watchdog_count(const struct service *s);

/* True when systemd (or something like it) listens. */
bool service_is_notified(const struct service *s);

/* STATUS=, made printable; sent when it differs from the last. */
void service_set_status(struct service *s, const char *text);

void service_ready(struct service *s);
void service_reloading(struct service *s); /* service_ready() ends it, whatever came of it */
/* The stop takes at most this long. */
void service_stopping(struct service *s, unsigned int need_ms);

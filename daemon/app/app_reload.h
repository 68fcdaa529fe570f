/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reload, from its request to its answer.
 */
#pragma once

#include <ev.h>
#include <stddef.h>

struct app;

/*
 * Begins a reload: control_socket_reload_fn with a struct app. One that is pending makes way: what
 * it read may have changed since, and whoever waits for it gets the answer of this one.
 */
int app_reload(void *ctx, char *why, size_t size);

/* One that is pending, if any, ends in this. */
void app_reload_cancel(struct app *a, int r, const char *why);

/* As on_reloaded() of a role, and what its timer calls when that has not come in time. */
void app_reload_done(void *ctx, int r, const char *why);
void app_reload_late(struct ev_loop *loop, ev_timer *w, int revents);

/* At the end, when nobody waits for an answer any more. */
void app_reload_release(struct app *a);

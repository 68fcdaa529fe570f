/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of app, for its own files: app.c is the loop, signals and the end, app_reload.c a
 * reload from its request to its answer.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/side.h"
#include "cli/options.h"
#include "config/config.h"

struct app {
	struct ev_loop *loop;
	struct config *cfg;
	const struct options *options;
	const struct side_ops *ops;
	struct side *side;
	struct signals *signals;
	struct service *service;
	struct control *control;
	struct config *fresh; /* of a reload that is pending */
	ev_timer stats, status, stall, deadline, leave, patience, reload;
	char state[480];
	uint64_t progress;
	double progress_at;
	bool started;     /* READY=1 was told */
	bool interrupted; /* by a first signal */
	bool stopping, abandoned;
	int exit_status;
	bool hung;         /* not even giving up came to its end */
	char stalled[256]; /* what a run waited for that was given up; "": none was */
};

/* After the settings changed. A reload that leaves an interval alone does not put its tick off. */
void app_start_timers(struct app *a);

/*
 * Begins a reload: control_reload_fn with a struct app. One that is pending makes way: what it read
 * may have changed since, and whoever waits for it gets the answer of this one.
 */
int app_reload(void *ctx, char *why, size_t size);

/* One that is pending, if any, ends in this. */
void app_reload_cancel(struct app *a, int r, const char *why);

/* As on_reloaded() of a side, and what its timer calls when that has not come in time. */
void app_reload_done(void *ctx, int r, const char *why);
void app_reload_late(struct ev_loop *loop, ev_timer *w, int revents);

/* At the end, when nobody waits for an answer any more. */
void app_reload_release(struct app *a);

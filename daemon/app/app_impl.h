/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of an app, for its own files: app.c is the loop, signals and the end; below it
 * app_reload.c, a reload from its request to its answer, and app_timers.c.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/role.h"
#include "cli/options.h"
#include "config/config.h"

struct app {
	struct ev_loop *loop;
	const struct config *cfg;
	const struct options *options;
	struct extcap *extcap; /* NULL: not run by Wireshark */
	const struct role_ops *ops;
	struct role *role;
	struct signals *signals;
	struct service *service;
	struct control_socket *control;
	struct metrics_server *metrics; /* app_metrics.c */
	uint64_t reloads, reloads_refused;
	bool refused_last;          /* the last reload was */
	double born;                /* seconds since the epoch */
	const struct config *fresh; /* of a reload that is pending */
	ev_timer stats, status, stall, deadline, leave, patience, reload, look, duration;
	struct progress_meter meter;          /* app_progress.c */
	bool meter_over;                      /* its last line was drawn */
	bool stdout_is_pipe, stdout_is_there; /* the latter: on the terminal that stderr is on */
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

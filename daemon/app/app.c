/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an instance ends. By itself (limit, end of the file or topic): it drains for as long as
 * there is progress. By a signal or a failure: it drains until the shutdown timeout, or until that
 * is of no use (all is on disk, and Kafka is away). A second signal, a passed deadline or a stall:
 * what is left is counted and given up. Whatever hangs, the loop is left some seconds after that.
 */
#include "app/app.h"

#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app_impl.h"
#include "app/app_metrics.h"
#include "app/app_progress.h"
#include "app/app_reload.h"
#include "app/app_timers.h"
#include "app/control_socket.h"
#include "app/metrics_server.h"
#include "app/service.h"
#include "app/signals.h"
#include "base/log.h"
#include "config/config_ref.h"
#include "config/file_limits.h"
#include "config/run_end.h"
#include "extcap/extcap.h"

#define STATUS_S      1.  /* how often STATUS= is refreshed */
#define EXTCAP_S      10. /* how often Wireshark's status line is */
#define LAST_RESORT_S 5.  /* from giving up to leaving the loop */
#define PATIENCE_S    1.  /* from a signal to the line on what is waited for */
#define LEAVE_S       .1  /* how often a stop looks whether it needs to wait */
#define STOP_SLACK_MS 10000

/* ---- the end ---- */

static void abandon(struct app *a)
{
	if (a->abandoned)
		return;
	a->abandoned = true;
	a->deadline.repeat = LAST_RESORT_S;
	ev_timer_again(a->loop, &a->deadline);
	a->ops->abandon(a->role);
}

static void stop(struct app *a, int status)
{
	if (status > a->exit_status)
		a->exit_status = status;
	if (a->stopping)
		return;
	app_reload_cancel(a, -EBUSY, "the instance is being stopped");
	a->stopping = true;
	service_stopping(a->service, a->cfg->shutdown_timeout_ms + STOP_SLACK_MS);
	a->ops->stop(a->role);
}

static void stop_by_deadline(struct app *a, int status)
{
	if (!ev_is_active(&a->deadline)) {
		ev_timer_set(&a->deadline, a->cfg->shutdown_timeout_ms / 1e3, 0.);
		ev_timer_start(a->loop, &a->deadline);
		ev_timer_set(&a->leave, 0., LEAVE_S);
		ev_timer_start(a->loop, &a->leave);
	}
	stop(a, status);
}

static void on_leave(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct app *a = w->data;

	if (a->abandoned || !a->ops->may_leave)
		ev_timer_stop(loop, w);
	else if (a->ops->may_leave(a->role))
		abandon(a);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct app *a = w->data;

	if (a->abandoned) {
		log_error("Shutting down took too long: exiting");
		a->hung = true;
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	abandon(a);
}

/* Whoever stopped it at a terminal wants to know how long that takes. */
static void on_patience(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct app *a = w->data;
	double left = ev_timer_remaining(loop, &a->deadline);
	char what[256];

	if (a->abandoned || left < 1.)
		return;
	a->ops->waiting_for(a->role, what, sizeof(what));
	log_info("Waiting for %s; for %.0f s more at most, a second signal gives up at once", what,
		 left);
}

static void on_stall_check(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct app *a = w->data;
	uint64_t progress = a->ops->progress(a->role);
	uint32_t timeout = a->cfg->stall_timeout_ms;
	bool whole = timeout % 1000 == 0;

	if (progress != a->progress) {
		a->progress = progress;
		a->progress_at = ev_now(loop);
		return;
	}
	if (a->abandoned || ev_now(loop) - a->progress_at < timeout / 1e3)
		return;
	a->ops->waiting_for(a->role, a->stalled, sizeof(a->stalled));
	log_error("No progress for %u %s, giving up; waited for %s",
		  whole ? timeout / 1000 : timeout, whole ? "s" : "ms", a->stalled);
	stop(a, 0); /* what that makes of the run, finish() knows */
	abandon(a);
}

static void on_duration(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct app *a = w->data;

	if (a->stopping)
		return;
	a->ops->complete(a->role);
	stop(a, 0);
}

/* ---- events ---- */

static void on_signal(void *ctx, int signo)
{
	struct app *a = ctx;
	char why[CONTROL_WHY_MAX] = "";

	if (signo == SIGUSR1) {
		a->ops->log_stats(a->role);
	} else if (signo == SIGHUP && a->cfg->file) {
		app_reload(a, why, sizeof(why));
	} else if (!a->interrupted) {
		a->interrupted = true;
		extcap_stop(a->extcap);
		app_progress_end(a);
		log_info("Clean shutdown process started");
		stop_by_deadline(a, 0);
		ev_timer_set(&a->patience, PATIENCE_S, 0.);
		ev_timer_start(a->loop, &a->patience);
	} else {
		abandon(a);
	}
}

static void on_stats(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct app *a = w->data;

	a->ops->log_stats(a->role);
}

static void on_look(struct ev_loop *loop, ev_timer *w, int revents)
{
	app_progress_show(w->data);
}

static void on_status(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct app *a = w->data;
	char summary[256], text[768];

	a->ops->summary(a->role, summary, sizeof(summary));
	snprintf(text, sizeof(text), "%s: %s", a->stopping ? "stopping" : a->state, summary);
	service_set_status(a->service, text);
	extcap_set_status(a->extcap, text);
}

static void on_done(void *ctx, int status)
{
	struct app *a = ctx;

	if (status == 0 && run_end_is_set(a->cfg))
		stop(a, 0);
	else
		stop_by_deadline(a, status);
}

static void on_stopped(void *ctx)
{
	struct app *a = ctx;

	ev_break(a->loop, EVBREAK_ALL);
}

static void on_state(void *ctx, const char *text)
{
	struct app *a = ctx;

	if (!strcmp(a->state, text))
		return;
	snprintf(a->state, sizeof(a->state), "%s", text);
	/* Before READY=1 the state is the first status; later changes show at once too. */
	if (a->stopping)
		return;
	service_set_status(a->service, a->state);
	extcap_set_state(a->extcap, a->state);
}

/* ---- life ---- */

static void init_timer(struct app *a, ev_timer *timer,
		       void (*cb)(struct ev_loop *, ev_timer *, int))
{
	ev_timer_init(timer, cb, 0., 0.);
	timer->data = a;
}

/* Only where a service manager has made the directory for the socket of this instance. */
static int open_control(struct app *a)
{
	const char *directories = getenv("RUNTIME_DIRECTORY"), *name = a->cfg->instance;
	char path[128];

	if (!name || !directories)
		return 0;
	if (!control_socket_has_directory(directories, name)) {
		log_debug("RUNTIME_DIRECTORY=%s is not for the instance %s: no control socket",
			  directories, name);
		return 0;
	}
	if (control_socket_path(path, sizeof(path), name) < 0) {
		log_error("%s: the name of an instance may have at most %zu bytes, or the path of "
			  "its control socket is too long; give the file a shorter name",
			  a->cfg->file, control_socket_name_max());
		return -ENOPROTOOPT;
	}
	return control_socket_new(&a->control, a->loop, path, app_reload, a);
}

/* The duration of a run begins when it captures or reads, or waits until it can. */
static void limit_duration(struct app *a)
{
	uint64_t us = file_limits_of(a->cfg->autostop).duration_us;

	if (!us)
		return;
	ev_timer_set(&a->duration, (double)us / 1e6, 0.);
	ev_timer_start(a->loop, &a->duration);
}

static void on_started(void *ctx)
{
	struct app *a = ctx;

	a->started = true;
	a->progress_at = ev_now(a->loop);
	app_timers_start(a);
	limit_duration(a);
	app_progress_begin(a);
	if (service_is_notified(a->service) || a->extcap)
		app_timers_set(a, &a->status, a->extcap ? EXTCAP_S : STATUS_S);
	service_ready(a->service);
}

static int start(struct app *a)
{
	struct role_options opt = {
		.loop = a->loop,
		.cfg = a->cfg,
		.events = {.on_started = on_started,
			   .on_reloaded = app_reload_done,
			   .on_done = on_done,
			   .on_stopped = on_stopped,
			   .on_state = on_state,
			   .ctx = a},
	};
	int r = service_new(&a->service, a->loop);

	app_progress_prepare(a);
	if (r == 0)
		r = signals_new(&a->signals, a->loop, on_signal, a);
	if (r == 0)
		r = open_control(a);
	if (r == 0)
		r = app_metrics_open(a);
	if (r == 0)
		r = a->ops->new (&a->role, &opt);
	if (r == 0)
		on_started(a);
	return r < 0 ? r : 0;
}

static void release(struct app *a)
{
	control_socket_free(a->control);
	metrics_server_free(a->metrics);
	if (a->role)
		a->ops->free(a->role);
	signals_free(a->signals);
	service_free(a->service);
	app_reload_release(a);
	config_unref(a->cfg);
	if (a->loop)
		ev_loop_destroy(a->loop);
}

/* A run that was given up has failed, unless all that it was to take is in Kafka or on disk. */
static bool is_cut_short(const struct app *a)
{
	return *a->stalled && !(a->ops->is_done && a->ops->is_done(a->role));
}

/* The last line of a run that fails says why. */
static int finish(struct app *a)
{
	int r;

	app_progress_end(a);
	r = a->ops->finish(a->role, a->interrupted);
	if (r == 0 && is_cut_short(a)) {
		log_error("Given up, waited for %s", a->stalled);
		r = 1;
	}
	if (r == 0 && a->hung) {
		log_error("Exiting before the Kafka client has ended");
		r = 1;
	}
	return r ? r : a->exit_status;
}

int app_run(const struct config *cfg, const struct options *options, struct extcap *extcap)
{
	struct app a = {.cfg = cfg, .options = options, .extcap = extcap};
	int r;

	a.ops = cfg->mode == CONFIG_MODE_CONSUMER ? &consumer_role_ops : &producer_role_ops;
	a.loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	if (!a.loop) {
		log_error("Cannot create an event loop: %s", strerror(errno));
		release(&a);
		return 1;
	}
	a.born = ev_now(a.loop);
	init_timer(&a, &a.stats, on_stats);
	init_timer(&a, &a.status, on_status);
	init_timer(&a, &a.stall, on_stall_check);
	init_timer(&a, &a.deadline, on_deadline);
	init_timer(&a, &a.leave, on_leave);
	init_timer(&a, &a.patience, on_patience);
	init_timer(&a, &a.reload, app_reload_late);
	init_timer(&a, &a.look, on_look);
	init_timer(&a, &a.duration, on_duration);
	r = start(&a);
	if (r == 0) {
		ev_run(a.loop, 0);
		a.exit_status = finish(&a);
	} else {
		/* Mostly it has been said with the name of what could not be made. */
		if (!log_last_was_error())
			log_error("Cannot start: %s", strerror(-r));
		a.exit_status = r == -ENOPROTOOPT ? ROLE_STATUS_SETTINGS : 1;
	}
	release(&a);
	return a.exit_status;
}

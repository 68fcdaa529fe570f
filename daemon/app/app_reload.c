/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reload may have to wait for the new capture to open, so it can be pending: the old settings
 * stay in force until the role says how it ended.
 */
#include "app/app_reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "app/app_progress.h"
#include "app/app_timers.h"
#include "app/change.h"
#include "app/control_socket.h"
#include "app/metrics_server.h"
#include "app/service.h"
#include "base/log.h"
#include "cli/config_faults.h"
#include "config/config_ref.h"
#include "config/settings_value.h"
#include "kafka/kafkawarn.h"

#define RELOAD_S 80. /* it may be pending; control_socket.c waits longer, and systemd for 90 s */

static const char *shown(const char *value)
{
	return *value ? value : "(unset)";
}

static void log_difference(void *ctx, const struct difference *d)
{
	log_info("reload: %s: %s -> %s", d->name, shown(d->before), shown(d->after));
}

struct refusal {
	char *why;
	size_t size;
};

static void refuse_restart(void *ctx, const struct difference *d)
{
	struct refusal *refusal = ctx;
	char line[1024];

	if (d->change != CONFIG_CHANGE_RESTART)
		return;
	snprintf(line, sizeof(line), "%s: %s -> %s needs a restart", d->name, shown(d->before),
		 shown(d->after));
	log_error("reload: %s", line);
	config_faults_append(refusal->why, refusal->size, line);
}

/* A filter is compiled for the link type of the interface, when its line is long read. */
static void name_place_of_filter(const struct config *cfg, char *why, size_t size)
{
	const char *origin = settings_origin(cfg, "filter");
	char text[1024]; /* what is longer is cut */

	if (origin && strstr(why, "filter '") &&
	    snprintf(text, sizeof(text), "%s: %s", origin, why) > 0)
		snprintf(why, size, "%s", text);
}

/* Applies `fresh` in full or not at all. */
static int apply(struct app *a, const struct config *fresh, char *why, size_t size)
{
	struct refusal refusal = {why, size};
	int r;

	if (fresh->mode != a->cfg->mode) {
		snprintf(why, size,
			 "mode: a producer cannot become a consumer, or a consumer a "
			 "producer, while it runs; restart it");
		return -EINVAL;
	}
	if (change_between(a->cfg, fresh, refuse_restart, &refusal) & CONFIG_CHANGE_RESTART)
		return -EINVAL;
	r = metrics_server_prepare(a->metrics, fresh, why, size);
	if (r < 0)
		return r;
	r = a->ops->reload(a->role, fresh, why, size);
	if (r < 0)
		name_place_of_filter(fresh, why, size);
	return r;
}

static void discard(struct app *a, const struct config *fresh)
{
	metrics_server_cancel(a->metrics);
	log_set_level(a->cfg->log_level);
	config_unref(fresh);
}

static void adopt(struct app *a, const struct config *fresh)
{
	const struct config *old = a->cfg;

	a->cfg = fresh;
	metrics_server_commit(a->metrics);
	change_between(old, fresh, log_difference, NULL);
	config_unref(old);
	config_set_identity(fresh);
	kafkawarn(fresh);
	log_set_level(fresh->log_level);
	log_set_format(fresh->log_format, fresh->log_time);
	app_timers_start(a);
	app_progress_begin(a);
}

static int reload(struct app *a, char *why, size_t size)
{
	const struct config *fresh = NULL;
	int r = options_reload(a->options, &fresh, why, size);

	if (r == 0) {
		/* Neither the old level nor the new one hides what is said of the change. */
		if (fresh->log_level > a->cfg->log_level)
			log_set_level(fresh->log_level);
		r = apply(a, fresh, why, size);
	}
	if (r < 0)
		discard(a, fresh);
	else if (r == 0)
		adopt(a, fresh);
	else
		a->fresh = fresh;
	return r;
}

/* `why` is a line, or more: then each has been logged. */
static void log_refused(const char *why)
{
	size_t first = strcspn(why, "\n");

	log_write_event(LOG_LEVEL_ERROR, LOG_EVENT_RELOAD_REFUSED, NULL, 0,
			"Reload refused, the old settings stay: %.*s%s", (int)first, why,
			why[first] ? " (and more, above)" : "");
}

static void answer(struct app *a, int r, const char *why)
{
	a->refused_last = r < 0;
	if (r < 0) {
		a->reloads_refused++;
		log_refused(why);
	} else {
		a->reloads++;
		log_info("Reloaded %s", a->cfg->file);
	}
	ev_timer_stop(a->loop, &a->reload);
	control_socket_answer(a->control, r, why);
	service_ready(a->service);
}

void app_reload_done(void *ctx, int r, const char *why)
{
	struct app *a = ctx;
	const struct config *fresh = a->fresh;
	char text[1024];

	snprintf(text, sizeof(text), "%s", why);
	a->fresh = NULL;
	if (r < 0) {
		name_place_of_filter(fresh, text, sizeof(text));
		discard(a, fresh);
	} else {
		adopt(a, fresh);
	}
	answer(a, r, text);
}

void app_reload_cancel(struct app *a, int r, const char *why)
{
	if (!a->fresh)
		return;
	a->ops->cancel_reload(a->role);
	app_reload_done(a, r, why);
}

void app_reload_late(struct ev_loop *loop, ev_timer *w, int revents)
{
	app_reload_cancel(
		w->data, -ETIMEDOUT,
		"the new capture is not open yet: its filter is still being compiled (does "
		"the name service answer?), or Kafka takes no packets");
}

static void supersede(struct app *a)
{
	if (!a->fresh)
		return;
	a->ops->cancel_reload(a->role);
	discard(a, a->fresh);
	a->fresh = NULL;
}

int app_reload(void *ctx, char *why, size_t size)
{
	struct app *a = ctx;
	int r;

	/* READY=1 would come too early, or take back the STOPPING=1 that systemd has heard. */
	if (!a->started || a->stopping) {
		snprintf(why, size, "the instance is being %s",
			 a->stopping ? "stopped" : "started");
		log_refused(why);
		return -EBUSY;
	}
	supersede(a);
	service_reloading(a->service);
	r = reload(a, why, size);
	if (r != ROLE_E_PENDING) {
		answer(a, r, why);
		return r;
	}
	if (!ev_is_active(&a->reload)) {
		ev_timer_set(&a->reload, RELOAD_S, 0.);
		ev_timer_start(a->loop, &a->reload);
	}
	return CONTROL_E_PENDING;
}

void app_reload_release(struct app *a)
{
	config_unref(a->fresh);
	a->fresh = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest handle of the queue (handover.h) stands for the interface. When that goes away the
 * handle is only read empty, and a new one is opened behind it as soon as there is something to
 * open, whether or not Kafka takes packets meanwhile.
 *
 * Opening may take long and happens on a thread (opening.h), one at a time: that of a reload goes
 * before one that only tries whether the interface is there again. What fails is tried again when
 * the kernel tells that the interface is another than it was then, and else after a growing delay:
 * an event alone is no reason, as opening itself causes some (promiscuous mode).
 */
#include "capture/live_capture.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/thread.h"
#include "capture/capture_error.h"
#include "capture/capture_settings.h"
#include "capture/handover.h"
#include "capture/interface_state.h"
#include "capture/linkwatch.h"
#include "capture/opening.h"
#include "capture/retry.h"
#include "config/config_ref.h"
#include "config/difference.h"

#define SETTLE_MS    500 /* a handle that did not live as long is not replaced at once */
#define PATIENCE_S   5.  /* a service is started when it waits this long for its first handle */
#define LOOK_S       0.1 /* between looks whether an opening that was given up has ended */
#define DLT_ETHERNET 1

struct live_capture {
	struct live_capture_options opt;
	const struct config *cfg;
	const struct config *next; /* what is being opened is for a reload to this */
	struct handover queue;
	bool started; /* on_opened() was called */
	bool stopping;
	bool waiting;    /* for the interface: what handles there are, are only read empty */
	uint64_t opened; /* ms, when the newest handle was */
	struct interface_state state;
	struct linkwatch *links;
	struct opening *opening;
	struct retry retry;
	ev_timer reopen;   /* looks whether the interface is there again already */
	ev_timer patience; /* with the first opening */
	ev_timer ended;    /* "stopped", not from within */
};

static struct capture *newest(const struct live_capture *t)
{
	return handover_newest(&t->queue);
}

static void tell_state(const struct live_capture *t, const char *state)
{
	interface_state_tell(&t->state, state, t->cfg->interface);
}

/* The newest handle captures. */
static void say_capturing(struct live_capture *t)
{
	interface_state_capturing(&t->state, t->cfg->interface, newest(t));
	retry_clear(&t->retry);
}

/* ---- handles ---- */

static void on_ended(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct live_capture *t = w->data;

	if (t->stopping)
		t->opt.on_stopped(t->opt.ctx);
}

static void start_timer(struct live_capture *t, ev_timer *timer, double after)
{
	ev_now_update(t->opt.loop); /* the delay begins now, not when the loop last looked */
	ev_timer_stop(t->opt.loop, timer);
	ev_timer_set(timer, after, 0.);
	ev_timer_start(t->opt.loop, timer);
}

/* The interface may be there again, and nothing may tell of it any more. */
static void look_soon(struct live_capture *t)
{
	start_timer(t, &t->reopen, thread_now_ms() - t->opened < SETTLE_MS ? SETTLE_MS * 1e-3 : 0.);
}

/* The first handle is done with: the next one's turn. */
static void on_handle_stopped(void *ctx)
{
	struct live_capture *t = ctx;

	handover_next(&t->queue);
	if (t->next || (t->waiting && !t->stopping && t->opt.wait))
		look_soon(t);
	if (t->queue.n == 0)
		start_timer(t, &t->ended, 0.);
}

/* The newest handle is of no use any more. */
static void lose(struct live_capture *t, const char *why)
{
	char text[320];

	t->waiting = true;
	capture_stop(newest(t));
	snprintf(text, sizeof(text), "%s: %s", t->cfg->interface, why);
	if (!t->opt.wait) {
		log_error("%s", text);
		t->opt.on_failed(t->opt.ctx, text);
		return;
	}
	interface_state_lost(&t->state, text);
	interface_state_waiting(&t->state, t->cfg->interface, CAPTURE_E_MISSING);
	look_soon(t);
}

static void on_handle_lost(void *ctx, const char *why)
{
	struct live_capture *t = ctx;

	/* Of more than one the first is on its way out anyhow. */
	if (!t->stopping && !t->waiting && t->queue.n == 1)
		lose(t, why);
}

/* The handle is not read on. At the end nobody would run it again: what is left is given up. */
static void on_handle_error(void *ctx, int err)
{
	struct live_capture *t = ctx;

	if (t->stopping) {
		handover_clear(&t->queue);
		start_timer(t, &t->ended, 0.);
	}
	t->opt.on_error(t->opt.ctx, err);
}

static int sink(void *ctx, const struct packet *pkt)
{
	struct live_capture *t = ctx;
	int r = t->opt.sink(t->opt.ctx, pkt);

	if (r != 0)
		handover_pause(&t->queue);
	return r;
}

/* The answer comes by on_opened(). As opening_start(). */
static int open_handle(struct live_capture *t, const struct config *cfg)
{
	struct capture_options opt = {
		.loop = t->opt.loop,
		.sink = sink,
		.on_lost = on_handle_lost,
		.on_stopped = on_handle_stopped,
		.on_error = on_handle_error,
		.ctx = t,
	};
	int r;

	capture_settings_apply(cfg, &opt);
	opt.stand_by = t->cfg->fanout && t->queue.n && !t->waiting;
	r = opening_start(t->opening, &opt, t->state.dlt < 0 ? DLT_ETHERNET : t->state.dlt);
	if (r == 0)
		retry_begin(&t->retry);
	return r;
}

/* ---- the interface ---- */

/* For a reload that waits for its turn, or as the interface is not captured from. */
static void reopen(struct live_capture *t)
{
	int r;

	if (opening_is_pending(t->opening))
		return;
	if (!handover_has_room(&t->queue, t->waiting)) {
		/* The first that is closed leads here again, too. */
		if (t->waiting)
			tell_state(t, "waiting until Kafka takes more, for interface");
		start_timer(t, &t->reopen, retry_delay(&t->retry));
		return;
	}
	ev_timer_stop(t->opt.loop, &t->reopen);
	r = open_handle(t, t->next ? t->next : t->cfg);
	if (r != 0)
		start_timer(t, &t->reopen,
			    t->next && r == OPENING_E_BUSY ? LOOK_S : retry_delay(&t->retry));
}

static void on_reopen(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct live_capture *t = w->data;

	if ((t->next || t->waiting) && !t->stopping)
		reopen(t);
}

/* The handle outlives a link that is down; only what is new is told. */
static void look(struct live_capture *t)
{
	char why[160];

	switch (capture_look(newest(t))) {
	case CAPTURE_LINK_UP:
		if (t->state.said_lost)
			say_capturing(t);
		break;
	case CAPTURE_LINK_DOWN:
		snprintf(why, sizeof(why), "%s: the interface is down", t->cfg->interface);
		interface_state_lost(&t->state, why);
		interface_state_waiting(&t->state, t->cfg->interface, CAPTURE_E_DOWN);
		break;
	case CAPTURE_LINK_GONE:
		lose(t, "The interface disappeared");
		break;
	case CAPTURE_LINK_CHANGED:
		lose(t, "The interface changed its link type");
		break;
	}
}

static void append_handle(struct live_capture *t, struct capture *fresh)
{
	/* One that we waited for follows on a handle that takes nothing any more. */
	handover_add(&t->queue, fresh, t->queue.n && !t->waiting);
	handover_annotate(&t->queue, t->cfg->annotate);
	t->waiting = false;
	t->opened = thread_now_ms();
	say_capturing(t);
	/* What became of it while it was opened was not looked at. */
	look(t);
}

static void wait_for_interface(struct live_capture *t, const struct opening_result *res)
{
	if (capture_is_away(res->r))
		interface_state_lost(&t->state, res->why);
	else if (retry_is_news(&t->retry, res->why))
		log_warn("%s; trying again at least every %d s", res->why, RETRY_MAX_S);
	interface_state_waiting(&t->state, t->cfg->interface, res->r);
	start_timer(t, &t->reopen, retry_fail(&t->retry, &res->tried));
}

static void end_start(struct live_capture *t, int err)
{
	t->started = true;
	ev_timer_stop(t->opt.loop, &t->patience);
	t->opt.on_opened(t->opt.ctx, err);
}

static void on_first(struct live_capture *t, struct opening_result *res)
{
	if (res->r == 0) {
		append_handle(t, res->capture);
		res->capture = NULL;
	} else if (t->opt.wait && (capture_is_away(res->r) || res->r == CAPTURE_E_NAME)) {
		wait_for_interface(t, res);
	} else {
		log_error("%s", res->why);
		end_start(t, capture_errno(res->r));
		return;
	}
	end_start(t, 0);
}

/* The filter takes its time: a service is started all the same. */
static void on_patience(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct live_capture *t = w->data;

	tell_state(t, "opening interface");
	end_start(t, 0);
}

/* The interface cannot be opened now: what can be checked without it was. */
static int reload_waiting(struct live_capture *t, const struct config *cfg,
			  const struct opening_result *res)
{
	if (*res->filter_fault)
		return -EINVAL;
	config_hold(&t->cfg, cfg);
	if (!t->waiting)
		capture_stop(newest(t));
	t->waiting = true;
	wait_for_interface(t, res);
	return 0;
}

static void on_reload_opened(struct live_capture *t, struct opening_result *res)
{
	const struct config *cfg = t->next;
	int r = capture_errno(res->r);

	t->next = NULL;
	if (res->r == 0) {
		config_hold(&t->cfg, cfg);
		append_handle(t, res->capture);
		res->capture = NULL;
		r = 0;
	} else if (t->opt.wait && capture_is_away(res->r) &&
		   !strcmp(t->cfg->interface, cfg->interface)) {
		r = reload_waiting(t, cfg, res);
	}
	if (r < 0 && t->waiting)
		look_soon(t);
	t->opt.on_reloaded(t->opt.ctx, r, *res->filter_fault ? res->filter_fault : res->why);
}

static void on_opened(void *ctx, struct opening_result *res)
{
	struct live_capture *t = ctx;

	if (t->next) {
		on_reload_opened(t, res);
	} else if (!t->started) {
		on_first(t, res);
	} else if (res->r == 0) {
		append_handle(t, res->capture);
		res->capture = NULL;
	} else {
		wait_for_interface(t, res);
	}
}

/* A rename is told with the new name, so that the index counts too. */
static bool concerns(const struct live_capture *t, const struct linkwatch_event *event)
{
	return !event->message || linkwatch_is(event, t->cfg->interface) ||
	       (!t->waiting && event->index == capture_index(newest(t)));
}

static void on_link(void *ctx, const struct linkwatch_event *event)
{
	struct live_capture *t = ctx;

	handover_interface_changed(&t->queue, event->message ? event->index : 0);
	if (t->stopping || !concerns(t, event))
		return;
	if (!t->waiting) {
		look(t);
		return;
	}
	if (t->opt.wait && retry_tell(&t->retry, event->message ? &event->now : NULL))
		reopen(t);
}

/* ---- the live capture ---- */

static int start(struct live_capture *t)
{
	int r = linkwatch_new(&t->links, t->opt.loop, on_link, t);

	if (r < 0)
		log_error("Cannot watch the network interfaces: %s", strerror(-r));
	if (r == 0)
		r = opening_new(&t->opening, t->opt.loop, on_opened, t);
	if (r == 0)
		r = open_handle(t, t->cfg);
	if (r == 0 && t->opt.wait)
		start_timer(t, &t->patience, PATIENCE_S);
	return r;
}

int live_capture_new(struct live_capture **out, const struct live_capture_options *opt)
{
	struct live_capture *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->opt = *opt;
	t->cfg = config_ref(opt->cfg);
	t->waiting = true;
	t->state = (struct interface_state){opt->on_state, opt->ctx, .dlt = -1};
	handover_init(&t->queue, opt->loop);
	ev_timer_init(&t->ended, on_ended, 0., 0.);
	ev_timer_init(&t->reopen, on_reopen, 0., 0.);
	ev_timer_init(&t->patience, on_patience, 0., 0.);
	t->ended.data = t->reopen.data = t->patience.data = t;
	r = start(t);
	if (r < 0) {
		live_capture_free(t);
		return r;
	}
	*out = t;
	return 0;
}

void live_capture_run(struct live_capture *t)
{
	handover_run(&t->queue);
}

int live_capture_reload(struct live_capture *t, const struct config *cfg, char *why, size_t size)
{
	int r;

	if (!(difference_between(t->cfg, cfg, NULL, NULL) & CONFIG_CHANGE_CAPTURE)) {
		config_hold(&t->cfg, cfg);
		handover_annotate(&t->queue, cfg->annotate);
		/* Whoever reloads may have mended what it waits for. */
		if (t->waiting)
			look_soon(t);
		return 0;
	}
	if (!t->waiting && !capture_settings_can_follow(t->cfg, cfg, why, size))
		return -EINVAL;
	if (!handover_has_room(&t->queue, t->waiting)) {
		if (t->queue.running) {
			t->next = cfg; /* when the older one is read empty */
			return LIVE_CAPTURE_E_PENDING;
		}
		snprintf(why, size,
			 "%s: two capture buffers hold packets that Kafka does not take, and there "
			 "is no third; reload again when it takes them",
			 cfg->interface);
		return -EBUSY;
	}
	ev_timer_stop(t->opt.loop, &t->reopen);
	r = open_handle(t, cfg);
	if (r < 0) {
		if (t->waiting)
			look_soon(t);
		snprintf(why, size, "%s: %s", cfg->interface, strerror(-r));
		return r;
	}
	if (r == OPENING_E_BUSY) {
		/* One of those that were given up has to end first. */
		opening_forget(t->opening);
		start_timer(t, &t->reopen, LOOK_S);
	}
	t->next = cfg;
	return LIVE_CAPTURE_E_PENDING;
}

void live_capture_cancel_reload(struct live_capture *t)
{
	if (!t->next)
		return;
	t->next = NULL;
	opening_forget(t->opening);
	if (t->waiting && !t->stopping)
		look_soon(t);
}

void live_capture_stop(struct live_capture *t)
{
	if (t->stopping)
		return;
	t->stopping = true;
	ev_timer_stop(t->opt.loop, &t->reopen);
	ev_timer_stop(t->opt.loop, &t->patience);
	opening_forget(t->opening);
	handover_stop(&t->queue);
	if (t->queue.n == 0)
		start_timer(t, &t->ended, 0.);
	else if (!t->queue.running)
		live_capture_run(t); /* a parked packet, or one that was never run */
}

bool live_capture_is_capturing(const struct live_capture *t)
{
	return !t->waiting;
}

bool live_capture_has_parked(const struct live_capture *t)
{
	return t->queue.n && capture_has_parked(t->queue.handles[0]);
}

void live_capture_read_counters(struct live_capture *t, struct capture_counters *out)
{
	handover_read_counters(&t->queue, out);
}

void live_capture_free(struct live_capture *t)
{
	if (!t)
		return;
	ev_timer_stop(t->opt.loop, &t->ended);
	ev_timer_stop(t->opt.loop, &t->reopen);
	ev_timer_stop(t->opt.loop, &t->patience);
	handover_clear(&t->queue);
	opening_free(t->opening);
	linkwatch_free(t->links);
	config_unref(t->cfg);
	free(t);
}

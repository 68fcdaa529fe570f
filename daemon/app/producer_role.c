/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture instance that produces: live capture or replay -> own traffic left out
 * (producer_input.c)
 * -> delivery, with the account of what became of every packet.
 *
 * The end has one order whatever begins it: the input stops and is read empty, the producer
 * drains, the account (producer_report.c) is closed.
 */
#include "app/producer_role_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/change.h"
#include "app/replay_check.h"
#include "base/log.h"
#include "capture/live_capture.h"
#include "capture/replay.h"
#include "config/config_ref.h"
#include "output/viewer.h"
#include "packet/members.h"
#include "packet/own_traffic.h"
#include "producer/delivery.h"
#include "producer/outclient.h"
#include "producer/producer.h"
#include "producer/relay.h"

static void run_input(void *ctx)
{
	struct role *s = ctx;

	if (s->live)
		live_capture_run(s->live);
	else if (s->replay)
		replay_run(s->replay);
}

/* ---- the end ---- */

static void say_flush(struct role *s)
{
	struct producer_counters p;

	if (s->said_flush)
		return;
	s->said_flush = true;
	producer_read_counters(s->producer, &p);
	log_info("Waiting for '%" PRIu64 "' message(s) to flush", p.queued);
}

static void flush(void *ctx)
{
	struct role *s = ctx;

	say_flush(s);
	producer_drain(s->producer);
}

static void on_drained(void *ctx)
{
	struct role *s = ctx;

	s->opt.events.on_stopped(s->opt.events.ctx);
}

/*
 * The input has ended. A run that ends by itself empties its spool too; one that is stopped
 * leaves there what is there, if the disk takes it.
 */
static void drain(struct role *s)
{
	bool empty;

	if (s->ended)
		return;
	s->ended = true;
	if (!s->delivery) {
		on_drained(s);
		return;
	}
	empty = relay_has_spool(s->relay) &&
		(s->input_done || s->limit_reached || s->cfg->read_file);
	if (!relay_end(s->relay, empty))
		flush(s);
}

static void tell_state(void *ctx)
{
	struct role *s = ctx;
	char waiting[288] = "", text[480];

	/* An input tells its state before there is anything to send it to. */
	if (s->delivery)
		delivery_describe(s->delivery, waiting, sizeof(waiting));
	snprintf(text, sizeof(text), "%s%s%s", s->input_state, *waiting ? ", " : "", waiting);
	s->opt.events.on_state(s->opt.events.ctx, text);
}

/* Once, after all is made: that of an interface which is not there yet, when it is. */
static void say_start(struct role *s)
{
	if (s->said_start || (s->live && !live_capture_is_capturing(s->live)))
		return;
	s->said_start = true;
	log_info("Starting packet capture");
}

static void on_state(void *ctx, const char *text)
{
	struct role *s = ctx;

	snprintf(s->input_state, sizeof(s->input_state), "%s", text);
	tell_state(s);
	if (s->delivery)
		say_start(s);
}

static void done(struct role *s, int status)
{
	s->opt.events.on_done(s->opt.events.ctx, status);
}

static void fail(void *ctx, const char *why)
{
	struct role *s = ctx;

	if (!*s->failure)
		snprintf(s->failure, sizeof(s->failure), "%s", why);
	done(s, 1);
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct role *s = w->data;

	s->input_done = true;
	done(s, 0);
}

static void on_input_error(void *ctx, int err)
{
	struct role *s = ctx;
	char why[160];

	if (s->limit_reached)
		return;
	snprintf(why, sizeof(why), "Cannot pass packets on: %s", strerror(-err));
	log_error("%s", why);
	fail(s, why);
}

static void on_live_stopped(void *ctx)
{
	drain(ctx);
}

static void on_replay_end(void *ctx, const char *why)
{
	struct role *s = ctx;

	s->input_done = !why;
	if (why)
		fail(s, why);
	else
		done(s, 0);
}

static void on_undelivered(void *ctx, bool kept, bool maybe)
{
	struct role *s = ctx;

	s->maybe += maybe;
	s->undelivered += !kept;
}

static void role_complete(struct role *s)
{
	s->input_done = true;
}

static void role_stop(struct role *s)
{
	s->ending = true;
	/* What a start that failed has captured by then can go nowhere: it is not read. */
	if (s->live && s->delivery && !s->limit_reached) {
		live_capture_stop(s->live);
		return;
	}
	/* A savefile is not read on: what was read and not sent is not captured. */
	s->cut_short = s->replay && replay_has_end(s->replay) && !s->input_done;
	if (s->replay)
		replay_position(s->replay, &s->file_done, &s->file_left);
	replay_free(s->replay);
	s->replay = NULL;
	drain(s);
}

static bool role_may_leave(struct role *s)
{
	return s->ended && s->delivery && delivery_may_leave(s->delivery);
}

static void role_abandon(struct role *s)
{
	s->ended = true;
	if (!s->delivery) {
		on_drained(s);
		return;
	}
	say_flush(s);
	delivery_waiting_for(s->delivery, s->waiting, sizeof(s->waiting));
	s->again = relay_abandon(s->relay);
	producer_abandon(s->producer);
}

/* ---- reports ---- */

static uint64_t role_progress(const struct role *s)
{
	struct producer_counters p;

	producer_read_counters(s->producer, &p);
	/* A quiet interface is no stall: with nothing queued a broker that answers is enough. */
	if (p.queued == 0 && producer_is_connected(s->producer))
		return (uint64_t)(ev_now(s->opt.loop) * 1e6);
	/* What is put on disk is safe; what only waits in memory is not. */
	return p.delivered + p.failed + (relay_has_spool(s->relay) ? s->taken : 0);
}

static bool role_is_done(const struct role *s)
{
	return s->input_done;
}

static void role_waiting_for(const struct role *s, char *buf, size_t size)
{
	if (s->delivery)
		delivery_waiting_for(s->delivery, buf, size);
	else
		snprintf(buf, size, "the capture to be opened");
}

/* ---- life ---- */

static int open_delivery(struct role *s)
{
	const struct delivery_options opt = {
		.loop = s->opt.loop,
		.cfg = s->cfg,
		.own = s->own,
		.on_room = run_input,
		.on_emptied = flush,
		.on_drained = on_drained,
		.on_undelivered = on_undelivered,
		.on_change = tell_state,
		.ctx = s,
	};
	int r = delivery_new(&s->delivery, &opt);

	if (r < 0)
		return r;
	s->relay = delivery_relay(s->delivery);
	s->producer = delivery_producer(s->delivery);
	return 0;
}

static int open_check(struct role *s)
{
	const struct replay_check_options opt = {
		.loop = s->opt.loop,
		.cfg = s->cfg,
		.producer = s->producer,
		.on_over = run_input,
		.ctx = s,
	};

	return replay_check_new(&s->check, &opt);
}

static int begin(struct role *s)
{
	int r = open_delivery(s);

	if (r == 0 && s->cfg->read_file)
		r = open_check(s);
	if (r < 0)
		return r;
	if (s->cfg->read_file)
		snprintf(s->input_state, sizeof(s->input_state), "reading %s", s->cfg->read_file);
	tell_state(s);
	say_start(s);
	run_input(s);
	return 0;
}

/* The input first: what cannot be captured needs no connection. */
static void on_capture_opened(void *ctx, int err)
{
	struct role *s = ctx;

	if (s->ending)
		return;
	if (err == 0)
		err = begin(s);
	if (err == 0) {
		s->opt.events.on_started(s->opt.events.ctx);
		return;
	}
	s->failed = true;
	if (!log_last_was_error())
		log_error("Cannot start: %s", strerror(-err));
	done(s, err == -ENOPROTOOPT ? ROLE_STATUS_SETTINGS : 1);
}

/* ---- reload ---- */

/* Who shares the interface with us. */
static int join_members(struct role *s, const struct config *cfg)
{
	int r = 0;

	members_free(s->members);
	s->members = NULL;
	if (cfg->fanout)
		r = members_new(&s->members, (uint16_t)(cfg->fanout - 1), s->own);
	members_set_filter(s->members, cfg->filter, (int)cfg->direction);
	return r;
}

static void end_reload(struct role *s, const struct config *cfg, struct outclient *next, int err)
{
	s->next_cfg = NULL;
	s->next = NULL;
	if (err < 0) {
		outclient_free(next, 0);
		return;
	}
	delivery_reload(s->delivery, cfg, next);
	/* Without it the capture goes on, and may feed on the others': it was said. */
	if (s->cfg->fanout != cfg->fanout)
		join_members(s, cfg);
	else
		members_set_filter(s->members, cfg->filter, (int)cfg->direction);
	config_hold(&s->cfg, cfg);
}

static void on_capture_reloaded(void *ctx, int err, const char *why)
{
	struct role *s = ctx;

	end_reload(s, s->next_cfg, s->next, err);
	s->opt.events.on_reloaded(s->opt.events.ctx, err, why);
}

static void role_cancel_reload(struct role *s)
{
	if (!s->next_cfg)
		return;
	live_capture_cancel_reload(s->live);
	end_reload(s, s->next_cfg, s->next, -ECANCELED);
}

static int role_reload(struct role *s, const struct config *cfg, char *why, size_t size)
{
	unsigned int changes = change_between(s->cfg, cfg, NULL, NULL);
	struct outclient *next = NULL;
	int r;

	if (s->ending) {
		snprintf(why, size, "the instance is being stopped");
		return -EBUSY;
	}
	/* All that can fail first, so that nothing is applied by half. */
	r = cfg->pretty_print && !s->viewer ? viewer_new(&s->viewer, s->opt.loop) : 0;
	if (r < 0)
		snprintf(why, size, "pretty-print: standard output: %s", strerror(-r));
	if (r == 0 && (changes & CONFIG_CHANGE_CLIENT))
		r = producer_prepare(s->producer, cfg, &next, why, size);
	if (r == 0 && s->live)
		r = live_capture_reload(s->live, cfg, why, size);
	if (r != LIVE_CAPTURE_E_PENDING) {
		end_reload(s, cfg, next, r);
		return r;
	}
	s->next_cfg = cfg;
	s->next = next;
	return ROLE_E_PENDING;
}

/* ---- life ---- */

static int open_input(struct role *s)
{
	if (s->cfg->read_file) {
		const struct replay_options opt = {
			.loop = s->opt.loop,
			.path = s->cfg->read_file,
			.filter = s->cfg->filter,
			.pace = s->cfg->pace,
			.sink = producer_input_take_from_file,
			.on_end = on_replay_end,
			.on_error = on_input_error,
			.ctx = s,
		};

		return replay_new(&s->replay, &opt);
	}

	const struct live_capture_options opt = {
		.loop = s->opt.loop,
		.cfg = s->cfg,
		.wait = s->cfg->file != NULL,
		.sink = producer_input_take,
		.on_state = on_state,
		.on_opened = on_capture_opened,
		.on_reloaded = on_capture_reloaded,
		.on_failed = fail,
		.on_error = on_input_error,
		.on_stopped = on_live_stopped,
		.ctx = s,
	};

	return live_capture_new(&s->live, &opt);
}

static void role_free(struct role *s)
{
	if (!s)
		return;
	ev_timer_stop(s->opt.loop, &s->limit);
	outclient_free(s->next, 0);
	live_capture_free(s->live);
	replay_free(s->replay);
	delivery_free(s->delivery);
	replay_check_free(s->check);
	members_free(s->members);
	own_traffic_unref(s->own);
	viewer_free(s->viewer);
	config_unref(s->cfg);
	free(s);
}

static int role_new(struct role **out, const struct role_options *opt)
{
	struct role *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->opt = *opt;
	s->cfg = config_ref(opt->cfg);
	s->file_left = -1;
	report_init(&s->report, CONFIG_MODE_PRODUCER, ev_now(opt->loop));
	ev_timer_init(&s->limit, on_limit, 0., 0.);
	s->limit.data = s;
	/* It takes stdout away from everybody else before a thread starts. */
	r = s->cfg->pretty_print ? viewer_new(&s->viewer, s->opt.loop) : 0;
	if (r == 0 && !s->cfg->read_file)
		r = own_traffic_new(&s->own);
	if (r == 0)
		r = join_members(s, s->cfg);
	if (r == 0)
		r = open_input(s);
	if (r == 0 && !s->live)
		r = begin(s);
	if (r < 0) {
		role_free(s);
		return r;
	}
	*out = s;
	return s->live ? ROLE_E_PENDING : 0;
}

const struct role_ops producer_role_ops = {
	.new = role_new,
	.complete = role_complete,
	.stop = role_stop,
	.may_leave = role_may_leave,
	.abandon = role_abandon,
	.reload = role_reload,
	.cancel_reload = role_cancel_reload,
	.progress = role_progress,
	.is_done = role_is_done,
	.waiting_for = role_waiting_for,
	.measure = producer_report_measure,
	.log_stats = producer_report_log,
	.metrics = producer_metrics_read,
	.summary = producer_report_summarize,
	.finish = producer_report_close,
	.free = role_free,
};

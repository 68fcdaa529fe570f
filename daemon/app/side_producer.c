/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture instance that produces: tap or replay -> own traffic left out -> delivery, with the
 * account of what became of every packet.
 *
 * The end has one order whatever begins it: the input stops and is read empty, the producer
 * drains, the account (side_account.c) is closed.
 */
#include "app/side_producer_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/change.h"
#include "base/log.h"
#include "capture/replay.h"
#include "capture/tap.h"
#include "output/viewer.h"
#include "packet/own.h"
#include "producer/delivery.h"
#include "producer/outclient.h"
#include "producer/producer.h"
#include "producer/relay.h"

/* ---- the way of a packet ---- */

static int sink(void *ctx, const struct packet *pkt)
{
	struct side *s = ctx;
	int r;

	if (s->limit_reached)
		return -ECANCELED;
	if (!s->cfg->own_traffic && s->own && own_match(s->own, pkt)) {
		s->own_packets++;
		return 0;
	}
	r = relay_send(s->relay, pkt);
	if (r != 0)
		return r;
	s->taken++;
	s->bytes += pkt->caplen;
	if (s->cfg->pretty_print && s->taken % s->cfg->pretty_print == 0)
		viewer_show(s->viewer, s->taken, pkt);
	if (s->cfg->max_packets && s->taken >= s->cfg->max_packets) {
		s->limit_reached = true;
		ev_timer_start(s->opt.loop, &s->limit);
	}
	return 0;
}

static void run_input(void *ctx)
{
	struct side *s = ctx;

	if (s->tap)
		tap_run(s->tap);
	else if (s->replay)
		replay_run(s->replay);
}

/* ---- the end ---- */

static void say_flush(struct side *s)
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
	struct side *s = ctx;

	say_flush(s);
	producer_drain(s->producer);
}

static void on_drained(void *ctx)
{
	struct side *s = ctx;

	s->opt.events.on_stopped(s->opt.events.ctx);
}

/*
 * The input has ended. A run that ends by itself empties its spool too; one that is stopped
 * leaves there what is there, if the disk takes it.
 */
static void drain(struct side *s)
{
	bool empty;

	if (s->ended)
		return;
	s->ended = true;
	if (!s->delivery) {
		on_drained(s);
		return;
	}
	empty = relay_has_spool(s->relay) && (s->limit_reached || s->cfg->read_file);
	if (!relay_end(s->relay, empty))
		flush(s);
}

static void tell_state(void *ctx)
{
	struct side *s = ctx;
	char waiting[288] = "", text[480];

	/* An input tells its state before there is anything to send it to. */
	if (s->delivery)
		delivery_describe(s->delivery, waiting, sizeof(waiting));
	snprintf(text, sizeof(text), "%s%s%s", s->input_state, *waiting ? ", " : "", waiting);
	s->opt.events.on_state(s->opt.events.ctx, text);
}

/* Once, after all is made: that of an interface which is not there yet, when it is. */
static void say_start(struct side *s)
{
	if (s->said_start || (s->tap && !tap_is_capturing(s->tap)))
		return;
	s->said_start = true;
	log_info("Starting packet capture");
}

static void on_state(void *ctx, const char *text)
{
	struct side *s = ctx;

	snprintf(s->input_state, sizeof(s->input_state), "%s", text);
	tell_state(s);
	if (s->delivery)
		say_start(s);
}

static void done(struct side *s, int status)
{
	s->opt.events.on_done(s->opt.events.ctx, status);
}

static void fail(void *ctx, const char *why)
{
	struct side *s = ctx;

	if (!*s->failure)
		snprintf(s->failure, sizeof(s->failure), "%s", why);
	done(s, 1);
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct side *s = w->data;

	s->input_done = true;
	done(s, 0);
}

static void on_input_error(void *ctx, int err)
{
	struct side *s = ctx;
	char why[160];

	if (s->limit_reached)
		return;
	snprintf(why, sizeof(why), "Cannot hand packets on: %s", strerror(-err));
	log_error("%s", why);
	fail(s, why);
}

static void on_tap_stopped(void *ctx)
{
	drain(ctx);
}

static void on_replay_end(void *ctx, const char *why)
{
	struct side *s = ctx;

	s->input_done = !why;
	if (why)
		fail(s, why);
	else
		done(s, 0);
}

static void on_undelivered(void *ctx, bool kept, bool maybe)
{
	struct side *s = ctx;

	s->maybe += maybe;
	s->undelivered += !kept;
}

static void side_stop(struct side *s)
{
	s->ending = true;
	/* What a start that failed has captured by then can go nowhere: it is not read. */
	if (s->tap && s->delivery && !s->limit_reached) {
		tap_stop(s->tap);
		return;
	}
	/* A savefile is not read on: what was read and not sent is not captured. */
	s->cut_short = s->replay && replay_has_end(s->replay) && !s->input_done;
	replay_free(s->replay);
	s->replay = NULL;
	drain(s);
}

static bool side_may_leave(struct side *s)
{
	return s->ended && s->delivery && delivery_may_leave(s->delivery);
}

static void side_abandon(struct side *s)
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

static uint64_t side_progress(const struct side *s)
{
	struct producer_counters p;

	producer_read_counters(s->producer, &p);
	/* A quiet interface is no stall: with nothing queued a broker that answers is enough. */
	if (p.queued == 0 && producer_is_connected(s->producer))
		return (uint64_t)(ev_now(s->opt.loop) * 1e6);
	/* What is put on disk is safe; what only waits in memory is not. */
	return p.delivered + p.failed + (relay_has_spool(s->relay) ? s->taken : 0);
}

static bool side_is_done(const struct side *s)
{
	return s->input_done;
}

static void side_waiting_for(const struct side *s, char *buf, size_t size)
{
	if (s->delivery)
		delivery_waiting_for(s->delivery, buf, size);
	else
		snprintf(buf, size, "the capture to be opened");
}

/* ---- life ---- */

static int open_delivery(struct side *s)
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

static int begin(struct side *s)
{
	int r = open_delivery(s);

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
static void on_tap_opened(void *ctx, int err)
{
	struct side *s = ctx;

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
	done(s, err == -ENOPROTOOPT ? SIDE_STATUS_SETTINGS : 1);
}

/* ---- reload ---- */

static void end_reload(struct side *s, const struct config *cfg, struct outclient *next, int err)
{
	s->next_cfg = NULL;
	s->next = NULL;
	if (err < 0) {
		outclient_free(next, 0);
		return;
	}
	delivery_set_config(s->delivery, cfg, next);
	s->cfg = cfg;
}

static void on_tap_reloaded(void *ctx, int err, const char *why)
{
	struct side *s = ctx;

	end_reload(s, s->next_cfg, s->next, err);
	s->opt.events.on_reloaded(s->opt.events.ctx, err, why);
}

static void side_cancel_reload(struct side *s)
{
	if (!s->next_cfg)
		return;
	tap_cancel_reload(s->tap);
	end_reload(s, s->next_cfg, s->next, -ECANCELED);
}

static int side_reload(struct side *s, const struct config *cfg, char *why, size_t size)
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
	if (r == 0 && s->tap)
		r = tap_reload(s->tap, cfg, why, size);
	if (r != TAP_E_PENDING) {
		end_reload(s, cfg, next, r);
		return r;
	}
	s->next_cfg = cfg;
	s->next = next;
	return SIDE_E_PENDING;
}

/* ---- life ---- */

static int open_input(struct side *s)
{
	if (s->cfg->read_file) {
		const struct replay_options opt = {
			.loop = s->opt.loop,
			.path = s->cfg->read_file,
			.filter = s->cfg->filter,
			.sink = sink,
			.on_end = on_replay_end,
			.on_error = on_input_error,
			.ctx = s,
		};

		return replay_new(&s->replay, &opt);
	}

	const struct tap_options opt = {
		.loop = s->opt.loop,
		.cfg = s->cfg,
		.wait = s->cfg->file != NULL,
		.sink = sink,
		.on_state = on_state,
		.on_opened = on_tap_opened,
		.on_reloaded = on_tap_reloaded,
		.on_failed = fail,
		.on_error = on_input_error,
		.on_stopped = on_tap_stopped,
		.ctx = s,
	};

	return tap_new(&s->tap, &opt);
}

static void side_free(struct side *s)
{
	if (!s)
		return;
	ev_timer_stop(s->opt.loop, &s->limit);
	outclient_free(s->next, 0);
	tap_free(s->tap);
	replay_free(s->replay);
	delivery_free(s->delivery);
	own_unref(s->own);
	viewer_free(s->viewer);
	free(s);
}

static int side_new(struct side **out, const struct side_options *opt)
{
	struct side *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->opt = *opt;
	s->cfg = opt->cfg;
	s->report.logged_at = s->report.summed_at = ev_now(opt->loop);
	ev_timer_init(&s->limit, on_limit, 0., 0.);
	s->limit.data = s;
	/* It takes stdout away from everybody else before a thread starts. */
	r = s->cfg->pretty_print ? viewer_new(&s->viewer, s->opt.loop) : 0;
	if (r == 0 && !s->cfg->read_file)
		r = own_new(&s->own);
	if (r == 0)
		r = open_input(s);
	if (r == 0 && !s->tap)
		r = begin(s);
	if (r < 0) {
		side_free(s);
		return r;
	}
	*out = s;
	return s->tap ? SIDE_E_PENDING : 0;
}

const struct side_ops side_producer_ops = {
	.new = side_new,
	.stop = side_stop,
	.may_leave = side_may_leave,
	.abandon = side_abandon,
	.reload = side_reload,
	.cancel_reload = side_cancel_reload,
	.progress = side_progress,
	.is_done = side_is_done,
	.waiting_for = side_waiting_for,
	.log_stats = side_account_log,
	.summary = side_account_summarize,
	.finish = side_account_close,
	.free = side_free,
};

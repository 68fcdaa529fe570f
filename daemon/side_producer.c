/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture instance that produces: tap or replay -> own traffic left out -> producer, with the
 * account of what became of every packet.
 *
 * The end has one order whatever begins it: the input stops and is read empty, the producer
 * drains, the account is closed.
 */
#include "side.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka.h"
#include "kafkaconf.h"
#include "log.h"
#include "own.h"
#include "pretty.h"
#include "producer.h"
#include "relay.h"
#include "replay.h"
#include "stats.h"
#include "tap.h"

#define WATCH_S 5.

struct side {
	struct side_options opt;
	const struct config *cfg;
	struct own *own; /* NULL when nothing is left out */
	struct relay *relay;
	struct producer *producer;
	struct tap *tap;
	struct replay *replay;
	ev_timer limit;   /* fires once when max-packets is reached: not from within the input */
	ev_timer watch;   /* looks whether Kafka takes packets */
	uint64_t settled; /* delivered and failed at its last look */
	bool said_waiting;
	char input_state[160];

	uint64_t taken, bytes, own_packets;
	uint64_t undelivered; /* given up at the end, and not kept in the spool */
	uint64_t maybe;       /* given up, though Kafka may have them */
	bool ending, ended, limit_reached;
	char *pretty;

	struct stats_producer logged, summed; /* as of the last stats line and summary */
	double logged_at, summed_at;
	char waiting[256]; /* what for, when the end was given up */
};

static bool bounded_done(const struct side *s)
{
	return s->cfg->max_packets && s->taken >= s->cfg->max_packets;
}

static void read_stats(struct side *s, struct stats_producer *out)
{
	struct capture_counters c = {0};
	struct producer_counters p;
	struct relay_counters r;
	bool parked = s->tap && tap_has_parked(s->tap) && !s->limit_reached;

	if (s->tap)
		tap_read_counters(s->tap, &c);
	producer_read_counters(s->producer, &p);
	relay_read_counters(s->relay, &r);
	*out = (struct stats_producer){
		.received = s->taken + s->own_packets + parked,
		.recovered = r.recovered,
		.spooled = r.spooled,
		.dropped = r.dropped,
		.bytes = s->bytes,
		.delivered = p.delivered,
		.queued = p.queued + parked,
		.failed = p.failed + s->undelivered,
		.own = s->own_packets,
		.dropped_kernel = c.dropped_kernel,
		.dropped_interface = c.dropped_interface,
		.doubled = p.doubled,
	};
	assert(out->received + out->recovered ==
	       out->delivered + out->queued + out->spooled + out->failed + out->dropped + out->own);
}

/* ---- the way of a packet ---- */

static void show(struct side *s, const struct packet *pkt)
{
	size_t n = pretty_packet(s->pretty, s->taken, pkt, NULL);

	/* For eyes only: a reader that went away costs no packet. */
	if (fwrite(s->pretty, 1, n, stdout) == n)
		fflush(stdout);
}

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
		show(s, pkt);
	if (bounded_done(s)) {
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

static void on_producer_room(void *ctx)
{
	struct side *s = ctx;

	relay_on_room(s->relay);
}

static void on_settled(void *ctx, uint64_t seq)
{
	struct side *s = ctx;

	relay_on_settled(s->relay, seq);
}

static int on_withdrawn(void *ctx, const struct packet *pkt, uint64_t seq)
{
	struct side *s = ctx;

	return relay_on_withdrawn(s->relay, pkt, seq);
}

/* ---- the end ---- */

static void flush(void *ctx)
{
	struct side *s = ctx;
	struct producer_counters p;

	producer_read_counters(s->producer, &p);
	log_info("Waiting for '%" PRIu64 "' message(s) to flush", p.queued);
	producer_drain(s->producer);
}

/*
 * The input has ended. A run that ends by itself empties its spool too; one that is stopped
 * leaves there what is there.
 */
static void drain(struct side *s)
{
	bool empty = relay_has_spool(s->relay) && (s->limit_reached || s->cfg->read_file);

	if (s->ended)
		return;
	s->ended = true;
	relay_end(s->relay, empty);
	if (!empty)
		flush(s);
}

static void tell_state(struct side *s)
{
	char text[256];

	snprintf(text, sizeof(text), "%s%s%s", s->input_state,
		 s->said_waiting ? ", waiting for topic " : "",
		 s->said_waiting ? s->cfg->topic : "");
	s->opt.events.on_state(s->opt.events.ctx, text);
}

static void on_state(void *ctx, const char *text)
{
	struct side *s = ctx;

	snprintf(s->input_state, sizeof(s->input_state), "%s", text);
	tell_state(s);
}

/* The broker answers and yet takes nothing: a topic that is missing, mostly. Told once. */
static void on_watch(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct side *s = w->data;
	struct producer_counters p;
	char waiting[256];
	bool stands;

	producer_read_counters(s->producer, &p);
	stands = p.queued > 0 && p.delivered + p.failed == s->settled;
	s->settled = p.delivered + p.failed;
	if (stands && !s->said_waiting && producer_is_live(s->producer)) {
		producer_waiting_for(s->producer, waiting, sizeof(waiting));
		log_warn("No packet has been delivered for %d s: waiting for %s", (int)WATCH_S,
			 waiting);
		s->said_waiting = true;
		tell_state(s);
	} else if (!stands && s->said_waiting) {
		log_info("Kafka takes packets again");
		s->said_waiting = false;
		tell_state(s);
	}
}

static void done(struct side *s, int status)
{
	s->opt.events.on_done(s->opt.events.ctx, status);
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
	done(w->data, 0);
}

static void on_input_error(void *ctx, int err)
{
	struct side *s = ctx;

	if (s->limit_reached)
		return;
	log_error("Cannot hand packets on: %s", strerror(-err));
	done(s, 1);
}

static void on_tap_failed(void *ctx)
{
	done(ctx, 1);
}

static void on_tap_stopped(void *ctx)
{
	drain(ctx);
}

static void on_replay_end(void *ctx, int err)
{
	done(ctx, err < 0 ? 1 : 0);
}

static void on_drained(void *ctx)
{
	struct side *s = ctx;

	s->opt.events.on_stopped(s->opt.events.ctx);
}

static void on_undelivered(void *ctx, const struct packet *pkt, uint64_t seq, bool maybe)
{
	struct side *s = ctx;

	s->maybe += maybe;
	if (!relay_on_undelivered(s->relay, pkt, seq))
		s->undelivered++;
}

static void side_stop(struct side *s)
{
	s->ending = true;
	if (s->tap && !s->limit_reached) {
		tap_stop(s->tap);
		return;
	}
	/* A savefile is not read on: what was read and not sent is not captured. */
	replay_free(s->replay);
	s->replay = NULL;
	drain(s);
}

static void side_abandon(struct side *s)
{
	s->ended = true;
	producer_waiting_for(s->producer, s->waiting, sizeof(s->waiting));
	producer_abandon(s->producer);
}

/* ---- reports ---- */

#define FIELDS(st)                                                                                 \
	{                                                                                          \
		{"PYCAPA_RECEIVED", (st).received}, {"PYCAPA_RECOVERED", (st).recovered},          \
			{"PYCAPA_DELIVERED", (st).delivered}, {"PYCAPA_QUEUED", (st).queued},      \
			{"PYCAPA_SPOOLED", (st).spooled}, {"PYCAPA_FAILED", (st).failed},          \
			{"PYCAPA_DROPPED", (st).dropped},                                          \
			{"PYCAPA_DROPPED_KERNEL", (st).dropped_kernel},                            \
			{"PYCAPA_DROPPED_INTERFACE", (st).dropped_interface},                      \
			{"PYCAPA_OWN", (st).own}, {"PYCAPA_DOUBLED", (st).doubled},                \
			{"PYCAPA_BYTES", (st).bytes}, {"PYCAPA_RTT_US", (st).rtt_us},              \
	}

static uint64_t lost(const struct stats_producer *st)
{
	return st->failed + st->dropped + st->dropped_kernel + st->dropped_interface;
}

static void side_log_stats(struct side *s)
{
	double now = ev_now(s->opt.loop);
	struct stats_producer st;
	char line[512];
	bool worse;

	read_stats(s, &st);
	st.rtt_us = producer_take_rtt(s->producer);
	stats_format_producer(line, sizeof(line), &st, &s->logged, now - s->logged_at);
	worse = lost(&st) > lost(&s->logged);
	const struct log_field fields[] = FIELDS(st);

	log_write_event(worse ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
			worse ? LOG_EVENT_DROPPED : LOG_EVENT_NONE, fields,
			sizeof(fields) / sizeof(fields[0]), "%s", line);
	s->logged = st;
	s->logged_at = now;
}

static void side_summary(struct side *s, char *buf, size_t size)
{
	double now = ev_now(s->opt.loop), seconds = now - s->summed_at;
	struct stats_producer st;

	read_stats(s, &st);
	stats_summarize_producer(buf, size, &st, &s->summed, seconds);
	s->summed = st;
	s->summed_at = now;
}

static uint64_t side_progress(const struct side *s)
{
	struct producer_counters p;

	producer_read_counters(s->producer, &p);
	/* A quiet interface is no stall: with nothing queued nothing is waited for. */
	return p.queued ? p.delivered + p.failed : (uint64_t)(ev_now(s->opt.loop) * 1e6);
}

static void side_waiting_for(const struct side *s, char *buf, size_t size)
{
	producer_waiting_for(s->producer, buf, size);
}

static int side_finish(struct side *s)
{
	struct stats_producer st;

	relay_flush(s->relay);
	read_stats(s, &st);
	log_info("'%" PRIu64 "' packet(s) in, '%" PRIu64 "' packet(s) out", st.received - st.own,
		 st.delivered);
	if (lost(&st) + st.own + st.queued + st.spooled + st.doubled + st.recovered)
		side_log_stats(s);
	if (s->maybe)
		log_warn("%" PRIu64 " packet(s) were sent without an answer: Kafka may have them",
			 s->maybe);
	if (st.spooled)
		log_info("%" PRIu64 " packet(s) wait in %s for the next start", st.spooled,
			 s->cfg->spool_directory);
	if (st.queued + st.failed + st.dropped == 0)
		return 0;
	log_write_event(LOG_LEVEL_ERROR, LOG_EVENT_UNDELIVERED, NULL, 0,
			"%" PRIu64 " packet(s) not delivered%s%s",
			st.queued + st.failed + st.dropped, *s->waiting ? ", waited for " : "",
			s->waiting);
	return 1;
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
		.on_failed = on_tap_failed,
		.on_error = on_input_error,
		.on_stopped = on_tap_stopped,
		.ctx = s,
	};

	return tap_new(&s->tap, &opt);
}

static int open_producer(struct side *s)
{
	const struct producer_options opt = {
		.loop = s->opt.loop,
		.cfg = s->cfg,
		.own = s->own,
		.on_room = on_producer_room,
		.on_drained = on_drained,
		.on_undelivered = on_undelivered,
		.on_settled = relay_has_spool(s->relay) ? on_settled : NULL,
		.on_withdrawn = relay_has_spool(s->relay) ? on_withdrawn : NULL,
		.ctx = s,
	};
	char text[1024];
	int r;

	kafkaconf_describe(text, sizeof(text), s->cfg);
	log_info("Connecting to Kafka; %s", text);
	r = producer_new(&s->producer, &opt);
	relay_set_producer(s->relay, s->producer);
	return r;
}

static int open_relay(struct side *s)
{
	const struct relay_options opt = {
		.loop = s->opt.loop,
		.cfg = s->cfg,
		.on_room = run_input,
		.on_emptied = flush,
		.ctx = s,
	};

	return relay_new(&s->relay, &opt);
}

static void side_free(struct side *s)
{
	if (!s)
		return;
	ev_timer_stop(s->opt.loop, &s->limit);
	ev_timer_stop(s->opt.loop, &s->watch);
	tap_free(s->tap);
	replay_free(s->replay);
	producer_free(s->producer);
	relay_free(s->relay);
	own_unref(s->own);
	free(s->pretty);
	free(s);
}

static int side_new(struct side **out, const struct side_options *opt)
{
	struct side *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return -ENOMEM;
	s->opt = *opt;
	s->cfg = opt->cfg;
	s->logged_at = s->summed_at = ev_now(opt->loop);
	ev_timer_init(&s->limit, on_limit, 0., 0.);
	ev_timer_init(&s->watch, on_watch, WATCH_S, WATCH_S);
	s->limit.data = s->watch.data = s;
	s->pretty = malloc(pretty_size(PACKET_MAX_LEN));
	if (!s->pretty)
		r = -ENOMEM;
	if (r == 0 && !s->cfg->read_file)
		r = own_new(&s->own);
	/* The input first: what cannot be captured needs no connection. */
	if (r == 0)
		r = open_input(s);
	if (r == 0)
		r = open_relay(s);
	if (r == 0)
		r = open_producer(s);
	if (r < 0) {
		side_free(s);
		return r;
	}
	log_info("Starting packet capture");
	ev_timer_start(opt->loop, &s->watch);
	run_input(s);
	*out = s;
	return 0;
}

static int side_reload(struct side *s, const struct config *cfg, char *why, size_t size)
{
	unsigned int changes = config_diff(s->cfg, cfg, NULL, NULL);
	struct kafka *next = NULL;
	int r = 0;

	if (s->ending) {
		snprintf(why, size, "the instance is being stopped");
		return -EBUSY;
	}
	/* All that can fail first, so that nothing is applied by half. */
	if (changes & CONFIG_CHANGE_CLIENT)
		r = producer_prepare(s->producer, cfg, &next, why, size);
	if (r == 0 && s->tap)
		r = tap_reload(s->tap, cfg, why, size);
	if (r < 0) {
		kafka_free(next, 0);
		return r;
	}
	if (next)
		producer_replace(s->producer, cfg, next);
	else
		producer_set_config(s->producer, cfg);
	relay_set_config(s->relay, cfg);
	s->cfg = cfg;
	return 0;
}

const struct side_ops side_producer_ops = {
	.new = side_new,
	.stop = side_stop,
	.abandon = side_abandon,
	.reload = side_reload,
	.progress = side_progress,
	.waiting_for = side_waiting_for,
	.log_stats = side_log_stats,
	.summary = side_summary,
	.finish = side_finish,
	.free = side_free,
};

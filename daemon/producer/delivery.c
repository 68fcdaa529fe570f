/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether Kafka takes what waits for it is looked at every few seconds, and logged when an outage
 * begins and when it ends. A broker that does not answer is logged by its client (kafka).
 */
#include "producer/delivery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "kafka/hints.h"
#include "kafka/kafkashow.h"
#include "producer/outclient.h"
#include "producer/rejections.h"

#define ANSWER_S 2. /* a stop waits as long for the next answer of Kafka's */
#define WATCH_S  5.

struct delivery {
	struct delivery_options opt;
	struct relay *relay;
	struct producer *producer;
	uint64_t stop_settled; /* at the last look of a stop, and since when */
	double stop_settled_at;

	ev_timer watch;
	uint64_t settled;  /* at its last look */
	bool was_there;    /* is_there() then */
	int looks;         /* that found trouble, one after the other */
	bool knows_why;    /* the cluster told, and that was said */
	char trouble[512]; /* what keeps a broker that answers from taking packets; "": nothing */
};

struct relay *delivery_relay(const struct delivery *d)
{
	return d->relay;
}

struct producer *delivery_producer(const struct delivery *d)
{
	return d->producer;
}

/* ---- events ---- */

static void on_producer_room(void *ctx)
{
	struct delivery *d = ctx;

	relay_on_room(d->relay);
}

static void on_settled(void *ctx, uint64_t seq)
{
	struct delivery *d = ctx;

	relay_on_settled(d->relay, seq);
}

static void on_trouble(void *ctx)
{
	struct delivery *d = ctx;

	relay_on_trouble(d->relay);
}

static void on_undelivered(void *ctx, const struct packet *pkt, uint64_t seq, bool maybe)
{
	struct delivery *d = ctx;

	d->opt.on_undelivered(d->opt.ctx, relay_on_undelivered(d->relay, seq), maybe);
}

static void on_drained(void *ctx)
{
	struct delivery *d = ctx;

	d->opt.on_drained(d->opt.ctx);
}

static void on_connection(void *ctx, bool connected)
{
	struct delivery *d = ctx;

	d->opt.on_change(d->opt.ctx);
}

/* ---- does Kafka take what waits? ---- */

/* A broker that refuses us is there too, though the next client has not called on it yet. */
static bool is_there(const struct delivery *d)
{
	return producer_is_connected(d->producer) || producer_refusals(d->producer)->hold > 0;
}

void delivery_waiting_for(const struct delivery *d, char *buf, size_t size)
{
	const char *why = rejections_words(producer_refusals(d->producer)->for_now);
	const struct hint hint = hints_behind(why, ": ");
	const struct config *cfg = producer_config(d->producer);

	if (*why && is_there(d))
		snprintf(buf, size, "topic %s: %s%s%s", cfg->topic, why, hint.mark, hint.advice);
	else
		outclient_waiting_for(producer_client(d->producer), cfg, buf, size);
}

enum delivery_trouble delivery_trouble(const struct delivery *d)
{
	if (!is_there(d))
		return DELIVERY_NO_BROKER;
	return *d->trouble ? DELIVERY_NO_TOPIC : DELIVERY_WELL;
}

void delivery_describe(const struct delivery *d, char *buf, size_t size)
{
	if (!is_there(d))
		snprintf(buf, size, "waiting for broker %s", producer_config(d->producer)->brokers);
	else
		snprintf(buf, size, "%s%s", *d->trouble ? "waiting for " : "", d->trouble);
}

/* Said once, and once more when the cluster has told why: at first it may not know that itself. */
static void go_on_with_trouble(struct delivery *d)
{
	bool why = !*rejections_words(producer_refusals(d->producer)->for_now) &&
		   outclient_knows_why(producer_client(d->producer));
	bool told = *d->trouble && (d->knows_why || !why);

	d->looks++;
	d->knows_why |= why;
	delivery_waiting_for(d, d->trouble, sizeof(d->trouble));
	if (!told)
		log_write_event(LOG_LEVEL_WARN, LOG_EVENT_BROKER_LOST, NULL, 0,
				"No packet has been delivered for %d s: waiting for %s",
				(int)WATCH_S * d->looks, d->trouble);
	outclient_ask_why(producer_client(d->producer));
}

static void end_trouble(struct delivery *d)
{
	if (*d->trouble)
		log_write_event(LOG_LEVEL_INFO, LOG_EVENT_BROKER_BACK, NULL, 0,
				"Kafka takes packets again");
	*d->trouble = '\0';
	d->looks = 0;
	d->knows_why = false;
	outclient_forget_why(producer_client(d->producer));
}

/*
 * A broker answers and yet nothing is taken of what waits: a topic that is missing, mostly. One
 * that has come back since the last look has had no time yet to take anything.
 */
static void on_watch(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct delivery *d = w->data;
	struct producer_counters p;
	struct relay_counters r;
	uint64_t before = d->settled;
	bool there = is_there(d);

	producer_read_counters(d->producer, &p);
	relay_read_counters(d->relay, &r);
	d->settled = p.delivered + p.failed;
	if (d->settled != before || p.queued + r.spooled == 0)
		end_trouble(d);
	else if (there && d->was_there)
		go_on_with_trouble(d);
	d->was_there = there;
	outclient_brake(producer_client(d->producer));
	d->opt.on_change(d->opt.ctx);
}

/* ---- life ---- */

static int open_relay(struct delivery *d)
{
	const struct relay_options opt = {
		.loop = d->opt.loop,
		.cfg = d->opt.cfg,
		.on_room = d->opt.on_room,
		.on_emptied = d->opt.on_emptied,
		.ctx = d->opt.ctx,
	};

	return relay_new(&d->relay, &opt);
}

static int open_producer(struct delivery *d)
{
	const struct producer_options opt = {
		.loop = d->opt.loop,
		.cfg = d->opt.cfg,
		.own = d->opt.own,
		.on_room = on_producer_room,
		.on_connection = on_connection,
		.on_drained = on_drained,
		.on_undelivered = on_undelivered,
		.on_settled = relay_has_spool(d->relay) ? on_settled : NULL,
		.on_trouble = on_trouble,
		.ctx = d,
	};
	char text[1024];
	int r;

	kafkashow_describe(text, sizeof(text), d->opt.cfg);
	log_info("Connecting to Kafka; %s", text);
	r = producer_new(&d->producer, &opt);
	relay_set_producer(d->relay, d->producer);
	return r;
}

int delivery_new(struct delivery **out, const struct delivery_options *opt)
{
	struct delivery *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->opt = *opt;
	d->was_there = true; /* what is wrong from the start is told at the first look */
	ev_timer_init(&d->watch, on_watch, WATCH_S, WATCH_S);
	d->watch.data = d;
	r = open_relay(d);
	if (r == 0)
		r = open_producer(d);
	if (r < 0) {
		delivery_free(d);
		return r;
	}
	ev_timer_start(opt->loop, &d->watch);
	*out = d;
	return 0;
}

void delivery_reload(struct delivery *d, const struct config *cfg, struct outclient *next)
{
	if (next)
		producer_replace(d->producer, cfg, next);
	relay_reload(d->relay, cfg);
}

bool delivery_may_leave(struct delivery *d)
{
	double now = ev_now(d->opt.loop);
	struct producer_counters c;

	producer_read_counters(d->producer, &c);
	if (!d->stop_settled_at || c.delivered + c.failed != d->stop_settled) {
		d->stop_settled = c.delivered + c.failed;
		d->stop_settled_at = now;
	}
	if (producer_is_connected(d->producer) && now - d->stop_settled_at < ANSWER_S)
		return false;
	return relay_keep_all(d->relay) && relay_is_written(d->relay);
}

void delivery_free(struct delivery *d)
{
	if (!d)
		return;
	ev_timer_stop(d->opt.loop, &d->watch);
	producer_free(d->producer);
	relay_free(d->relay);
	free(d);
}

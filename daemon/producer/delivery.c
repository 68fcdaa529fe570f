/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/delivery.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "kafka/kafkashow.h"
#include "producer/outage.h"

#define ANSWER_S 2. /* a stop waits as long for the next answer of Kafka's */

struct delivery {
	struct delivery_options opt;
	struct relay *relay;
	struct producer *producer;
	struct outage *outage;
	uint64_t settled; /* at the last look of a stop, and since when */
	double settled_at;
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

static int open_uptake(struct delivery *d)
{
	const struct outage_options opt = {
		.loop = d->opt.loop,
		.producer = d->producer,
		.relay = d->relay,
		.on_change = d->opt.on_change,
		.ctx = d->opt.ctx,
	};

	return outage_new(&d->outage, &opt);
}

int delivery_new(struct delivery **out, const struct delivery_options *opt)
{
	struct delivery *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->opt = *opt;
	r = open_relay(d);
	if (r == 0)
		r = open_producer(d);
	if (r == 0)
		r = open_uptake(d);
	if (r < 0) {
		delivery_free(d);
		return r;
	}
	*out = d;
	return 0;
}

void delivery_reload(struct delivery *d, const struct config *cfg, struct outclient *next)
{
	if (next)
		producer_replace(d->producer, cfg, next);
	relay_reload(d->relay, cfg);
}

void delivery_describe(const struct delivery *d, char *buf, size_t size)
{
	outage_describe(d->outage, buf, size);
}

void delivery_waiting_for(const struct delivery *d, char *buf, size_t size)
{
	outage_waiting_for(d->outage, buf, size);
}

bool delivery_may_leave(struct delivery *d)
{
	double now = ev_now(d->opt.loop);
	struct producer_counters c;

	producer_read_counters(d->producer, &c);
	if (!d->settled_at || c.delivered + c.failed != d->settled) {
		d->settled = c.delivered + c.failed;
		d->settled_at = now;
	}
	if (producer_is_connected(d->producer) && now - d->settled_at < ANSWER_S)
		return false;
	return relay_keep_all(d->relay) && relay_is_written(d->relay);
}

void delivery_free(struct delivery *d)
{
	if (!d)
		return;
	outage_free(d->outage);
	producer_free(d->producer);
	relay_free(d->relay);
	free(d);
}

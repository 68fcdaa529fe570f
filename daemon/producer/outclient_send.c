/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of packets and blocks to librdkafka. A block waits for an answer as a packet does
 * (must_wait): it stays open then, and is tried again after reports and with time.
 */
#include "producer/outclient_send.h"

#include "kafka/kafka.h"
#include "packet/block_writer.h"
#include "packet/flow.h"
#include "producer/first_batch.h"
#include "producer/openblocks.h"
#include "producer/outclient_impl.h"
#include "producer/outtopics.h"
#include "producer/packet_message.h"
#include "producer/retry_rules.h"

#define STICKY_PACKETS 1024       /* partition = random: how many go to one partition in a row */
#define STICKY_STEP    0x9e3779b9 /* 2^32 / golden ratio: visits all evenly */

/* How long a packet is held up at most; a client needs a second or two to connect. */
#define WAIT_LIVE_S    1.
#define WAIT_S         10.
#define WAIT_UNKNOWN_S 2. /* a file, while nothing can be sent: it is to be read all the same */

static uint32_t choose(struct outclient *c, const struct packet *pkt)
{
	switch (c->partition) {
	case CONFIG_PARTITION_FLOW:
	case CONFIG_PARTITION_HOST:
		return flow_hash(pkt, &c->flow);
	case CONFIG_PARTITION_RANDOM:
		if (!c->sticky_left--) {
			c->sticky_left = STICKY_PACKETS - 1;
			c->sticky += STICKY_STEP;
		}
		return c->sticky;
	case CONFIG_PARTITION_KEY:
		break;
	}
	return 0;
}

static double longest_wait(enum outclient_source source, enum first_batch_verdict verdict)
{
	if (source == OUTCLIENT_LIVE)
		return WAIT_LIVE_S;
	return source == OUTCLIENT_STORED && verdict == FIRST_BATCH_UNKNOWN ? WAIT_UNKNOWN_S
									    : WAIT_S;
}

/* The order may ask for the answer to an earlier packet first. */
static bool must_wait(struct outclient *c, const struct outclient_item *item,
		      const struct packet_message_options *opt)
{
	/* Another may be a second handle of ours, and then shares its own. */
	const struct first_batch *firsts =
		item->other < 0 ? c->firsts : rd_kafka_topic_opaque(opt->topic);
	enum first_batch_verdict verdict = first_batch_check(firsts, opt->hash, opt->risky);

	if (verdict == FIRST_BATCH_GO || item->alone || !c->ordered)
		return false;
	/* While nothing can be sent, the queue is more room for what comes in. */
	if (verdict == FIRST_BATCH_UNKNOWN && item->source == OUTCLIENT_LIVE)
		return false;
	if (c->waited[verdict] || kafka_is_held(c->kafka))
		return false;
	if (!ev_is_active(&c->wait)) {
		c->waits_for = verdict;
		ev_timer_set(&c->wait, longest_wait(item->source, verdict), 0.);
		ev_timer_start(c->opt.loop, &c->wait);
	}
	return true;
}

static void stop_waiting(struct outclient *c)
{
	if (ev_is_active(&c->wait))
		ev_timer_stop(c->opt.loop, &c->wait);
}

static rd_kafka_resp_err_t send_packet(struct outclient *c, const struct outclient_item *item,
				       rd_kafka_topic_t *topic, double now,
				       union packet_holder *holder)
{
	const struct packet_message_options opt = {
		.topic = topic,
		.hash = choose(c, item->pkt),
		.seq = (uint32_t)item->seq,
		.risky = item->source != OUTCLIENT_LIVE || item->pkt->caplen > c->large,
		.timestamp_ms = retry_rules_timestamp(c->opt.rules, item->pkt, now),
	};
	rd_kafka_resp_err_t err;

	if (must_wait(c, item, &opt))
		return RD_KAFKA_RESP_ERR__QUEUE_FULL;
	stop_waiting(c);
	err = packet_message_send(&c->msg, c->rk, item->pkt, &opt);
	if (err)
		return err;
	holder->message = c->last;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- blocks ---- */

rd_kafka_resp_err_t outclient_send_block(void *ctx, struct outblock *b, bool copy)
{
	struct outclient *c = ctx;
	const struct packet latest = {.time_us = b->last_us};
	const struct outclient_item item = {
		.source = b->live ? OUTCLIENT_LIVE : OUTCLIENT_STORED,
		.other = c->open_other,
		.alone = !openblocks_awaits(c->blocks),
	};
	const struct packet_message_options opt = {
		.topic = c->open_topic,
		.hash = b->hash,
		.risky = !b->live || b->len > c->large,
		.timestamp_ms = retry_rules_timestamp(c->opt.rules, &latest, ev_now(c->opt.loop)),
	};
	rd_kafka_resp_err_t err;

	if (must_wait(c, &item, &opt))
		return RD_KAFKA_RESP_ERR__QUEUE_FULL;
	stop_waiting(c);
	b->risky = opt.risky;
	err = packet_message_send_block(&c->msg, c->rk, b, copy, &opt);
	if (err == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE) /* reports come */
		return RD_KAFKA_RESP_ERR__QUEUE_FULL;
	if (!err && copy)
		b->bytes = c->opt.track ? c->last->payload : NULL;
	return err;
}

/* Blocks are of one topic at a time. */
static rd_kafka_resp_err_t turn_to(struct outclient *c, rd_kafka_topic_t *topic, int other)
{
	rd_kafka_resp_err_t err = openblocks_send_all(c->blocks);

	if (err)
		return err;
	c->open_topic = topic;
	c->open_other = other;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t set_slots(struct outclient *c, uint32_t n)
{
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;

	if (openblocks_slots(c->blocks) == n)
		return err;
	err = openblocks_send_all(c->blocks);
	if (!err && openblocks_set_slots(c->blocks, n) < 0)
		err = RD_KAFKA_RESP_ERR__QUEUE_FULL;
	return err;
}

/* The first packet goes alone: where it goes shows how many partitions there are. */
static rd_kafka_resp_err_t ask(struct outclient *c, const struct openblocks_item *put,
			       struct outblock **b)
{
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__QUEUE_FULL;

	if (c->asked != c->open_topic)
		err = openblocks_put_alone(c->blocks, put, b);
	if (!err) {
		c->asked = c->open_topic;
	} else {
		c->asking = true;
		openblocks_call_later(c->blocks);
	}
	return err;
}

static rd_kafka_resp_err_t put_by_flow(struct outclient *c, struct openblocks_item *put,
				       struct outblock **b)
{
	int32_t partitions = first_batch_partitions(rd_kafka_topic_opaque(c->open_topic));
	rd_kafka_resp_err_t err;

	put->hash = flow_hash(put->pkt, &c->flow);
	if (partitions == 0)
		return ask(c, put, b);
	err = set_slots(c, (uint32_t)partitions);
	if (err)
		return err;
	/* Should there be more of them when it goes, all its packets still belong together. */
	put->partition = first_batch_partition(put->hash, partitions);
	put->slot = (uint32_t)put->partition;
	return openblocks_put(c->blocks, put, b);
}

/* All in one block; that is for the next partition each time. */
static rd_kafka_resp_err_t put_in_one(struct outclient *c, struct openblocks_item *put,
				      struct outblock **b)
{
	rd_kafka_resp_err_t err;

	put->hash = c->sticky;
	err = openblocks_put(c->blocks, put, b);
	if (!err && (*b)->packets == 1)
		c->sticky += STICKY_STEP;
	return err;
}

static rd_kafka_resp_err_t put(struct outclient *c, const struct outclient_item *item,
			       rd_kafka_topic_t *topic, struct outblock **b)
{
	struct openblocks_item put = {
		.pkt = item->pkt,
		.seq = item->seq,
		.topic = rd_kafka_topic_name(topic),
		.live = item->source == OUTCLIENT_LIVE,
		.partition = -1,
	};
	rd_kafka_resp_err_t err;

	if (topic != c->open_topic) {
		err = turn_to(c, topic, item->other);
		if (err)
			return err;
	}
	if (c->partition == CONFIG_PARTITION_FLOW || c->partition == CONFIG_PARTITION_HOST)
		return put_by_flow(c, &put, b);
	return put_in_one(c, &put, b);
}

/* What a packet is told when a block was not taken; its owner hears of what is wrong with that. */
static rd_kafka_resp_err_t tell(struct outclient *c, rd_kafka_resp_err_t err)
{
	if (err && err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
		c->opt.on_refused(c->opt.ctx, c->open_other, err);
	return err ? RD_KAFKA_RESP_ERR__QUEUE_FULL : RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t send_in_block(struct outclient *c, const struct outclient_item *item,
					 rd_kafka_topic_t *topic, union packet_holder *holder)
{
	rd_kafka_resp_err_t err = put(c, item, topic, &holder->block);

	/* A block is never so long, but one packet may be. */
	return err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? err : tell(c, err);
}

void outclient_on_block_time(void *ctx, rd_kafka_resp_err_t err)
{
	struct outclient *c = ctx;

	tell(c, err);
	if (!c->asking)
		return;
	c->asking = first_batch_partitions(rd_kafka_topic_opaque(c->open_topic)) == 0;
	if (c->asking)
		openblocks_call_later(c->blocks);
	else
		c->opt.on_served(c->opt.ctx);
}

void outclient_serve(struct outclient *c)
{
	if (c->blocks)
		tell(c, openblocks_send_refused(c->blocks));
	c->opt.on_served(c->opt.ctx);
}

bool outclient_has_blocks(const struct outclient *c)
{
	return c->blocks;
}

struct outblock *outclient_block(const struct outclient *c, const rd_kafka_message_t *m)
{
	struct outblock *b = c->blocks ? packet_message_block(m) : NULL;

	if (b) {
		b->bytes = m->payload;
		b->len = m->len;
	}
	return b;
}

void outclient_drop(struct outclient *c, struct outblock *b)
{
	c->asked = NULL; /* it may have failed, and shown nothing */
	openblocks_answered(c->blocks, b);
}

void outclient_send_open(struct outclient *c)
{
	if (c->blocks)
		tell(c, openblocks_send_all(c->blocks));
}

void outclient_take_open(struct outclient *c, void (*fn)(void *ctx, const struct outblock *b),
			 void *ctx)
{
	if (c->blocks)
		openblocks_take_back(c->blocks, fn, ctx);
}

/* ---- packets ---- */

void outclient_on_wait(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct outclient *c = w->data;

	c->waited[c->waits_for] = true;
	outclient_serve(c);
}

rd_kafka_resp_err_t outclient_send(struct outclient *c, const struct outclient_item *item,
				   double now, union packet_holder *holder)
{
	rd_kafka_topic_t *topic = c->topic;

	holder->any = NULL;
	if (item->other >= 0)
		topic = outtopics_handle(c->opt.others, item->other, c->kafka);
	if (!topic)
		return RD_KAFKA_RESP_ERR__INVALID_ARG;
	return c->blocks ? send_in_block(c, item, topic, holder)
			 : send_packet(c, item, topic, now, holder);
}

bool outclient_waits(const struct outclient *c)
{
	return c->asking || ev_is_active(&c->wait);
}

uint32_t outclient_value_len(const struct outclient *c, const struct packet *pkt)
{
	return c->blocks ? (uint32_t)block_writer_size_alone(pkt) : pkt->caplen;
}

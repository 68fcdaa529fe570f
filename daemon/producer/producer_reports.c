/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message is a packet or a block of them; all that is counted are packets.
 */
#include "producer/producer_reports.h"

#include "base/log.h"
#include "kafka/record_decode.h"
#include "producer/delivery_ages.h"
#include "producer/inflight.h"
#include "producer/outclient.h"
#include "producer/outtopics.h"
#include "producer/packet_message.h"
#include "producer/producer_impl.h"

#define BACKOFF_FIRST_S 0.1
#define BACKOFF_S       1.
#define COLLECT_S       0.05

/* ---- what was not delivered ---- */

void producer_fail(struct producer *p, const struct packet *pkt, rd_kafka_resp_err_t err,
		   uint64_t seq)
{
	rejections_for_good(&p->refusals, pkt->caplen, err, ++p->counters.failed);
	p->queued_bytes -= pkt->caplen;
	p->untold += 1 + pkt->dropcount;
	inflight_settle(p->inflight, seq);
	if (p->state == RUNNING)
		producer_wake(p); /* there may be no report after which somebody looks */
}

/* What Kafka says of a topic, not of a message. */
static bool is_of_topic(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
	       err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
	       err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
	       err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
}

/* The packets of a topic that a reload has replaced go to the new one when Kafka refuses it. */
static void give_up_topic(struct producer *p, int topic, rd_kafka_resp_err_t err)
{
	if (!is_of_topic(err) || topic == p->topic || !outtopics_give_up(p->topics, topic))
		return;
	log_warn("Topic %s: %s; packets that still wait for it go to topic %s",
		 outtopics_name(p->topics, topic), rd_kafka_err2str(err), p->cfg->topic);
}

/* Packets of one message, or of a block that was not sent. */
struct back {
	struct producer *p;
	rd_kafka_resp_err_t err;
	int topic;
	bool for_good;
	bool maybe; /* Kafka may have it */
};

static void keep(struct producer *p, const struct back *back, const struct packet *pkt,
		 uint64_t seq)
{
	p->counters.doubled += back->maybe;
	if (inflight_keep(p->inflight, pkt, seq, back->topic) < 0) {
		p->counters.doubled -= back->maybe;
		producer_fail(p, pkt, RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, seq);
	}
}

static void give_back(void *ctx, const struct packet *pkt, uint64_t seq)
{
	const struct back *back = ctx;
	struct producer *p = back->p;

	inflight_answered(p->inflight, seq);
	if (back->for_good)
		producer_fail(p, pkt, back->err, seq);
	else if (p->state == ABANDONED)
		p->opt.on_undelivered(p->opt.ctx, pkt, seq, back->maybe);
	else if (!pkt->data)
		producer_fail(p, pkt, RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, seq);
	else
		keep(p, back, pkt, seq);
}

static void on_open(void *ctx, const struct outblock *b)
{
	struct producer *p = ctx;
	struct back back = {.p = p, .topic = outtopics_find(p->topics, b->topic)};

	p->outstanding -= b->packets;
	outblock_each(b, give_back, &back);
}

void producer_purge(struct producer *p, bool inflight)
{
	outclient_take_open(p->client, on_open, p);
	outclient_purge(p->client, inflight);
}

/* Takes back what is not delivered, for another client in `backoff` seconds. */
static void take_back(struct producer *p, double backoff)
{
	p->state = COLLECTING;
	p->replacing = false;
	if (p->opt.on_trouble)
		p->opt.on_trouble(p->opt.ctx);
	producer_purge(p, false);
	/* The reports come as events; with none outstanding the timer goes on. */
	p->not_before = ev_now(p->opt.loop) + backoff;
	p->timer.repeat = COLLECT_S;
	ev_timer_again(p->opt.loop, &p->timer);
}

void producer_collect(struct producer *p, rd_kafka_resp_err_t err, const char *reason)
{
	if (!producer_is_sending(p))
		return;
	rejections_new_round(&p->refusals, reason, outclient_refusal(p->client, err),
			     p->progressed);
	take_back(p, p->progressed ? BACKOFF_FIRST_S : BACKOFF_S);
	p->progressed = false;
}

/* With enable.gapless.guarantee the client is dead after it. */
static void on_given_up(struct producer *p)
{
	if (producer_is_sending(p) && outclient_is_dead(p->client))
		take_back(p, BACKOFF_FIRST_S);
}

void producer_on_refused(void *ctx, int other, rd_kafka_resp_err_t err)
{
	struct producer *p = ctx;

	if (other >= 0)
		give_up_topic(p, other, err);
	producer_collect(p, err, rd_kafka_err2str(err));
}

static void give_all_back(struct back *back, const rd_kafka_message_t *m,
			  const struct outblock *block)
{
	struct packet pkt;

	if (block) {
		outblock_each(block, give_back, back);
		return;
	}
	record_decode_one(m, &pkt); /* which we made */
	give_back(back, &pkt, packet_message_seq(m, inflight_next(back->p->inflight)));
}

static bool is_given_up(struct producer *p, const rd_kafka_message_t *m, rd_kafka_resp_err_t err,
			uint32_t packets)
{
	const struct retry_rules_refused refused = {
		.err = err,
		.len = (uint32_t)m->len,
		.packets = packets,
	};

	return p->state != ABANDONED &&
	       retry_rules_learn(&p->rules, &refused, ev_now(p->opt.loop)) == RETRY_RULES_NEVER;
}

static void on_failed(struct producer *p, const rd_kafka_message_t *m, rd_kafka_resp_err_t err,
		      const struct outblock *block)
{
	struct back back = {
		.p = p,
		.err = err,
		.topic = outtopics_find(p->topics, rd_kafka_topic_name(m->rkt)),
		.maybe = packet_message_may_be_there(m),
	};

	back.for_good = is_given_up(p, m, err, block ? block->packets : 1);
	if (!back.for_good && p->state != ABANDONED)
		give_up_topic(p, back.topic, err);
	give_all_back(&back, m, block);
	if (back.for_good) {
		on_given_up(p);
		return;
	}
	rejections_for_now(&p->refusals, err);
	producer_collect(p, err, rd_kafka_err2str(err));
}

/* ---- what was ---- */

static void settle(struct producer *p, uint64_t seq)
{
	inflight_answered(p->inflight, seq);
	inflight_settle(p->inflight, seq);
}

static void on_delivered(struct producer *p, const rd_kafka_message_t *m,
			 const struct outblock *block)
{
	p->queued_bytes -= block ? block->caplen : m->len;
	p->counters.delivered += block ? block->packets : 1;
	if (!p->opt.on_settled)
		return;
	if (!block)
		settle(p, packet_message_seq(m, inflight_next(p->inflight)));
	for (uint32_t i = 0; block && i < block->packets; i++)
		settle(p, outblock_seq(block, i));
}

/* Reports of one partition in a row, which count as the first of them does. */
struct run {
	int32_t partition;
	int64_t age_ms;
	uint64_t before; /* packets delivered before them */
};

static void end_run(struct producer *p, const struct run *run)
{
	uint64_t packets = p->counters.delivered - run->before;

	if (packets > 0)
		delivery_ages_add(&p->ages, run->age_ms, packets);
}

static void begin_run(struct producer *p, struct run *run, const rd_kafka_message_t *m,
		      const struct outblock *block)
{
	int64_t captured_ms = block ? (int64_t)(block->first_us / 1000) : packet_message_time_ms(m);

	end_run(p, run);
	run->partition = m->partition;
	run->age_ms = (int64_t)(ev_now(p->opt.loop) * 1e3) - captured_ms;
	run->before = p->counters.delivered;
	packet_message_taken(m);
}

/* What is not proven to be there goes once more, as what was refused for coming out of order. */
static rd_kafka_resp_err_t error_of(const rd_kafka_message_t *m)
{
	if (m->err || m->offset != RD_KAFKA_OFFSET_INVALID || !packet_message_is_unproven(m))
		return m->err;
	return RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

void producer_on_delivery(void *ctx, rd_kafka_event_t *event)
{
	struct producer *p = ctx;
	uint64_t delivered = p->counters.delivered;
	struct run run = {.partition = RD_KAFKA_PARTITION_UA, .before = delivered};
	const rd_kafka_message_t *m;
	rd_kafka_resp_err_t err;
	struct outblock *block;

	/* All of an event are of one topic. */
	while ((m = rd_kafka_event_message_next(event))) {
		block = outclient_block(p->client, m);
		p->outstanding -= block ? block->packets : 1;
		err = error_of(m);
		if (!err && m->partition != run.partition)
			begin_run(p, &run, m, block);
		if (err)
			on_failed(p, m, err, block);
		else
			on_delivered(p, m, block);
		if (block)
			outclient_drop(p->client, block);
	}
	end_run(p, &run);
	if (p->counters.delivered == delivered)
		return;
	p->progressed = p->delivers = true;
	rejections_delivered(&p->refusals);
}

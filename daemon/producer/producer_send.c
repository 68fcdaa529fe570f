/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/producer_send.h"

#include <string.h>

#include "base/log.h"
#include "kafka/kafka.h"
#include "kafka/record_decode.h"
#include "producer/inflight.h"
#include "producer/outclient.h"
#include "producer/outtopics.h"
#include "producer/packet_message.h"
#include "producer/producer_impl.h"

#define BACKOFF_FIRST_S 0.1
#define BACKOFF_S       1.
#define COLLECT_S       0.05
#define RESEND_BATCH    4096

/* ---- to Kafka ---- */

/* Takes back what is not delivered, for another client in `backoff` seconds. */
static void take_back(struct producer *p, double backoff)
{
	p->state = COLLECTING;
	p->replacing = false;
	if (p->opt.on_trouble)
		p->opt.on_trouble(p->opt.ctx);
	outclient_purge(p->client, false);
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

/* The next packet tells that it is lost, and what it was to tell itself. */
static void fail(struct producer *p, const struct packet *pkt, rd_kafka_resp_err_t err,
		 uint64_t seq)
{
	rejections_for_good(&p->refusals, pkt->caplen, err, ++p->counters.failed);
	p->queued_bytes -= pkt->caplen;
	p->untold += 1 + pkt->dropcount;
	inflight_settle(p->inflight, seq);
	if (p->state == RUNNING)
		producer_wake(p); /* there may be no report after which somebody looks */
}

/* The packets of a topic that a reload has replaced go to the new one when Kafka refuses it. */
static void give_up_topic(struct producer *p, int topic, rd_kafka_resp_err_t err)
{
	if (topic == p->topic || !outtopics_give_up(p->topics, topic))
		return;
	log_warn("Topic %s: %s; packets that still wait for it go to topic %s",
		 outtopics_name(p->topics, topic), rd_kafka_err2str(err), p->cfg->topic);
}

/* What Kafka says of a topic, not of a message. */
static bool is_of_topic(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
	       err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
	       err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
	       err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
}

/* For outclient_item: -1 when it is the topic of the settings. */
static int other_than_ours(const struct producer *p, int topic)
{
	return topic == p->topic || outtopics_is_given_up(p->topics, topic) ? -1 : topic;
}

/* 0: taken (or failed for good, counted); PACKET_E_FULL: not taken. */
static int offer(struct producer *p, const struct outclient_item *item)
{
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
	double now = ev_now(p->opt.loop);

	p->last_sent = NULL;
	if (!retry_rules_is_too_large(&p->rules, item->pkt->caplen, now))
		err = outclient_send(p->client, item, now, &p->last_sent);
	switch (err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		p->outstanding++;
		return 0;
	case RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE: /* reports come */
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
		kafka_hurry(outclient_kafka(p->client));
		return PACKET_E_FULL;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR__INVALID_ARG:
		fail(p, item->pkt, err, item->seq);
		return 0;
	default:
		if (item->other >= 0 && is_of_topic(err))
			give_up_topic(p, item->other, err);
		producer_collect(p, err, rd_kafka_err2str(err));
		return PACKET_E_FULL;
	}
}

/* Offers a new packet. Inlined into both callers: one of them is called for each packet. */
static inline __attribute__((always_inline)) int offer_new(struct producer *p,
							   const struct packet *pkt,
							   enum outclient_source source, int other)
{
	const struct outclient_item item = {
		.pkt = pkt,
		.source = source,
		.other = other,
		.seq = inflight_next(p->inflight),
		.alone = p->outstanding == 0,
	};

	if (p->state != RUNNING)
		return PACKET_E_FULL;
	p->queued_bytes += pkt->caplen;
	if (offer(p, &item) == 0) {
		p->counters.sent++;
		return 0;
	}
	p->queued_bytes -= pkt->caplen;
	return PACKET_E_FULL;
}

/* Between two clients a packet waits behind those that are to be sent again. */
static int keep_new(struct producer *p, const struct packet *pkt)
{
	if ((p->state != COLLECTING && p->state != RESENDING) || !producer_has_room(p) ||
	    inflight_keep(p->inflight, pkt, inflight_next(p->inflight), p->topic) < 0)
		return PACKET_E_FULL;
	p->queued_bytes += pkt->caplen;
	p->last_sent = NULL;
	p->counters.sent++;
	return 0;
}

void producer_add_losses(struct producer *p, uint64_t packets)
{
	p->untold += packets;
}

/* The packet as it tells what was lost before it; `room` is for that one. */
static const struct packet *tell_losses(struct producer *p, const struct packet *pkt,
					struct packet *room)
{
	if (!p->untold)
		return pkt;
	*room = *pkt;
	room->dropcount += p->untold;
	p->untold = 0;
	return room;
}

/* It was not taken. */
static int block(struct producer *p, const struct packet *pkt, const struct packet *telling)
{
	p->untold += telling->dropcount - pkt->dropcount;
	p->blocked = true;
	return PACKET_E_FULL;
}

int producer_send(struct producer *p, const struct packet *pkt)
{
	const struct packet *telling;
	struct packet room;

	if (p->opt.on_settled && !inflight_has_room(p->inflight)) {
		p->blocked = true;
		kafka_hurry(outclient_kafka(p->client));
		return PACKET_E_FULL;
	}
	telling = tell_losses(p, pkt, &room);
	if (offer_new(p, telling, p->source, -1) != 0 && keep_new(p, telling) != 0)
		return block(p, pkt, telling);
	inflight_add(p->inflight, p->last_sent);
	return 0;
}

int producer_send_spooled(struct producer *p, const struct packet *pkt, const char *topic)
{
	const struct packet *telling;
	struct packet room;
	int index = p->topic;

	if (strcmp(topic, p->cfg->topic) != 0)
		index = outtopics_add(p->topics, topic);
	if (index < 0)
		return index;
	telling = tell_losses(p, pkt, &room);
	if (offer_new(p, telling, OUTCLIENT_STORED, other_than_ours(p, index)) != 0)
		return block(p, pkt, telling);
	inflight_add_spooled(p->inflight);
	return 0;
}

/* ---- from Kafka ---- */

static void keep(struct producer *p, const rd_kafka_message_t *m, uint64_t seq)
{
	int topic = outtopics_find(p->topics, rd_kafka_topic_name(m->rkt));
	bool maybe = packet_message_may_be_there(m);
	struct packet pkt;

	record_decode_one(m, &pkt);
	if (p->state == ABANDONED) {
		p->opt.on_undelivered(p->opt.ctx, &pkt, seq, maybe);
		return;
	}
	if (is_of_topic(m->err))
		give_up_topic(p, topic, m->err);
	p->counters.doubled += maybe;
	if (inflight_keep(p->inflight, &pkt, seq, topic) < 0) {
		p->counters.doubled -= maybe;
		fail(p, &pkt, RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, seq);
	}
}

static void on_failed(struct producer *p, const rd_kafka_message_t *m, uint64_t seq)
{
	struct packet pkt;

	if (p->state != ABANDONED && retry_rules_learn(&p->rules, m->err, (uint32_t)m->len,
						       ev_now(p->opt.loop)) == RETRY_RULES_NEVER) {
		record_decode_one(m, &pkt);
		fail(p, &pkt, m->err, seq);
		if (producer_is_sending(p) && outclient_is_dead(p->client))
			take_back(p, BACKOFF_FIRST_S);
		return;
	}
	keep(p, m, seq);
	rejections_for_now(&p->refusals, m->err);
	producer_collect(p, m->err, rd_kafka_err2str(m->err));
}

/* Reports of one partition in a row, which count as the first of them does. */
struct run {
	int32_t partition;
	int64_t age_ms;
	uint64_t before; /* packets delivered in this event before them */
};

static void end_run(struct producer *p, const struct run *run, uint64_t delivered)
{
	if (delivered > run->before)
		delivery_ages_add(&p->ages, run->age_ms, delivered - run->before);
}

static void begin_run(struct producer *p, struct run *run, const rd_kafka_message_t *m,
		      uint64_t delivered)
{
	end_run(p, run, delivered);
	run->partition = m->partition;
	run->age_ms = (int64_t)(ev_now(p->opt.loop) * 1e3) - packet_message_time_ms(m);
	run->before = delivered;
	packet_message_taken(m);
}

void producer_on_delivery(void *ctx, rd_kafka_event_t *event)
{
	struct producer *p = ctx;
	const rd_kafka_message_t *m;
	uint64_t n = 0, bad = 0, bytes = 0, seq;
	struct run run = {.partition = RD_KAFKA_PARTITION_UA};

	/* All of an event are of one topic. */
	while ((m = rd_kafka_event_message_next(event))) {
		n++;
		bytes += m->err ? 0 : m->len;
		if (!m->err && m->partition != run.partition)
			begin_run(p, &run, m, n - 1 - bad);
		if (!m->err && !p->opt.on_settled)
			continue;
		seq = packet_message_seq(m, inflight_next(p->inflight));
		inflight_answered(p->inflight, seq);
		if (m->err) {
			bad++;
			on_failed(p, m, seq);
		} else {
			inflight_settle(p->inflight, seq);
		}
	}
	end_run(p, &run, n - bad);
	p->outstanding -= n;
	p->queued_bytes -= bytes;
	p->counters.delivered += n - bad;
	p->progressed |= n > bad;
	p->delivers |= n > bad;
	if (n > bad)
		rejections_delivered(&p->refusals);
}

/* Sends the first of those to be sent again. False: not now. */
static bool resend_first(struct producer *p)
{
	struct packet pkt;
	int topic;
	struct outclient_item item = {
		.pkt = &pkt,
		.source = OUTCLIENT_AGAIN,
		.alone = p->outstanding == 0,
	};

	if (!inflight_first(p->inflight, &pkt, &item.seq, &topic)) {
		p->state = RUNNING;
		return false;
	}
	item.other = other_than_ours(p, topic);
	if (offer(p, &item) != 0)
		return false; /* full: goes on with the next reports (pkt may be gone) */
	inflight_drop_first(p->inflight, p->last_sent);
	return true;
}

/* A bounded batch of them. */
static void retry(struct producer *p)
{
	for (int i = 0; i < RESEND_BATCH; i++)
		if (!resend_first(p))
			return;
	producer_wake(p);
}

void producer_advance(void *ctx)
{
	struct producer *p = ctx;

	if (p->opt.on_settled)
		p->opt.on_settled(p->opt.ctx, inflight_settled_below(p->inflight));
	if (p->state == RESENDING)
		retry(p);
	if (p->next && p->outstanding == 0 && p->state == COLLECTING)
		producer_wake(p);
	if (p->blocked && p->state != ABANDONED && (p->state == RUNNING || producer_has_room(p))) {
		p->blocked = false;
		p->opt.on_room(p->opt.ctx);
	}
	if (producer_queued(p) == 0 &&
	    (p->state == ABANDONED || (p->draining && p->state == RUNNING))) {
		p->draining = false;
		p->opt.on_drained(p->opt.ctx);
	}
}

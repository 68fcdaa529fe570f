/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/producer_send.h"

#include <string.h>

#include "kafka/kafka.h"
#include "producer/inflight.h"
#include "producer/outclient.h"
#include "producer/outtopics.h"
#include "producer/producer_impl.h"
#include "producer/producer_reports.h"

#define RESEND_BATCH 4096

/* ---- to Kafka ---- */

/* For outclient_item: -1 when it is the topic of the settings. */
static int other_than_ours(const struct producer *p, int topic)
{
	return topic == p->topic || outtopics_is_given_up(p->topics, topic) ? -1 : topic;
}

static bool is_too_large(const struct producer *p, const struct packet *pkt, double now)
{
	return p->rules.too_large != UINT32_MAX &&
	       retry_rules_is_too_large(&p->rules, outclient_value_len(p->client, pkt), now);
}

/* 0: taken (or failed for good, counted); PACKET_E_FULL: not taken. */
static int offer(struct producer *p, const struct outclient_item *item)
{
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
	double now = ev_now(p->opt.loop);

	p->last_sent.any = NULL;
	if (!is_too_large(p, item->pkt, now))
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
		producer_fail(p, item->pkt, err, item->seq);
		return 0;
	default:
		producer_on_refused(p, item->other, err);
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

/*
 * Between two clients a packet waits behind those that are to be sent again; also while a client
 * awaits the partitions, or its first answer, so that the capture goes on.
 */
static int keep_new(struct producer *p, const struct packet *pkt)
{
	if (p->state == RUNNING && outclient_waits(p->client))
		p->state = RESENDING;
	if ((p->state != COLLECTING && p->state != RESENDING) || !producer_has_room(p) ||
	    inflight_keep(p->inflight, pkt, inflight_next(p->inflight), p->topic) < 0)
		return PACKET_E_FULL;
	p->queued_bytes += pkt->caplen;
	p->last_sent.any = NULL;
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

/* ---- again ---- */

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

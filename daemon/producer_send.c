/* SPDX-License-Identifier: Apache-2.0 */
#include "producer_impl.h"

#include <string.h>

#include "inflight.h"
#include "kafka.h"
#include "outclient.h"
#include "outmsg.h"
#include "outtopics.h"

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

/* The client takes no more, or cannot. */
void producer_collect(void *ctx, rd_kafka_resp_err_t err, const char *reason)
{
	struct producer *p = ctx;

	if (!producer_is_sending(p))
		return;
	refusals_new_round(&p->refusals, reason, outclient_refusal(p->client, err), p->progressed);
	take_back(p, p->progressed ? BACKOFF_FIRST_S : BACKOFF_S);
	p->progressed = false;
}

void producer_wake(struct producer *p)
{
	if (ev_is_active(&p->soon))
		return;
	ev_timer_set(&p->soon, 0., 0.);
	ev_timer_start(p->opt.loop, &p->soon);
}

static void fail(struct producer *p, uint32_t caplen, rd_kafka_resp_err_t err, uint64_t seq)
{
	refusals_for_good(&p->refusals, caplen, err, ++p->counters.failed);
	inflight_settle(p->inflight, seq);
	if (p->state == RUNNING)
		producer_wake(p); /* there may be no report after which somebody looks */
}

/* 0: taken (or failed for good, counted); PACKET_E_FULL: not taken. */
static int offer(struct producer *p, const struct outclient_item *item)
{
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
	double now = ev_now(p->opt.loop);

	p->last_sent = NULL;
	if (!resend_is_too_large(&p->rules, item->pkt->caplen, now))
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
		fail(p, item->pkt->caplen, err, item->seq);
		return 0;
	default:
		producer_collect(p, err, rd_kafka_err2str(err));
		return PACKET_E_FULL;
	}
}

/* Offers a new packet. */
static int offer_new(struct producer *p, const struct packet *pkt, enum outclient_source source,
		     int other)
{
	const struct outclient_item item = {
		.pkt = pkt,
		.source = source,
		.other = other,
		.seq = inflight_next(p->inflight),
		.alone = p->outstanding == 0,
	};

	if (p->state == RUNNING && offer(p, &item) == 0) {
		p->counters.sent++;
		return 0;
	}
	p->blocked = true;
	return PACKET_E_FULL;
}

int producer_send(struct producer *p, const struct packet *pkt)
{
	if (p->opt.on_settled && !inflight_has_room(p->inflight)) {
		p->blocked = true;
		kafka_hurry(outclient_kafka(p->client));
		return PACKET_E_FULL;
	}
	if (offer_new(p, pkt, p->source, -1) != 0)
		return PACKET_E_FULL;
	inflight_add(p->inflight, p->last_sent);
	return 0;
}

int producer_send_spooled(struct producer *p, const struct packet *pkt, const char *topic)
{
	int other = -1;

	if (strcmp(topic, p->cfg->topic) != 0) {
		other = outtopics_add(p->others, topic);
		if (other < 0)
			return other;
	}
	if (offer_new(p, pkt, OUTCLIENT_STORED, other) != 0)
		return PACKET_E_FULL;
	inflight_add_spooled(p->inflight);
	return 0;
}

/* ---- from Kafka ---- */

static void keep(struct producer *p, const rd_kafka_message_t *m, uint64_t seq)
{
	bool maybe = outmsg_may_be_there(m);
	struct packet pkt;

	outmsg_read(m, &pkt);
	if (p->state == ABANDONED) {
		p->opt.on_undelivered(p->opt.ctx, &pkt, seq, maybe);
		return;
	}
	p->counters.doubled += maybe;
	if (inflight_keep(p->inflight, &pkt, seq, outclient_other(p->client, m)) < 0) {
		p->counters.doubled -= maybe;
		fail(p, pkt.caplen, RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, seq);
	}
}

static void on_failed(struct producer *p, const rd_kafka_message_t *m, uint64_t seq)
{
	if (p->state != ABANDONED && resend_learn(&p->rules, m->err, (uint32_t)m->len,
						  ev_now(p->opt.loop)) == RESEND_NEVER) {
		fail(p, (uint32_t)m->len, m->err, seq);
		if (producer_is_sending(p) && outclient_is_dead(p->client))
			take_back(p, BACKOFF_FIRST_S);
		return;
	}
	keep(p, m, seq);
	refusals_for_now(&p->refusals, m->err);
	producer_collect(p, m->err, rd_kafka_err2str(m->err));
}

void producer_on_delivery(void *ctx, rd_kafka_event_t *event)
{
	struct producer *p = ctx;
	const rd_kafka_message_t *m;
	uint64_t n = 0, bad = 0, seq;
	int32_t partition = RD_KAFKA_PARTITION_UA;

	/* All of an event are of one topic. */
	while ((m = rd_kafka_event_message_next(event))) {
		n++;
		if (!m->err && m->partition != partition) {
			partition = m->partition;
			outmsg_taken(m);
		}
		if (!m->err && !p->opt.on_settled)
			continue;
		seq = outmsg_seq(m, inflight_next(p->inflight));
		inflight_answered(p->inflight, seq);
		if (m->err) {
			bad++;
			on_failed(p, m, seq);
		} else {
			inflight_settle(p->inflight, seq);
		}
	}
	p->outstanding -= n;
	p->counters.delivered += n - bad;
	p->progressed |= n > bad;
	if (n > bad)
		refusals_delivered(&p->refusals);
}

uint64_t producer_queued(const struct producer *p)
{
	return p->outstanding + inflight_kept(p->inflight);
}

/* Sends the first of those to be sent again. False: not now. */
static bool resend_first(struct producer *p)
{
	struct packet pkt;
	struct outclient_item item = {
		.pkt = &pkt,
		.source = OUTCLIENT_AGAIN,
		.alone = p->outstanding == 0,
	};

	if (!inflight_first(p->inflight, &pkt, &item.seq, &item.other)) {
		p->state = RUNNING;
		return false;
	}
	if (offer(p, &item) != 0)
		return false; /* full: goes on with the next reports (pkt may be gone) */
	inflight_drop_first(p->inflight, p->last_sent);
	return true;
}

/* A bounded batch of them. */
static void resend(struct producer *p)
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
		resend(p);
	if (p->next && p->outstanding == 0 && p->state == COLLECTING)
		producer_wake(p);
	if (p->blocked && p->state == RUNNING) {
		p->blocked = false;
		p->opt.on_room(p->opt.ctx);
	}
	if (producer_queued(p) == 0 &&
	    (p->state == ABANDONED || (p->draining && p->state == RUNNING))) {
		p->draining = false;
		p->opt.on_drained(p->opt.ctx);
	}
}

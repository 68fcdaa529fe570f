/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RUNNING -> (a message failed that can be sent again, or the client is dead) -> COLLECTING: the
 * queue is purged and all reports awaited -> BACKING_OFF -> a new client -> RESENDING -> RUNNING.
 * A reload is the same way with a client made before: RUNNING -> COLLECTING, first without a
 * purge -> RESENDING, nearly always with nothing to send -> RUNNING.
 */
#include "producer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inflight.h"
#include "kafka.h"
#include "kafkalog.h"
#include "log.h"
#include "outclient.h"
#include "outmsg.h"
#include "outtopics.h"
#include "pace.h"
#include "refusals.h"
#include "resend.h"

#define BACKOFF_FIRST_S 0.1
#define BACKOFF_S       1.
#define REPLACE_PURGE_S 5. /* how long a reload waits for the old client to drain */
#define RESEND_BATCH    4096
#define FREE_WAIT_MS    2000

enum state { RUNNING, COLLECTING, BACKING_OFF, RESENDING, ABANDONED };

struct producer {
	struct producer_options opt;
	const struct config *cfg;

	struct outclient *client, *next; /* next: made by a reload, waits for its turn */
	struct outtopics *others;        /* what a spool still holds of earlier topics */
	enum state state;
	bool blocked;  /* somebody was told PACKET_E_FULL */
	bool draining; /* producer_drain() was called */
	bool progressed;
	bool purged; /* for a reload: the queue; what is in flight comes next */
	ev_timer timer, soon;

	struct kafkalog *log; /* these outlive the clients */
	struct pace *pace;

	uint64_t outstanding; /* with librdkafka */
	struct producer_counters counters;
	struct inflight *inflight;
	struct resend rules;
	struct refusals refusals;
	const rd_kafka_message_t *last_sent; /* only with a spool */
};

/* ---- to Kafka ---- */

/* The client takes no more, or cannot: takes back what is not delivered, for another one. */
static void collect(void *ctx, rd_kafka_resp_err_t err, const char *reason)
{
	struct producer *p = ctx;

	if (p->state != RUNNING && p->state != RESENDING)
		return;
	refusals_new_round(&p->refusals, reason, outclient_refusal(p->client, err), p->progressed);
	p->state = COLLECTING;
	if (p->opt.on_trouble)
		p->opt.on_trouble(p->opt.ctx);
	outclient_purge(p->client, false);
	ev_timer_stop(p->opt.loop, &p->timer);
	/* The reports come as events; with none outstanding the timer goes on. */
	p->timer.repeat = p->progressed ? BACKOFF_FIRST_S : BACKOFF_S;
	p->progressed = false;
	ev_timer_again(p->opt.loop, &p->timer);
}

/* Has on_timer() run in the next round of the loop, after what else is due. */
static void wake(struct producer *p)
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
		wake(p); /* there may be no report after which somebody looks */
}

/* 0: taken (or failed for good, counted); PACKET_E_FULL: not taken. */
static int offer(struct producer *p, const struct packet *pkt, int other, uint64_t seq)
{
	rd_kafka_resp_err_t err =
		outclient_send(p->client, pkt, other, seq, ev_now(p->opt.loop), &p->last_sent);

	switch (err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		p->outstanding++;
		return 0;
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
		return PACKET_E_FULL;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR__INVALID_ARG:
		fail(p, pkt->caplen, err, seq);
		return 0;
	default:
		collect(p, err, rd_kafka_err2str(err));
		return PACKET_E_FULL;
	}
}

/* Offers a new packet. */
static int offer_new(struct producer *p, const struct packet *pkt, int other)
{
	if (p->state == RUNNING && offer(p, pkt, other, inflight_next(p->inflight)) == 0) {
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
		return PACKET_E_FULL;
	}
	if (offer_new(p, pkt, -1) != 0)
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
	if (offer_new(p, pkt, other) != 0)
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
	if (p->state != ABANDONED &&
	    resend_learn(&p->rules, m->err, (uint32_t)m->len) == RESEND_NEVER) {
		fail(p, (uint32_t)m->len, m->err, seq);
		return;
	}
	keep(p, m, seq);
	refusals_for_now(&p->refusals, m->err);
	collect(p, m->err, rd_kafka_err2str(m->err));
}

static void on_delivery(void *ctx, rd_kafka_event_t *event)
{
	struct producer *p = ctx;
	const rd_kafka_message_t *m;
	uint64_t n = 0, bad = 0, seq;

	while ((m = rd_kafka_event_message_next(event))) {
		n++;
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

static uint64_t queued(const struct producer *p)
{
	return p->outstanding + inflight_kept(p->inflight);
}

/* Sends the first of those to be sent again. False: not now. */
static bool resend_first(struct producer *p)
{
	struct packet pkt;
	uint64_t seq;
	int other;

	if (!inflight_first(p->inflight, &pkt, &seq, &other)) {
		p->state = RUNNING;
		return false;
	}
	if (offer(p, &pkt, other, seq) != 0)
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
	wake(p);
}

/* Does what the state allows now; called after every batch of reports. */
static void advance(void *ctx)
{
	struct producer *p = ctx;

	if (p->opt.on_settled)
		p->opt.on_settled(p->opt.ctx, inflight_settled_below(p->inflight));
	if (p->state == RESENDING)
		resend(p);
	if (p->next && p->outstanding == 0 && (p->state == COLLECTING || p->state == BACKING_OFF))
		wake(p);
	if (p->blocked && p->state == RUNNING) {
		p->blocked = false;
		p->opt.on_room(p->opt.ctx);
	}
	if (queued(p) == 0 && (p->state == ABANDONED || (p->draining && p->state == RUNNING))) {
		p->draining = false;
		p->opt.on_drained(p->opt.ctx);
	}
}

/* ---- the client's life ---- */

static void on_connection(void *ctx, bool connected)
{
	struct producer *p = ctx;

	if (p->opt.on_connection)
		p->opt.on_connection(p->opt.ctx, connected);
}

/* `why`: of a reload, where a refusal is told; NULL: another client of the same settings. */
static int make_client(struct producer *p, struct outclient **out, const struct config *cfg,
		       char *why, size_t size)
{
	const struct outclient_options opt = {
		.loop = p->opt.loop,
		.own = p->opt.own,
		.log = p->log,
		.pace = p->pace,
		.others = p->others,
		.rules = &p->rules,
		.track = p->opt.on_settled != NULL,
		.on_delivery = on_delivery,
		.on_fatal = collect,
		.on_served = advance,
		.on_connection = on_connection,
		.ctx = p,
	};
	double hold = why || p->draining ? 0 : p->refusals.hold;

	return outclient_new(out, &opt, cfg, (unsigned int)(hold * 1e3), why, size);
}

static void drop_client(struct producer *p, unsigned int wait_ms)
{
	if (p->others)
		outtopics_close(p->others);
	outclient_free(p->client, wait_ms);
	p->client = NULL;
}

/* With nothing outstanding any more: the next client, or a new one like the last. */
static void renew(struct producer *p)
{
	struct outclient *fresh = p->next;

	if (!fresh && make_client(p, &fresh, p->cfg, NULL, 0) < 0)
		return; /* logged; the timer tries again */
	ev_timer_stop(p->opt.loop, &p->timer);
	drop_client(p, 0);
	p->client = fresh;
	p->next = NULL;
	resend_next_round(&p->rules);
	p->state = RESENDING;
	if (inflight_sort(p->inflight) < 0)
		log_warn("Out of memory: packets that are sent again may change their order");
	if (p->draining)
		kafka_flush_start(outclient_kafka(p->client));
	advance(p);
}

/*
 * A client that a reload replaces and that delivers nothing: take back what it never sent, and
 * what was not answered one period later.
 */
static void hurry(struct producer *p)
{
	if (p->progressed) {
		p->progressed = false;
		return;
	}
	outclient_purge(p->client, p->purged);
	p->purged = true;
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct producer *p = w->data;

	if (p->state == COLLECTING && p->outstanding == 0)
		p->state = BACKING_OFF;
	if (p->state == BACKING_OFF)
		renew(p);
	else if (p->state == COLLECTING && p->next)
		hurry(p);
	else
		advance(p);
}

int producer_new(struct producer **out, const struct producer_options *opt)
{
	struct producer *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->opt = *opt;
	p->progressed = true;
	resend_init(&p->rules);
	p->cfg = opt->cfg;
	ev_timer_init(&p->timer, on_timer, 0., BACKOFF_S);
	ev_timer_init(&p->soon, on_timer, 0., 0.);
	p->timer.data = p->soon.data = p;
	r = inflight_new(&p->inflight, opt->on_settled != NULL);
	if (r == 0)
		r = outtopics_new(&p->others);
	if (r == 0)
		r = kafkalog_new(&p->log);
	if (r == 0)
		r = pace_new(&p->pace);
	if (r == 0)
		r = make_client(p, &p->client, p->cfg, NULL, 0);
	if (r < 0) {
		producer_free(p);
		return r;
	}
	*out = p;
	return 0;
}

void producer_set_config(struct producer *p, const struct config *cfg)
{
	p->cfg = cfg;
}

int producer_prepare(struct producer *p, const struct config *cfg, struct outclient **next,
		     char *why, size_t size)
{
	int r;

	if (p->draining || p->state == ABANDONED) {
		snprintf(why, size, "the instance is being stopped");
		return -EBUSY;
	}
	*why = '\0';
	r = make_client(p, next, cfg, why, size);
	if (r < 0 && !*why)
		snprintf(why, size, "no new Kafka client: %s", strerror(-r));
	/* Settings that were mended need not wait for what the old ones have earned. */
	if (r == 0)
		pace_accepted(p->pace);
	return r;
}

void producer_replace(struct producer *p, const struct config *cfg, struct outclient *next)
{
	p->cfg = cfg;
	outclient_free(p->next, 0); /* of a reload before this one, whose turn never came */
	p->next = next;
	if (p->state == RUNNING || p->state == RESENDING) {
		p->state = COLLECTING;
		kafka_flush_start(outclient_kafka(p->client));
	}
	p->purged = false;
	p->timer.repeat = REPLACE_PURGE_S;
	ev_timer_again(p->opt.loop, &p->timer);
	advance(p);
}

struct inflight *producer_inflight(struct producer *p)
{
	return p->inflight;
}

double producer_linger(const struct producer *p)
{
	return outclient_linger(p->client);
}

void producer_drain(struct producer *p)
{
	p->draining = true;
	kafka_flush_start(outclient_kafka(p->client));
	/* Who stops has no time to wait. */
	kafka_connect_now(outclient_kafka(p->client));
	/* Never from within the caller: on_drained may come at once. */
	if (p->state == RUNNING || p->state == RESENDING)
		wake(p);
}

void producer_abandon(struct producer *p)
{
	struct packet pkt;
	uint64_t seq;
	int other;

	p->state = ABANDONED;
	ev_timer_stop(p->opt.loop, &p->timer);
	for (; inflight_first(p->inflight, &pkt, &seq, &other);
	     inflight_drop_first(p->inflight, NULL))
		p->opt.on_undelivered(p->opt.ctx, &pkt, seq, false);
	outclient_purge(p->client, true);
	wake(p);
}

void producer_read_counters(const struct producer *p, struct producer_counters *out)
{
	*out = p->counters;
	out->queued = queued(p);
}

int64_t producer_take_rtt(struct producer *p)
{
	return kafka_take_rtt(outclient_kafka(p->client));
}

struct outclient *producer_client(const struct producer *p)
{
	return p->client;
}

void producer_free(struct producer *p)
{
	if (!p)
		return;
	ev_timer_stop(p->opt.loop, &p->timer);
	ev_timer_stop(p->opt.loop, &p->soon);
	outclient_free(p->next, FREE_WAIT_MS);
	drop_client(p, FREE_WAIT_MS);
	pace_unref(p->pace);
	kafkalog_unref(p->log);
	outtopics_free(p->others);
	inflight_free(p->inflight);
	free(p);
}

bool producer_is_connected(const struct producer *p)
{
	return kafka_connected(outclient_kafka(p->client));
}

const struct refusals *producer_refusals(const struct producer *p)
{
	return &p->refusals;
}

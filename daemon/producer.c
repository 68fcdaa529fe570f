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

#include "flow.h"
#include "kafka.h"
#include "log.h"
#include "outmsg.h"
#include "pktbuf.h"
#include "resend.h"
#include "settled.h"

#define BACKOFF_FIRST_S 0.1
#define BACKOFF_S       1.
#define REPLACE_PURGE_S 5. /* how long a reload waits for the old client to drain */
#define RESEND_BATCH    4096
#define STICKY_PACKETS  1024 /* partition = random: how many go to one partition in a row */
#define OTHER_TOPIC     ((uint64_t)1 << 63) /* in a tag: not for the topic of the settings */
#define FREE_WAIT_MS    2000

enum state { RUNNING, COLLECTING, BACKING_OFF, RESENDING, ABANDONED };

struct producer {
	struct producer_options opt;
	const struct config *cfg;
	struct flow_options flow;

	struct kafka *kafka, *next; /* next: made by a reload, waits for its turn */
	rd_kafka_topic_t *topic;
	rd_kafka_topic_t *other; /* for what a spool still holds of an earlier topic; or NULL */
	char other_name[256];    /* Kafka allows 249 */
	enum state state;
	bool blocked;     /* somebody was told PACKET_E_FULL */
	bool draining;    /* producer_drain() was called */
	bool withdrawing; /* producer_withdraw() was called, for this round */
	bool progressed;
	ev_timer timer;

	uint64_t seq, outstanding;
	struct producer_counters counters;
	struct pktbuf
		*again; /* not delivered, to be sent again; tag = sequence number, OTHER_TOPIC */
	struct resend rules;
	struct settled *settled; /* NULL: not tracked */
	uint32_t sticky, sticky_left;
	struct log_limit failed_limit, collect_limit;
};

/* ---- to Kafka ---- */

static uint32_t choose(struct producer *p, const struct packet *pkt)
{
	switch (p->cfg->partition) {
	case CONFIG_PARTITION_FLOW:
	case CONFIG_PARTITION_HOST:
		return flow_hash(pkt, &p->flow);
	case CONFIG_PARTITION_RANDOM:
		if (!p->sticky_left--) {
			p->sticky_left = STICKY_PACKETS - 1;
			p->sticky += 0x9e3779b9; /* 2^32 / golden ratio: visits all evenly */
		}
		return p->sticky;
	case CONFIG_PARTITION_KEY:
		break;
	}
	return 0;
}

static void count_failed(struct producer *p, uint32_t caplen, rd_kafka_resp_err_t err)
{
	uint64_t held;

	p->counters.failed++;
	if (log_limit_pass(&p->failed_limit, 60, &held))
		log_error(
			"A packet of %u bytes is refused by Kafka for good: %s%s (%" PRIu64
			" failed so far)",
			caplen, rd_kafka_err2str(err),
			err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE
				? "; raise the topic's max.message.bytes (and message.max.bytes), "
				  "or lower the snaplen"
				: "",
			p->counters.failed);
}

static void collect(struct producer *p, const char *reason)
{
	uint64_t held;

	if (p->state != RUNNING && p->state != RESENDING)
		return;
	if (reason && log_limit_pass(&p->collect_limit, 60, &held))
		log_warn("Kafka did not take packets (%s): they are kept and sent again", reason);
	p->state = COLLECTING;
	rd_kafka_purge(kafka_client(p->kafka),
		       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
	ev_timer_stop(p->opt.loop, &p->timer);
	/* The reports come as events; with none outstanding the timer goes on. */
	p->timer.repeat = p->progressed ? BACKOFF_FIRST_S : BACKOFF_S;
	p->progressed = false;
	ev_timer_again(p->opt.loop, &p->timer);
}

/* 0: taken (or failed for good, counted); PACKET_E_FULL: not taken. */
static int offer(struct producer *p, rd_kafka_topic_t *topic, const struct packet *pkt,
		 uint64_t seq)
{
	const struct outmsg_options opt = {
		.topic = topic,
		.hash = choose(p, pkt),
		.seq = (uint32_t)seq,
		.timestamp_ms = resend_timestamp(&p->rules, pkt, ev_now(p->opt.loop)),
	};
	rd_kafka_resp_err_t err = outmsg_send(kafka_client(p->kafka), pkt, &opt);

	switch (err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		p->outstanding++;
		return 0;
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
		return PACKET_E_FULL;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		count_failed(p, pkt->caplen, err);
		if (p->settled)
			settled_mark(p->settled, seq);
		return 0;
	default:
		collect(p, rd_kafka_err2str(err));
		return PACKET_E_FULL;
	}
}

static int send_on(struct producer *p, rd_kafka_topic_t *topic, const struct packet *pkt)
{
	if (p->state == RUNNING && offer(p, topic, pkt, p->seq) == 0) {
		p->seq++;
		p->counters.sent++;
		return 0;
	}
	p->blocked = true;
	return PACKET_E_FULL;
}

int producer_send(struct producer *p, const struct packet *pkt)
{
	return send_on(p, p->topic, pkt);
}

/* A handle of an earlier topic; NULL when librdkafka refuses the name. */
static rd_kafka_topic_t *other_topic(struct producer *p, const char *name)
{
	if (p->other && !strcmp(p->other_name, name))
		return p->other;
	if (p->other)
		rd_kafka_topic_destroy(p->other);
	snprintf(p->other_name, sizeof(p->other_name), "%s", name);
	p->other = rd_kafka_topic_new(kafka_client(p->kafka), name, NULL);
	return p->other;
}

int producer_send_to(struct producer *p, const struct packet *pkt, const char *topic)
{
	rd_kafka_topic_t *handle = p->topic;

	if (p->state == RUNNING && strcmp(topic, p->cfg->topic) != 0)
		handle = other_topic(p, topic);
	return send_on(p, handle ? handle : p->topic, pkt);
}

/* ---- from Kafka ---- */

static uint64_t seq_of(const struct producer *p, const rd_kafka_message_t *m)
{
	/* What is outstanding is less than 2^32 packets old. */
	return p->seq - (uint32_t)((uint32_t)p->seq - outmsg_seq(m));
}

/* Sent for an earlier topic that the spool named, not for one that a reload has replaced. */
static bool is_for_other(const struct producer *p, const rd_kafka_message_t *m)
{
	return *p->other_name && !strcmp(rd_kafka_topic_name(m->rkt), p->other_name);
}

static void keep(struct producer *p, const rd_kafka_message_t *m)
{
	bool maybe = rd_kafka_message_status(m) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
	uint64_t seq = seq_of(p, m);
	struct packet pkt;

	outmsg_read(m, &pkt);
	if (p->state == ABANDONED) {
		p->opt.on_undelivered(p->opt.ctx, &pkt, seq, maybe);
		return;
	}
	p->counters.doubled += maybe;
	if (is_for_other(p, m))
		seq |= OTHER_TOPIC;
	if (pktbuf_push(p->again, &pkt, seq) < 0) {
		p->counters.doubled -= maybe;
		count_failed(p, pkt.caplen, RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE);
	}
}

static void on_failed(struct producer *p, const rd_kafka_message_t *m)
{
	if (p->state != ABANDONED &&
	    resend_learn(&p->rules, m->err, (uint32_t)m->len) == RESEND_NEVER) {
		count_failed(p, (uint32_t)m->len, m->err);
		if (p->settled)
			settled_mark(p->settled, seq_of(p, m));
		return;
	}
	keep(p, m);
	collect(p, rd_kafka_err2str(m->err));
}

static void on_delivery(void *ctx, rd_kafka_event_t *event)
{
	struct producer *p = ctx;
	const rd_kafka_message_t *m;
	uint64_t n = 0, bad = 0;

	while ((m = rd_kafka_event_message_next(event))) {
		n++;
		if (m->err) {
			bad++;
			on_failed(p, m);
		} else if (p->settled) {
			settled_mark(p->settled, seq_of(p, m));
		}
	}
	p->outstanding -= n;
	p->counters.delivered += n - bad;
	p->progressed |= n > bad;
}

static void on_fatal(void *ctx, rd_kafka_resp_err_t err, const char *reason)
{
	struct producer *p = ctx;

	collect(p, reason);
}

static void give_room(struct producer *p)
{
	if (p->blocked && p->state == RUNNING) {
		p->blocked = false;
		p->opt.on_room(p->opt.ctx);
	}
}

static uint64_t queued(const struct producer *p)
{
	return p->outstanding + pktbuf_count(p->again);
}

static void wake(struct producer *p)
{
	ev_feed_event(p->opt.loop, &p->timer, EV_TIMER);
}

/* A bounded batch of what has to be sent again. */
static void resend(struct producer *p)
{
	rd_kafka_topic_t *topic;
	struct packet pkt;
	uint64_t seq;

	for (int i = 0; i < RESEND_BATCH && p->state == RESENDING; i++) {
		if (!pktbuf_peek(p->again, &pkt, &seq)) {
			p->state = RUNNING;
			return;
		}
		topic = p->topic;
		if (seq & OTHER_TOPIC)
			topic = other_topic(p, p->other_name);
		if (offer(p, topic ? topic : p->topic, &pkt, seq & ~OTHER_TOPIC) != 0)
			return; /* full: goes on with the next reports */
		pktbuf_pop(p->again);
	}
	wake(p);
}

/* Does what the state allows now; called after every batch of reports. */
static void advance(struct producer *p)
{
	if (p->state == RESENDING)
		resend(p);
	if (p->next && p->outstanding == 0 && (p->state == COLLECTING || p->state == BACKING_OFF))
		wake(p);
	give_room(p);
	if (queued(p) == 0 && (p->state == ABANDONED || (p->draining && p->state == RUNNING))) {
		p->draining = false;
		p->opt.on_drained(p->opt.ctx);
	}
}

static void on_served(void *ctx)
{
	struct producer *p = ctx;

	if (p->settled && p->opt.on_settled)
		p->opt.on_settled(p->opt.ctx, settled_below(p->settled));
	give_room(p);
	advance(p);
}

/* ---- the client's life ---- */

static int configure(void *ctx, rd_kafka_conf_t *conf, rd_kafka_topic_conf_t *topic_conf)
{
	struct producer *p = ctx;

	if (p->cfg->partition != CONFIG_PARTITION_KEY)
		outmsg_set_partitioner(topic_conf);
	return resend_configure(&p->rules, conf);
}

static int make_client(struct producer *p, struct kafka **out)
{
	const struct kafka_options opt = {
		.loop = p->opt.loop,
		.cfg = p->cfg,
		.own = p->opt.own,
		.configure = configure,
		.on_delivery = on_delivery,
		.on_fatal = on_fatal,
		.on_served = on_served,
		.ctx = p,
	};

	return kafka_new(out, &opt);
}

static void drop_client(struct producer *p, unsigned int wait_ms)
{
	if (p->topic)
		rd_kafka_topic_destroy(p->topic);
	if (p->other)
		rd_kafka_topic_destroy(p->other);
	p->topic = p->other = NULL;
	kafka_free(p->kafka, wait_ms);
	p->kafka = NULL;
}

static int open_topic(struct producer *p)
{
	p->topic = rd_kafka_topic_new(kafka_client(p->kafka), p->cfg->topic, NULL);
	if (p->topic)
		return 0;
	log_error("Topic %s: %s", p->cfg->topic, rd_kafka_err2str(rd_kafka_last_error()));
	return -EINVAL;
}

static void apply_config(struct producer *p, const struct config *cfg)
{
	p->cfg = cfg;
	p->flow = (struct flow_options){
		.inner = cfg->partition_inner,
		.host_only = cfg->partition == CONFIG_PARTITION_HOST,
	};
}

/* With nothing outstanding any more: the next client, or a new one like the last. */
static void renew(struct producer *p)
{
	struct kafka *fresh = p->next;

	if (p->withdrawing)
		return; /* the timer tries again, after producer_give_back() */
	if (!fresh && make_client(p, &fresh) < 0)
		return; /* logged; the timer tries again */
	ev_timer_stop(p->opt.loop, &p->timer);
	drop_client(p, 0);
	p->kafka = fresh;
	p->next = NULL;
	resend_next_round(&p->rules);
	p->state = RESENDING;
	if (pktbuf_sort(p->again) < 0)
		log_warn("Out of memory: packets that are sent again may change their order");
	if (open_topic(p) < 0) {
		p->state = BACKING_OFF;
		ev_timer_again(p->opt.loop, &p->timer);
		return;
	}
	if (p->draining)
		kafka_flush_start(p->kafka);
	advance(p);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct producer *p = w->data;

	if (p->state == COLLECTING && p->outstanding == 0)
		p->state = BACKING_OFF;
	if (p->state == BACKING_OFF)
		renew(p);
	else if (p->state == COLLECTING && p->next)
		/* The old client does not drain: take back what it never sent, then the rest. */
		rd_kafka_purge(kafka_client(p->kafka), RD_KAFKA_PURGE_F_QUEUE |
							       RD_KAFKA_PURGE_F_INFLIGHT |
							       RD_KAFKA_PURGE_F_NON_BLOCKING);
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
	apply_config(p, opt->cfg);
	ev_timer_init(&p->timer, on_timer, 0., BACKOFF_S);
	p->timer.data = p;
	r = pktbuf_new(&p->again, 1 << 20);
	if (r == 0 && opt->on_settled)
		r = settled_new(&p->settled);
	if (r == 0)
		r = make_client(p, &p->kafka);
	if (r == 0)
		r = open_topic(p);
	if (r < 0) {
		producer_free(p);
		return r;
	}
	*out = p;
	return 0;
}

void producer_set_config(struct producer *p, const struct config *cfg)
{
	apply_config(p, cfg);
}

int producer_prepare(struct producer *p, const struct config *cfg, struct kafka **next, char *why,
		     size_t size)
{
	const struct config *old = p->cfg;
	int r;

	if (p->draining || p->state == ABANDONED) {
		snprintf(why, size, "the instance is being stopped");
		return -EBUSY;
	}
	apply_config(p, cfg);
	r = make_client(p, next);
	apply_config(p, old);
	if (r < 0)
		snprintf(why, size, "the Kafka client cannot be made of these settings");
	return r;
}

void producer_replace(struct producer *p, const struct config *cfg, struct kafka *next)
{
	apply_config(p, cfg);
	kafka_free(p->next, 0); /* of a reload before this one, whose turn never came */
	p->next = next;
	if (p->state == RUNNING || p->state == RESENDING) {
		p->state = COLLECTING;
		kafka_flush_start(p->kafka);
	}
	p->timer.repeat = REPLACE_PURGE_S;
	ev_timer_again(p->opt.loop, &p->timer);
	advance(p);
}

void producer_withdraw(struct producer *p)
{
	if (p->draining || p->state != RUNNING)
		return;
	p->withdrawing = p->opt.on_withdrawn != NULL;
	collect(p, NULL);
}

int producer_give_back(struct producer *p)
{
	struct packet pkt;
	uint64_t seq;
	int r = 0;

	if (!p->withdrawing || p->state == ABANDONED)
		return 0;
	/* Reports of a purge are not in the order of the packets. */
	r = pktbuf_sort(p->again);
	while (r == 0 && pktbuf_peek(p->again, &pkt, &seq) && !(seq & OTHER_TOPIC)) {
		r = p->opt.on_withdrawn(p->opt.ctx, &pkt, seq);
		if (r != 0)
			break;
		settled_mark(p->settled, seq);
		pktbuf_pop(p->again);
	}
	p->withdrawing = r == PACKET_E_FULL;
	return r == PACKET_E_FULL ? r : 0;
}

bool producer_is_live(const struct producer *p)
{
	return p->state == RUNNING && kafka_connected(p->kafka);
}

void producer_drain(struct producer *p)
{
	p->draining = true;
	kafka_flush_start(p->kafka);
	/* Never from within the caller: on_drained may come at once. */
	if (p->state == RUNNING || p->state == RESENDING)
		wake(p);
}

void producer_abandon(struct producer *p)
{
	struct packet pkt;
	uint64_t seq;

	p->state = ABANDONED;
	ev_timer_stop(p->opt.loop, &p->timer);
	for (; pktbuf_peek(p->again, &pkt, &seq); pktbuf_pop(p->again))
		p->opt.on_undelivered(p->opt.ctx, &pkt, seq & ~OTHER_TOPIC, false);
	rd_kafka_purge(kafka_client(p->kafka), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
						       RD_KAFKA_PURGE_F_NON_BLOCKING);
	wake(p);
}

uint64_t producer_next_seq(const struct producer *p)
{
	return p->seq;
}

void producer_read_counters(const struct producer *p, struct producer_counters *out)
{
	*out = p->counters;
	out->queued = queued(p);
}

uint64_t producer_take_rtt(struct producer *p)
{
	return (uint64_t)kafka_take_rtt(p->kafka);
}

void producer_waiting_for(const struct producer *p, char *buf, size_t size)
{
	const char *error = kafka_last_error(p->kafka);

	if (!kafka_connected(p->kafka))
		snprintf(buf, size, "the broker %s%s%s", p->cfg->brokers, *error ? ": " : "",
			 error);
	else if (*error)
		snprintf(buf, size, "topic %s: %s", p->cfg->topic, error);
	else
		snprintf(buf, size, "topic %s to take packets; perhaps it does not exist yet",
			 p->cfg->topic);
}

void producer_free(struct producer *p)
{
	if (!p)
		return;
	ev_timer_stop(p->opt.loop, &p->timer);
	kafka_free(p->next, FREE_WAIT_MS);
	drop_client(p, FREE_WAIT_MS);
	settled_free(p->settled);
	pktbuf_free(p->again);
	free(p);
}

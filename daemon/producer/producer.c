/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States, and what each event does in them ("-": nothing; "=>": the state that follows).
 *
 *			RUNNING		COLLECTING	RESENDING	ABANDONED
 *	its client	sends		gives back	sends		gives back
 *
 *	packet		sent		kept		kept		refused
 *	 of the spool	sent		refused		refused		refused
 *	delivered	counted		counted		counted		counted
 *	failed, again	kept		kept		kept		undelivered
 *			=> COLLECTING			=> COLLECTING
 *	failed for good	counted		counted		counted		undelivered
 *	 and is dead	=> COLLECTING	-		=> COLLECTING
 *	client is dead	=> COLLECTING	-		=> COLLECTING	-
 *	reload		=> COLLECTING	next client	=> COLLECTING	refused
 *	timer, some out	-		purge		goes on		-
 *	timer, none out	-		new client	goes on		drained
 *					=> RESENDING
 *	nothing kept	drained		-		=> RUNNING	drained
 *	abandon		=> ABANDONED	=> ABANDONED	=> ABANDONED	-
 *
 * RUNNING also keeps a packet of the input that its client holds up for the order, or until it
 * knows the partitions, and is RESENDING then.
 *
 * "refused": PACKET_E_FULL, and on_room follows once there is room. "kept": behind those that are
 * to be sent again, so that the capture goes on; all that is queued, with librdkafka or kept, is no
 * more than its queue may hold. "undelivered", "drained": what producer_options calls so; drained
 * only after producer_drain() or producer_abandon().
 *
 * COLLECTING purges the queue and awaits all reports; then, after a failure, also the time to back
 * off. For a reload it lets the old client send for a moment before the purge, and there is mostly
 * nothing to be sent again. How long it waits for what is in flight: may_recover(), purge().
 */
#include "producer/producer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "config/config_ref.h"
#include "kafka/kafka.h"
#include "kafka/kafkalog.h"
#include "kafka/kafkastats.h"
#include "kafka/login_backoff.h"
#include "producer/inflight.h"
#include "producer/outclient.h"
#include "producer/outtopics.h"
#include "producer/producer_impl.h"
#include "producer/producer_reports.h"
#include "producer/rejections.h"
#include "producer/retry_rules.h"

#define RETRY_S         1.  /* without memory for a client */
#define REPLACE_DRAIN_S 0.2 /* how long a reload lets the old client send */
#define REPLACE_WAIT_S  10. /* how long it waits for an answer to what was sent */
#define REPLACE_HANG_S  2.  /* a broker that answers neither client for so long hangs */
#define REPLACE_LOST_S  30. /* the same after an outage */
#define FREE_WAIT_MS    2000

/* ---- the client's life ---- */

static void on_connection(void *ctx, bool connected)
{
	struct producer *p = ctx;

	if (p->opt.on_connection)
		p->opt.on_connection(p->opt.ctx, connected);
}

/* One that waits for its turn, or for the rest of its reload, has nothing to take back. */
static void on_fatal(void *ctx, const struct outclient *c, rd_kafka_resp_err_t err,
		     const char *reason)
{
	struct producer *p = ctx;

	if (c == p->client)
		producer_collect(p, err, reason);
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
		.others = p->topics,
		.rules = &p->rules,
		.track = p->opt.on_settled != NULL,
		.on_delivery = producer_on_delivery,
		.on_fatal = on_fatal,
		.on_served = producer_advance,
		.on_connection = on_connection,
		.on_refused = producer_on_refused,
		.ctx = p,
	};
	double hold = why || p->draining ? 0 : p->refusals.hold;

	return outclient_new(out, &opt, cfg, (unsigned int)(hold * 1e3), why, size);
}

static void drop_client(struct producer *p, unsigned int wait_ms)
{
	if (p->topics)
		outtopics_close(p->topics);
	outclient_free(p->client, wait_ms);
	p->client = NULL;
}

/* With nothing outstanding any more: the next client, or a new one like the last. */
static void renew(struct producer *p)
{
	struct outclient *fresh = p->next;

	p->next = NULL;
	if (retry_rules_has_learned(&p->rules)) {
		retry_rules_next_round(&p->rules);
		outclient_free(fresh, 0); /* made before this was known */
		fresh = NULL;
	}
	if (!fresh && make_client(p, &fresh, p->cfg, NULL, 0) < 0) {
		p->not_before = ev_now(p->opt.loop) + RETRY_S;
		return; /* logged; the timer tries again */
	}
	ev_timer_stop(p->opt.loop, &p->timer);
	drop_client(p, 0);
	p->client = fresh;
	inflight_set_blocks(p->inflight, outclient_has_blocks(fresh));
	p->state = RESENDING;
	p->replacing = p->delivers = p->lost = false;
	inflight_sort(p->inflight);
	if (p->draining)
		kafka_flush_start(outclient_kafka(p->client));
	producer_advance(p);
}

/* Since the last look. */
static bool has_delivered(struct producer *p)
{
	uint64_t before = p->seen;

	p->seen = p->counters.delivered;
	return p->seen != before;
}

/*
 * A client that lost its broker holds what it had sent without an answer: it alone can send that
 * again without doubling it, as long as nothing is taken back from it. It keeps what it has while
 * the next client does not reach Kafka either, which nobody gains from, and then for as long as it
 * delivers; after an outage one is as soon there as the other. A broker that hangs is one, too.
 */
static bool may_recover(struct producer *p, bool delivered, double now)
{
	bool there = kafka_connected(outclient_kafka(p->next));

	p->lost |= !producer_is_connected(p) ||
		   (!there && !delivered && now >= p->replaced + REPLACE_HANG_S);
	if (!there || delivered)
		p->lost_until = now + REPLACE_LOST_S;
	return p->delivers && (!there || (p->lost && now < p->lost_until && producer_has_room(p)));
}

/*
 * Takes back what is in the queue, or came back into it since. What is in flight is waited for;
 * with a client that a reload replaces only as long as it delivers something now and then.
 */
static void purge(struct producer *p)
{
	double now = ev_now(p->opt.loop);
	bool delivered = p->replacing && has_delivered(p);
	bool recovers = p->replacing && may_recover(p, delivered, now);

	if (delivered || recovers)
		p->give_up = now + REPLACE_WAIT_S;
	if (!recovers)
		producer_purge(p, p->replacing && now >= p->give_up);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct producer *p = w->data;

	if (p->state != COLLECTING) {
		producer_advance(p);
	} else if (p->outstanding == 0) {
		if (p->next || ev_now(loop) >= p->not_before)
			renew(p);
	} else {
		purge(p);
	}
}

/* A pipe cannot wait: who writes into it may lose packets. */
static bool reads_a_file(const struct config *cfg)
{
	struct stat st;

	return cfg->read_file && stat(cfg->read_file, &st) == 0 && S_ISREG(st.st_mode);
}

int producer_new(struct producer **out, const struct producer_options *opt)
{
	struct producer *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->opt = *opt;
	p->progressed = true;
	retry_rules_init(&p->rules);
	p->cfg = config_ref(opt->cfg);
	p->source = reads_a_file(p->cfg) ? OUTCLIENT_STORED : OUTCLIENT_LIVE;
	ev_timer_init(&p->timer, on_timer, 0., RETRY_S);
	ev_timer_init(&p->soon, on_timer, 0., 0.);
	p->timer.data = p->soon.data = p;
	r = outtopics_new(&p->topics);
	if (r == 0)
		p->topic = r = outtopics_add(p->topics, p->cfg->topic);
	if (r >= 0)
		r = inflight_new(&p->inflight, opt->on_settled != NULL, p->topics);
	if (r == 0)
		r = kafkalog_new(&p->log);
	if (r == 0)
		r = login_backoff_new(&p->pace);
	if (r == 0)
		r = make_client(p, &p->client, p->cfg, NULL, 0);
	if (r < 0) {
		producer_free(p);
		return r;
	}
	inflight_set_blocks(p->inflight, outclient_has_blocks(p->client));
	*out = p;
	return 0;
}

const struct config *producer_config(const struct producer *p)
{
	return p->cfg;
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
	r = outtopics_add(p->topics, cfg->topic); /* for producer_replace(), which cannot fail */
	if (r >= 0)
		r = make_client(p, next, cfg, why, size);
	if (r < 0 && !*why)
		snprintf(why, size, "no new Kafka client: %s", strerror(-r));
	/* Settings that were mended need not wait for what the old ones have earned. */
	if (r == 0)
		login_backoff_accepted(p->pace);
	return r;
}

void producer_replace(struct producer *p, const struct config *cfg, struct outclient *next)
{
	int topic = outtopics_find(p->topics, cfg->topic);

	outtopics_replace(p->topics, p->topic, topic);
	p->topic = topic;
	p->delivers &= !strcmp(p->cfg->brokers, cfg->brokers);
	config_hold(&p->cfg, cfg);
	outclient_free(p->next, 0); /* of a reload before this one, whose turn never came */
	p->next = next;
	if (producer_is_sending(p)) {
		p->state = COLLECTING;
		p->replacing = true;
		p->replaced = ev_now(p->opt.loop);
		p->give_up = p->replaced + REPLACE_WAIT_S;
		p->lost_until = p->replaced + REPLACE_LOST_S;
		p->seen = p->counters.delivered;
		outclient_send_open(p->client);
		kafka_flush_start(outclient_kafka(p->client));
		p->timer.repeat = REPLACE_DRAIN_S;
		ev_timer_again(p->opt.loop, &p->timer);
	}
	producer_advance(p);
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
	outclient_send_open(p->client);
	kafka_flush_start(outclient_kafka(p->client));
	/* Who stops has no time to wait. */
	kafka_connect_now(outclient_kafka(p->client));
	/* Never from within the caller: on_drained may come at once. */
	if (producer_is_sending(p))
		producer_wake(p);
}

void producer_abandon(struct producer *p)
{
	struct packet pkt;
	uint64_t seq;
	int topic;

	p->state = ABANDONED;
	ev_timer_stop(p->opt.loop, &p->timer);
	for (; inflight_first(p->inflight, &pkt, &seq, &topic);
	     inflight_drop_first(p->inflight, (union packet_holder){NULL}))
		p->opt.on_undelivered(p->opt.ctx, &pkt, seq, false);
	producer_purge(p, true);
	producer_wake(p);
}

void producer_read_counters(const struct producer *p, struct producer_counters *out)
{
	*out = p->counters;
	out->queued = producer_queued(p);
	out->queued_bytes = p->queued_bytes;
}

const struct delivery_ages *producer_ages(const struct producer *p)
{
	return &p->ages;
}

int64_t producer_rtt(const struct producer *p)
{
	return kafka_stats(outclient_kafka(p->client))->rtt_us;
}

void producer_begin_rtt(struct producer *p)
{
	kafka_begin_rtt(outclient_kafka(p->client));
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
	login_backoff_unref(p->pace);
	kafkalog_unref(p->log);
	outtopics_free(p->topics);
	inflight_free(p->inflight);
	config_unref(p->cfg);
	free(p);
}

bool producer_is_connected(const struct producer *p)
{
	return kafka_connected(outclient_kafka(p->client));
}

const struct rejections *producer_refusals(const struct producer *p)
{
	return &p->refusals;
}

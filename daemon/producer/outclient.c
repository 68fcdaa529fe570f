/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/outclient.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kafka/kafka.h"
#include "packet/flow.h"
#include "producer/first_batch.h"
#include "producer/outtopics.h"
#include "producer/packet_message.h"
#include "producer/retry_rules.h"

#define STICKY_PACKETS 1024 /* partition = random: how many go to one partition in a row */

#define LARGE 16000 /* bytes; four of them go into a batch of 64 KiB: see first_batch.h */
/* How long a packet is held up at most; a client needs a second or two to connect. */
#define WAIT_LIVE_S    1.
#define WAIT_S         10.
#define WAIT_UNKNOWN_S 2. /* a file, while nothing can be sent: it is to be read all the same */

struct outclient {
	struct outclient_options opt;
	struct kafka *kafka;
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic; /* that of the settings */
	enum config_partition partition;
	struct flow_options flow;
	uint32_t sticky, sticky_left;
	const rd_kafka_message_t *last; /* as the interceptor saw it */
	struct packet_message msg;

	struct first_batch *firsts; /* of its client, whose threads use it */
	struct outclient_room room;
	bool ordered;   /* this client keeps the order within a partition */
	uint32_t large; /* packets of more bytes may be refused in company */
	ev_timer wait;  /* while a packet is held up */
	enum first_batch_verdict waits_for;
	bool waited[FIRST_BATCH_UNKNOWN +
		    1]; /* for that in vain: none is held up for it any more */
};

static uint32_t choose(struct outclient *c, const struct packet *pkt)
{
	switch (c->partition) {
	case CONFIG_PARTITION_FLOW:
	case CONFIG_PARTITION_HOST:
		return flow_hash(pkt, &c->flow);
	case CONFIG_PARTITION_RANDOM:
		if (!c->sticky_left--) {
			c->sticky_left = STICKY_PACKETS - 1;
			c->sticky += 0x9e3779b9; /* 2^32 / golden ratio: visits all evenly */
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

static void on_wait(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct outclient *c = w->data;

	c->waited[c->waits_for] = true;
	c->opt.on_served(c->opt.ctx);
}

rd_kafka_resp_err_t outclient_send(struct outclient *c, const struct outclient_item *item,
				   double now, const rd_kafka_message_t **m)
{
	const struct packet_message_options opt = {
		.topic = item->other < 0 ? c->topic
					 : outtopics_handle(c->opt.others, item->other, c->kafka),
		.hash = choose(c, item->pkt),
		.seq = (uint32_t)item->seq,
		.risky = item->source != OUTCLIENT_LIVE || item->pkt->caplen > c->large,
		.timestamp_ms = retry_rules_timestamp(c->opt.rules, item->pkt, now),
	};
	rd_kafka_resp_err_t err;

	*m = NULL;
	if (!opt.topic)
		return RD_KAFKA_RESP_ERR__INVALID_ARG;
	if (must_wait(c, item, &opt))
		return RD_KAFKA_RESP_ERR__QUEUE_FULL;
	if (ev_is_active(&c->wait))
		ev_timer_stop(c->opt.loop, &c->wait);
	err = packet_message_send(&c->msg, c->rk, item->pkt, &opt);
	if (err)
		return err;
	*m = c->last;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t outclient_refusal(const struct outclient *c, rd_kafka_resp_err_t err)
{
	rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(c->rk, NULL, 0);

	if (fatal && fatal != RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE)
		err = fatal;
	/* What a broker says is positive, what librdkafka says by itself is not. */
	return err > 0 && !retry_rules_has_learned(c->opt.rules) ? err : RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool outclient_is_dead(const struct outclient *c)
{
	return rd_kafka_fatal_error(c->rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

void outclient_purge(struct outclient *c, bool inflight)
{
	rd_kafka_purge(c->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING |
				      (inflight ? RD_KAFKA_PURGE_F_INFLIGHT : 0));
}

static void read_setting(const struct outclient *c, const char *name, char *value, size_t size)
{
	if (rd_kafka_conf_get(rd_kafka_conf(c->rk), name, value, &size) != RD_KAFKA_CONF_OK)
		*value = '\0';
}

double outclient_linger(const struct outclient *c)
{
	char value[32];

	read_setting(c, "linger.ms", value, sizeof(value));
	return atof(value) / 1000;
}

static uint64_t read_number(const struct outclient *c, const char *name)
{
	char value[32];

	read_setting(c, name, value, sizeof(value));
	return strtoull(value, NULL, 10);
}

struct outclient_room outclient_room(const struct outclient *c)
{
	return c->room;
}

void outclient_waiting_for(const struct outclient *c, const struct config *cfg, char *buf,
			   size_t size)
{
	const char *error = kafka_last_error(c->kafka);

	if (!kafka_connected(c->kafka) && !kafka_is_held(c->kafka))
		snprintf(buf, size, "the broker %s%s%s", cfg->brokers, *error ? ": " : "", error);
	else if (*error)
		snprintf(buf, size, "topic %s: %s", cfg->topic, error);
	else
		snprintf(buf, size,
			 "topic %s to take packets; perhaps it does not exist yet, or its broker "
			 "hangs",
			 cfg->topic);
}

void outclient_brake(struct outclient *c)
{
	kafka_brake(c->kafka, rd_kafka_topic_name(c->topic));
}

struct kafka *outclient_kafka(const struct outclient *c)
{
	return c->kafka;
}

/* ---- what the client says ---- */

static int configure(void *ctx, rd_kafka_conf_t *conf, rd_kafka_topic_conf_t *topic_conf)
{
	struct outclient *c = ctx;

	if (c->partition != CONFIG_PARTITION_KEY)
		packet_message_set_partitioner(topic_conf);
	return retry_rules_configure(c->opt.rules, conf);
}

static void on_send(void *ctx, const rd_kafka_message_t *m)
{
	struct outclient *c = ctx;

	c->last = m;
}

static void on_delivery(void *ctx, rd_kafka_event_t *event)
{
	struct outclient *c = ctx;

	c->opt.on_delivery(c->opt.ctx, event);
}

static void on_served(void *ctx)
{
	struct outclient *c = ctx;

	c->opt.on_served(c->opt.ctx);
}

static void on_fatal(void *ctx, rd_kafka_resp_err_t err, const char *reason)
{
	struct outclient *c = ctx;

	c->opt.on_fatal(c->opt.ctx, c, err, reason);
}

static void on_connection(void *ctx, bool connected)
{
	struct outclient *c = ctx;

	c->opt.on_connection(c->opt.ctx, connected);
}

/* ---- life ---- */

static int open_topic(struct outclient *c, const char *name, char *why, size_t size)
{
	const char *text;

	c->firsts = kafka_alloc(c->kafka, sizeof(*c->firsts));
	if (!c->firsts)
		return -ENOMEM;
	c->topic = packet_message_open_topic(c->rk, name, c->firsts);
	if (c->topic)
		return 0;
	text = rd_kafka_err2str(rd_kafka_last_error());
	if (why)
		snprintf(why, size, "topic %s: %s", name, text);
	else
		log_error("Topic %s: %s", name, text);
	return -EINVAL;
}

static bool keeps_order(const struct outclient *c)
{
	char idempotent[8];

	read_setting(c, "enable.idempotence", idempotent, sizeof(idempotent));
	return !strcmp(idempotent, "true") && c->partition != CONFIG_PARTITION_KEY;
}

int outclient_new(struct outclient **out, const struct outclient_options *opt,
		  const struct config *cfg, unsigned int hold_ms, char *why, size_t size)
{
	struct outclient *c = calloc(1, sizeof(*c));
	const struct kafka_options kafka = {
		.loop = opt->loop,
		.cfg = cfg,
		.own = opt->own,
		.log = opt->log,
		.pace = opt->pace,
		.hold_ms = hold_ms,
		.why = why,
		.why_size = size,
		.configure = configure,
		.on_delivery = on_delivery,
		.on_fatal = on_fatal,
		.on_served = on_served,
		.on_send = opt->track ? on_send : NULL,
		.on_connection = on_connection,
		.ctx = c,
	};
	int r;

	if (!c)
		return -ENOMEM;
	c->opt = *opt;
	packet_message_init(&c->msg);
	ev_timer_init(&c->wait, on_wait, 0., 0.);
	c->wait.data = c;
	c->partition = cfg->partition;
	c->flow = (struct flow_options){
		.inner = cfg->partition_inner,
		.host_only = cfg->partition == CONFIG_PARTITION_HOST,
	};
	r = kafka_new(&c->kafka, &kafka);
	if (r == 0) {
		c->rk = kafka_client(c->kafka);
		r = open_topic(c, cfg->topic, why, size);
	}
	if (r < 0) {
		outclient_free(c, 0);
		return r;
	}
	c->ordered = keeps_order(c);
	c->room.packets = read_number(c, "queue.buffering.max.messages");
	c->room.bytes = read_number(c, "queue.buffering.max.kbytes") << 10;
	c->large = opt->rules->batch_max / 5 < LARGE ? opt->rules->batch_max / 5 : LARGE;
	*out = c;
	return 0;
}

void outclient_free(struct outclient *c, unsigned int wait_ms)
{
	if (!c)
		return;
	ev_timer_stop(c->opt.loop, &c->wait);
	if (c->topic)
		rd_kafka_topic_destroy(c->topic);
	kafka_free(c->kafka, wait_ms);
	free(c);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "outclient.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "kafka.h"
#include "log.h"
#include "outmsg.h"
#include "outtopics.h"
#include "resend.h"

#define STICKY_PACKETS 1024 /* partition = random: how many go to one partition in a row */

struct outclient {
	struct outclient_options opt;
	struct kafka *kafka;
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic; /* that of the settings */
	enum config_partition partition;
	struct flow_options flow;
	uint32_t sticky, sticky_left;
	const rd_kafka_message_t *last; /* as the interceptor saw it */
	struct outmsg msg;
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

rd_kafka_resp_err_t outclient_send(struct outclient *c, const struct packet *pkt, int other,
				   uint64_t seq, double now, const rd_kafka_message_t **m)
{
	const struct outmsg_options opt = {
		.topic = other < 0 ? c->topic : outtopics_handle(c->opt.others, other, c->rk),
		.hash = choose(c, pkt),
		.seq = (uint32_t)seq,
		.timestamp_ms = resend_timestamp(c->opt.rules, pkt, now),
	};
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__INVALID_ARG;

	if (opt.topic)
		err = outmsg_send(&c->msg, c->rk, pkt, &opt);
	*m = err ? NULL : c->last;
	return err;
}

int outclient_other(const struct outclient *c, const rd_kafka_message_t *m)
{
	const char *name = rd_kafka_topic_name(m->rkt);

	if (!strcmp(name, rd_kafka_topic_name(c->topic)))
		return -1;
	return outtopics_find(c->opt.others, name);
}

rd_kafka_resp_err_t outclient_refusal(const struct outclient *c, rd_kafka_resp_err_t err)
{
	rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(c->rk, NULL, 0);

	if (fatal && fatal != RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE)
		err = fatal;
	/* What a broker says is positive, what librdkafka says by itself is not. */
	return err > 0 && !resend_has_learned(c->opt.rules) ? err : RD_KAFKA_RESP_ERR_NO_ERROR;
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

double outclient_linger(const struct outclient *c)
{
	char value[32];
	size_t size = sizeof(value);

	if (rd_kafka_conf_get(rd_kafka_conf(c->rk), "linger.ms", value, &size) != RD_KAFKA_CONF_OK)
		return 0;
	return atof(value) / 1000;
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
		outmsg_set_partitioner(topic_conf);
	return resend_configure(c->opt.rules, conf);
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

	c->opt.on_fatal(c->opt.ctx, err, reason);
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

	c->topic = rd_kafka_topic_new(c->rk, name, NULL);
	if (c->topic)
		return 0;
	text = rd_kafka_err2str(rd_kafka_last_error());
	if (why)
		snprintf(why, size, "topic %s: %s", name, text);
	else
		log_error("Topic %s: %s", name, text);
	return -EINVAL;
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
	outmsg_init(&c->msg);
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
	*out = c;
	return 0;
}

void outclient_free(struct outclient *c, unsigned int wait_ms)
{
	if (!c)
		return;
	if (c->topic)
		rd_kafka_topic_destroy(c->topic);
	kafka_free(c->kafka, wait_ms);
	free(c);
}

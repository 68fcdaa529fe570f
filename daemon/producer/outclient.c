/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/outclient.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kafka/kafka.h"
#include "producer/obstacle.h"
#include "producer/openblocks.h"
#include "producer/outclient_impl.h"
#include "producer/retry_rules.h"

#define RECORD_ROOM 1024 /* of message.max.bytes, for what a record holds beside its value */

#define ANSWER_MS 200 /* so long the end waits for one that nobody needs any more */

#define BYTES_PER_PACKET 128 /* with blocks: so many of the queue's are allowed one packet */

#define LARGE 16000 /* bytes; four of them go into a batch of 64 KiB: see first_batch.h */

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
	return atof(value) / 1000 + c->block_time;
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

bool outclient_knows_why(const struct outclient *c)
{
	return c->obstacle && *obstacle_words(c->obstacle);
}

void outclient_waiting_for(const struct outclient *c, const struct config *cfg, char *buf,
			   size_t size)
{
	const char *error = kafka_last_error(c->kafka);

	if (!kafka_connected(c->kafka) && !kafka_is_held(c->kafka))
		snprintf(buf, size, "the broker %s%s%s", cfg->brokers, *error ? ": " : "", error);
	else if (outclient_knows_why(c))
		snprintf(buf, size, "topic %s: %s", cfg->topic, obstacle_words(c->obstacle));
	else if (*error)
		snprintf(buf, size, "topic %s: %s", cfg->topic, error);
	else
		snprintf(buf, size,
			 "topic %s to take packets; perhaps it does not exist yet, or its broker "
			 "hangs",
			 cfg->topic);
}

void outclient_ask_why(struct outclient *c)
{
	if (c->obstacle || obstacle_new(&c->obstacle, c->opt.loop) == 0)
		obstacle_ask(c->obstacle, c->rk, rd_kafka_topic_name(c->topic));
}

void outclient_forget_why(struct outclient *c)
{
	if (c->obstacle)
		obstacle_forget(c->obstacle);
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

	if (c->partition != CONFIG_PARTITION_KEY && c->block_time > 0)
		packet_message_set_block_partitioner(topic_conf);
	else if (c->partition != CONFIG_PARTITION_KEY)
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
	outclient_serve(ctx);
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

static void *alloc_block(void *ctx, size_t size)
{
	struct outclient *c = ctx;

	return kafka_alloc(c->kafka, size);
}

/* As long as is set and was learned, and the client takes. */
static size_t block_size(const struct outclient *c, const struct config *cfg)
{
	uint64_t most = read_number(c, "message.max.bytes"), size = cfg->block_size;

	most = most > 2 * RECORD_ROOM ? most - RECORD_ROOM : RECORD_ROOM;
	if (size > most)
		log_warn("block-size: blocks are of at most %" PRIu64
			 " bytes, as message.max.bytes allows no more: set that too (-X "
			 "message.max.bytes=%" PRIu64 "), and max.message.bytes of the topic",
			 most, size + RECORD_ROOM);
	if (size > most)
		size = most;
	return size < c->opt.rules->block_max ? size : c->opt.rules->block_max;
}

static int open_blocks(struct outclient *c, const struct config *cfg)
{
	const struct openblocks_options opt = {
		.loop = c->opt.loop,
		.size = block_size(c, cfg),
		.time_s = c->block_time,
		.alloc = alloc_block,
		.send = outclient_send_block,
		.on_time = outclient_on_block_time,
		.ctx = c,
	};

	return cfg->record == CONFIG_RECORD_BLOCK ? openblocks_new(&c->blocks, &opt) : 0;
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
	ev_timer_init(&c->wait, outclient_on_wait, 0., 0.);
	c->wait.data = c;
	c->partition = cfg->partition;
	if (cfg->record == CONFIG_RECORD_BLOCK)
		c->block_time = cfg->block_time_ms / 1e3;
	c->flow = (struct flow_options){
		.inner = cfg->partition_inner,
		.host_only = cfg->partition == CONFIG_PARTITION_HOST,
	};
	r = kafka_new(&c->kafka, &kafka);
	if (r == 0) {
		c->rk = kafka_client(c->kafka);
		r = open_topic(c, cfg->topic, why, size);
	}
	if (r == 0)
		r = open_blocks(c, cfg);
	if (r < 0) {
		outclient_free(c, 0);
		return r;
	}
	c->ordered = keeps_order(c);
	c->room.packets = read_number(c, "queue.buffering.max.messages");
	c->room.bytes = read_number(c, "queue.buffering.max.kbytes") << 10;
	/* Messages are blocks then, and a packet takes little beside its bytes. */
	if (c->blocks && c->room.packets < c->room.bytes / BYTES_PER_PACKET)
		c->room.packets = c->room.bytes / BYTES_PER_PACKET;
	c->large = opt->rules->batch_max / 5 < LARGE ? opt->rules->batch_max / 5 : LARGE;
	*out = c;
	return 0;
}

static void free_client(void *arg)
{
	kafka_free_abandoned(arg);
}

void outclient_free(struct outclient *c, unsigned int wait_ms)
{
	if (!c)
		return;
	ev_timer_stop(c->opt.loop, &c->wait);
	openblocks_free(c->blocks);
	if (c->topic)
		rd_kafka_topic_destroy(c->topic);
	if (c->obstacle) /* its thread may need the client for longer than we wait */
		kafka_abandon(c->kafka);
	if (obstacle_free(c->obstacle, wait_ms < ANSWER_MS ? wait_ms : ANSWER_MS, free_client,
			  c->kafka))
		kafka_free(c->kafka, wait_ms);
	free(c);
}

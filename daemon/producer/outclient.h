/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Kafka client as a producer uses it: its topics, the partition each packet goes to, and the
 * way of a packet into a message: one of its own, or that of a block which is filled first. What
 * becomes of the messages is its owner's to know.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "producer/outclient_options.h"
#include "producer/outclient_send.h"

struct kafka;

/*
 * Makes a client of `cfg` (borrowed for the call). `hold_ms`, `why`: see kafka_options. Returns
 * what kafka_new() does, or -EINVAL when librdkafka refuses the topic (told likewise).
 */
int outclient_new(struct outclient **out, const struct outclient_options *opt,
		  const struct config *cfg, unsigned int hold_ms, char *why, size_t size);

/* See kafka_free(). NULL is legal. */
void outclient_free(struct outclient *c, unsigned int wait_ms);

/* Its client, borrowed: for its state, to flush it. */
struct kafka *outclient_kafka(const struct outclient *c);

/* A broker's own refusal, `err` or the fatal one, that no rule of ours answers; 0: it is none. */
rd_kafka_resp_err_t outclient_refusal(const struct outclient *c, rd_kafka_resp_err_t err);

/* It sends nothing more, e.g. as a packet was refused (enable.gapless.guarantee). */
bool outclient_is_dead(const struct outclient *c);

/* What is queued, and with `inflight` what was not answered, comes back in reports. */
void outclient_purge(struct outclient *c, bool inflight);

/* What keeps its messages from being delivered, in words. */
void outclient_waiting_for(const struct outclient *c, const struct config *cfg, char *buf,
			   size_t size);

/*
 * A broker answers and takes nothing: asks the cluster what is wrong with the topic. Soon
 * outclient_waiting_for() has the answer, and outclient_knows_why() is true if it says anything.
 */
void outclient_ask_why(struct outclient *c);
bool outclient_knows_why(const struct outclient *c);
/* It takes packets again: what was wrong is no answer to what may be wrong later. */
void outclient_forget_why(struct outclient *c);

/* Every few seconds: its threads are not to spin for a broker that hangs (hung_broker_apply). */
void outclient_brake(struct outclient *c);

/* How long a packet waits for others: linger.ms, and that of a block; seconds. */
double outclient_linger(const struct outclient *c);

/* What its queue holds at most. */
struct outclient_room outclient_room(const struct outclient *c);

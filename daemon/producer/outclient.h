/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Kafka client as a producer uses it: its topics, the partition each packet goes to, and the
 * way of a packet into a message. What becomes of the messages is its owner's to know.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "packet/packet.h"

struct kafka;
struct kafkalog;
struct outclient;
struct outtopics;
struct own_traffic;
struct login_backoff;
struct retry_rules;

struct outclient_options {
	struct ev_loop *loop;
	struct own_traffic *own; /* may be NULL; borrowed, as are the next four */
	struct kafkalog *log;    /* kafka_options.log and .pace */
	struct login_backoff *pace;
	struct outtopics *others; /* topics beside that of the settings */
	struct retry_rules *rules;
	bool track; /* outclient_send() tells the message */

	/* As those of kafka_options; which client it is that is dead. */
	void (*on_delivery)(void *ctx, rd_kafka_event_t *event);
	void (*on_served)(void *ctx);
	void (*on_fatal)(void *ctx, const struct outclient *c, rd_kafka_resp_err_t err,
			 const char *reason);
	void (*on_connection)(void *ctx, bool connected);
	void *ctx;
};

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

/* Where a packet comes from: whether it may be held up at a client's start to keep the order. */
enum outclient_source {
	OUTCLIENT_LIVE,   /* more come: only if it is large, and for a second */
	OUTCLIENT_AGAIN,  /* it failed before: for some seconds */
	OUTCLIENT_STORED, /* of a file: likewise */
};

struct outclient_item {
	const struct packet *pkt;
	enum outclient_source source;
	int other; /* -1: the topic of the settings; else an index of outtopics */
	uint64_t seq;
	bool alone; /* all that was sent before is answered */
};

/*
 * Offers a packet to librdkafka, copied. `now`: seconds since the epoch. Returns what
 * rd_kafka_produceva() does, of which RD_KAFKA_RESP_ERR__QUEUE_FULL may also mean that an answer to
 * an earlier one is to come first (first_batch.h; on_served follows); or
 * RD_KAFKA_RESP_ERR__INVALID_ARG: no topic can have that name (logged). *m: the message, where it
 * is tracked and was taken, else NULL.
 */
rd_kafka_resp_err_t outclient_send(struct outclient *c, const struct outclient_item *item,
				   double now, const rd_kafka_message_t **m);

/* A broker's own refusal, `err` or the fatal one, that no rule of ours answers; 0: it is none. */
rd_kafka_resp_err_t outclient_refusal(const struct outclient *c, rd_kafka_resp_err_t err);

/* It sends nothing more, e.g. as a packet was refused (enable.gapless.guarantee). */
bool outclient_is_dead(const struct outclient *c);

/* What is queued, and with `inflight` what was not answered, comes back in reports. */
void outclient_purge(struct outclient *c, bool inflight);

/* What keeps its messages from being delivered, in words. */
void outclient_waiting_for(const struct outclient *c, const struct config *cfg, char *buf,
			   size_t size);

/* Every few seconds: its threads are not to spin for a broker that hangs (hung_broker_apply). */
void outclient_brake(struct outclient *c);

/* linger.ms, seconds. */
double outclient_linger(const struct outclient *c);

/* What its queue holds at most: packets, bytes. */
struct outclient_room {
	uint64_t packets, bytes;
};
struct outclient_room outclient_room(const struct outclient *c);

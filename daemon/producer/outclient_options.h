/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a producer's client is given.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"

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
	bool track; /* outclient_send() tells who has the packet */

	/* As those of kafka_options; which client it is that is dead. */
	void (*on_delivery)(void *ctx, rd_kafka_event_t *event);
	void (*on_served)(void *ctx);
	void (*on_fatal)(void *ctx, const struct outclient *c, rd_kafka_resp_err_t err,
			 const char *reason);
	void (*on_connection)(void *ctx, bool connected);
	/* librdkafka does not take a block, for a reason that time alone does not mend; for which
	 * topic, as outclient_item.other. */
	void (*on_refused)(void *ctx, int other, rd_kafka_resp_err_t err);
	void *ctx;
};

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

/* What its queue holds at most: packets, bytes. */
struct outclient_room {
	uint64_t packets, bytes;
};

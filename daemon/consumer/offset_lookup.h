/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks Kafka which partitions a topic has and where in them to start, and goes on asking, so that
 * partitions added later are noticed.
 *
 * librdkafka's look-ups (metadata, watermarks, offsets for times) block: one thread makes them,
 * the answers come to the loop by ev_async.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

struct offset_lookup;

struct offset_lookup_partition {
	int32_t id;
	int64_t low, high; /* watermarks; high is the end of what may be read now */
	int64_t start;     /* where to start; low <= start <= high */
	int64_t wanted;    /* the offset that was asked for, or the group's; -1: none is known */
	bool added;        /* it did not exist at the first answer; starts at its beginning */
};

/* One answer: partitions that no answer before had, or why there is none. */
struct offset_lookup_result {
	struct offset_lookup_result *next; /* private */
	rd_kafka_resp_err_t err; /* of the topic, or of a partition that cannot be asked */
	bool complete;           /* every partition there is has been in an answer by now */
	size_t n;
	struct offset_lookup_partition *partitions;
};

struct offset_lookup_options {
	struct ev_loop *loop;
	rd_kafka_t *rk;            /* borrowed until offset_lookup_free() returned true */
	const char *topic;         /* copied */
	enum config_offset offset; /* _STORED looks watermarks up and starts at the low one */
	int64_t offset_value;
	/* Called from the loop for each answer; the result is borrowed. */
	void (*on_result)(void *ctx, const struct offset_lookup_result *result);
	void *ctx;
};

/* Starts to ask. Returns 0 or -errno (logged). */
int offset_lookup_new(struct offset_lookup **out, const struct offset_lookup_options *opt);

/* Tells the thread to end after the look-up it is in; no result comes any more. */
void offset_lookup_stop(struct offset_lookup *l);

/* After offset_lookup_stop(): true once offset_lookup_free() need not wait for the thread. */
bool offset_lookup_has_ended(const struct offset_lookup *l);

/*
 * Frees it, after waiting for the thread for at most `wait_ms`. Returns true when the thread is
 * gone; false: it ends when its look-up does, and uses the client until then. NULL is legal (true).
 */
bool offset_lookup_free(struct offset_lookup *l, unsigned int wait_ms);

/* Says what is wrong with the topic by a result, once it has changed; `brokers` as configured. */
void offset_lookup_log(const char *topic, const char *brokers, rd_kafka_resp_err_t err);

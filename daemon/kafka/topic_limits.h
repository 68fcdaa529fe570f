/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which times a topic's records may have: how long it keeps them, and how far from the present it
 * takes them. Asked of the broker (DescribeConfigs), which needs the permission DescribeConfigs on
 * the topic: without it, there is no answer.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Milliseconds; INT64_MAX: no limit. */
struct topic_limits {
	bool deletes;          /* old records are deleted, rather than compacted alone */
	bool append_time;      /* the broker stamps records itself, when they arrive */
	int64_t retention;     /* how long after its time stamp a record is deleted */
	int64_t before, after; /* how far from now a time stamp may lie */
	int64_t difference;    /* the same for both, as brokers had it before Kafka 3.6 */
};

/* None yet. */
extern const struct topic_limits topic_limits_none;

/* Takes one property of the topic into account; of no other name. */
void topic_limits_put(struct topic_limits *l, const char *name, const char *value);

/*
 * What would become of packets captured at `time` (ms since the epoch) and sent `now`, and what
 * avoids it: one line about `file`. False: nothing, they stay as they are.
 */
bool topic_limits_explain(const struct topic_limits *l, const char *topic, const char *file,
			  int64_t time, int64_t now, char *buf, size_t size);

/* `limits`: NULL when there is no answer, as `err` says. */
typedef void (*topic_limits_fn)(void *ctx, const struct topic_limits *limits,
				rd_kafka_resp_err_t err);

/* One at a time; a later one takes the place of an earlier. */
struct topic_limits_question {
	topic_limits_fn fn; /* NULL: nobody asks */
	void *ctx;
};

/* Asks; the answer is an event of the queue, for topic_limits_answer(). 0 or -ENOMEM. */
int topic_limits_ask(struct topic_limits_question *q, rd_kafka_t *rk, const char *topic,
		     rd_kafka_queue_t *queue, topic_limits_fn fn, void *ctx);

/* Has fn() called with what an RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT says. */
void topic_limits_answer(struct topic_limits_question *q, rd_kafka_event_t *event);

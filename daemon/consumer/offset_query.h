/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to Kafka: which partitions a topic has, and where to start in each.
 *
 * librdkafka's calls wait for the answer: offset_query_ask() belongs on a thread. The rest is for
 * whoever has the query while nobody asks it.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "config/time_range.h"
#include "consumer/topic_clock.h"

struct offset_lookup_partition {
	int32_t id;
	bool added;        /* it did not exist at the first answer; starts at its beginning */
	bool late_end;     /* the last record before `end` is stamped after the range, and may be a
			    * block that begins in it */
	int64_t low, high; /* watermarks; high is the end of what may be read now */
	int64_t start;     /* where to start; low <= start <= high */
	int64_t end;       /* where a bounded read stops; <= high */
	int64_t wanted;    /* the offset that was asked for, or the group's; -1: none is known */
};

/*
 * One answer: partitions that no answer before had, or why there is none. After
 * offset_query_close() each comes once more.
 */
struct offset_lookup_result {
	rd_kafka_resp_err_t err; /* of the topic, or of a partition that cannot be asked */
	bool complete;           /* every partition there is has been in an answer by now */
	int32_t n_topic;         /* how many the topic has */
	enum topic_clock clock;  /* with a range of time */
	bool closing;            /* after offset_query_close(): the ends are those of the range */
	size_t n;
	struct offset_lookup_partition *partitions;
};

/* What is asked for. */
struct offset_question {
	enum config_offset offset; /* _STORED looks watermarks up and starts at the low one */
	int64_t value;
	struct time_range range; /* packets of that time instead; both sides open: no range */
	uint64_t slack_ms;       /* how late they may have come, or CONFIG_SLACK_ALL */
	const char *partitions;  /* partition_set.h; NULL: all */
};

struct offset_query {
	rd_kafka_t *rk; /* borrowed */
	atomic_bool
		cancelled; /* by any thread: no further call is made, but for the one it is in */
	struct offset_lookup_result result; /* of the last offset_query_ask() */

	/* private */
	struct offset_question asked; /* its text is owned */
	bool closing;
	bool knows_clock;
	bool clock_is_late; /* the question for it has timed out once */
	enum topic_clock clock;
	char *topic;
	rd_kafka_topic_t *rkt;
	int timeout_ms;
	bool *known; /* by partition number */
	int n_known; /* length of known */
	int n_first; /* partitions of the first answer, -1 before it */
};

/* A question about `topic`; both are copied. Returns 0 or -errno (logged). */
int offset_query_new(struct offset_query **out, rd_kafka_t *rk, const char *topic,
		     const struct offset_question *question);

/*
 * The range of time is over: asks for all partitions once more, to learn where each ends. For who
 * has the query, as offset_query_free().
 */
void offset_query_close(struct offset_query *q);

/* Asks; no call waits for longer than 8.5 s. */
void offset_query_ask(struct offset_query *q);

/* NULL is legal. */
void offset_query_free(struct offset_query *q);

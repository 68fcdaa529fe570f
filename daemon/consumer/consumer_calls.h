/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of a consumer that librdkafka answers from its main thread, as jobs: they return
 * when that thread has done what was asked, which a kinit it runs delays by many seconds.
 */
#pragma once

#include <librdkafka/rdkafka.h>

#include "base/worker.h"

enum consumer_calls_kind {
	CONSUMER_CALLS_PAUSE,
	CONSUMER_CALLS_RESUME,
	CONSUMER_CALLS_SUBSCRIBE,
	CONSUMER_CALLS_ASSIGN, /* more partitions, for who has no group */
	CONSUMER_CALLS_GAIN,   /* what a rebalance gives */
	CONSUMER_CALLS_LOSE,   /* and takes */
	CONSUMER_CALLS_COMMIT, /* offsets, up to the answer */
	CONSUMER_CALLS_NUDGE,  /* asks the broker for what is not there; so its thread wakes */
};

struct consumer_calls {
	enum consumer_calls_kind kind;
	rd_kafka_t *rk;                        /* borrowed until worker_free() returned true */
	rd_kafka_topic_partition_list_t *list; /* owned */
	void (*done)(void *ctx, const struct consumer_calls *call); /* on the loop, afterwards */
	void *ctx;
	rd_kafka_error_t *error; /* private until done(): what librdkafka answered, NULL: success */
};

/* Gives it to `jobs`; it is copied, but for the list. Returns 0 or -errno. */
int consumer_calls_give(struct worker *worker, const struct consumer_calls *call);

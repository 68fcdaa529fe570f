/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of a consumer that librdkafka answers from its main thread, as errands: they return
 * when that thread has done what was asked, which a kinit it runs delays by many seconds.
 */
#pragma once

#include <librdkafka/rdkafka.h>

#include "base/errands.h"

enum rkcall_kind {
	RKCALL_PAUSE,
	RKCALL_RESUME,
	RKCALL_SUBSCRIBE,
	RKCALL_ASSIGN, /* more partitions, for who has no group */
	RKCALL_GAIN,   /* what a rebalance gives */
	RKCALL_LOSE,   /* and takes */
};

struct rkcall {
	enum rkcall_kind kind;
	rd_kafka_t *rk;                        /* borrowed until errands_free() returned true */
	rd_kafka_topic_partition_list_t *list; /* owned */
	void (*done)(void *ctx, const struct rkcall *call); /* on the loop, afterwards */
	void *ctx;
	rd_kafka_error_t *error; /* private until done(): what librdkafka answered, NULL: success */
};

/* Gives it to `errands`; it is copied, but for the list. Returns 0 or -errno. */
int rkcall_give(struct errands *errands, const struct rkcall *call);

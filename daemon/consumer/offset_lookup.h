/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks Kafka which partitions a topic has and where in them to start, and goes on asking, so that
 * partitions added later are noticed. A worker of its own makes the calls that wait.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "consumer/offset_query.h"

struct offset_lookup;

struct offset_lookup_options {
	struct ev_loop *loop;
	rd_kafka_t *rk;                  /* borrowed until offset_lookup_free() says it is gone */
	const char *topic;               /* copied */
	struct offset_question question; /* copied */
	/* Called from the loop for each answer; the result is borrowed. */
	void (*on_result)(void *ctx, const struct offset_lookup_result *result);
	void *ctx;
};

/* Starts to ask. Returns 0 or -errno (logged). */
int offset_lookup_new(struct offset_lookup **out, const struct offset_lookup_options *opt);

/* The range of time is over: asks at once where each partition ends (result->closing). */
void offset_lookup_close(struct offset_lookup *l);

/* Asks no more; no result comes any more. */
void offset_lookup_stop(struct offset_lookup *l);

/* As worker_release(): false means that a call still uses the client. NULL is legal (true). */
bool offset_lookup_free(struct offset_lookup *l, unsigned int wait_ms, void (*gone)(void *arg),
			void *arg);

/* Says what is wrong with the topic by a result, once it has changed; `brokers` as configured. */
void offset_lookup_log(const char *topic, const char *brokers, rd_kafka_resp_err_t err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of topics, as their broker has them. A principal needs DescribeConfigs for a topic:
 * without that, the broker does not tell them.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stddef.h>

/* A setting of a topic. */
typedef void (*topic_config_fn)(void *ctx, const char *topic, const char *name, const char *value);

struct topic_config_question {
	const char *const *topics;
	size_t n; /* at least one */
	int timeout_ms;
};

/* Asks for all topics in one request; the answer is an event of the queue. 0 or -ENOMEM. */
int topic_config_begin(rd_kafka_t *rk, const struct topic_config_question *question,
		       rd_kafka_queue_t *queue);

/* Has told() called for each setting in it. Returns why there is no answer, for all topics or the
 * first of those that the broker does not tell of. */
rd_kafka_resp_err_t topic_config_read(rd_kafka_event_t *answer, topic_config_fn told, void *ctx);

/*
 * Both, and waits in between. Only an error of the connection is returned, or
 * RD_KAFKA_RESP_ERR__TIMED_OUT.
 */
rd_kafka_resp_err_t topic_config_ask(rd_kafka_t *rk, const struct topic_config_question *question,
				     topic_config_fn told, void *ctx);

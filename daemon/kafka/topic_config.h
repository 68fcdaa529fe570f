/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One setting of topics, as their broker has it.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stddef.h>

struct topic_config_question {
	const char *setting; /* "cleanup.policy" */
	const char *const *topics;
	size_t n; /* at least one */
	int timeout_ms;
	/* Called for each topic that the broker tells of; a principal needs DescribeConfigs for it.
	 */
	void (*told)(void *ctx, const char *topic, const char *value);
	void *ctx;
};

/*
 * Asks for all topics in one request and waits. Only an error of the connection is returned, or
 * RD_KAFKA_RESP_ERR__TIMED_OUT.
 */
rd_kafka_resp_err_t topic_config_ask(rd_kafka_t *rk, const struct topic_config_question *question);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a consumer is doing, and what it waits for, in words.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "consumer/assignment.h"
#include "kafka/kafka.h"

/* All borrowed. */
struct consumer_view {
	const struct config *cfg;
	const struct kafka *k;
	const struct assignment *assignment;
	rd_kafka_resp_err_t trouble; /* with the topic, or instead of messages; 0: none */
	bool disconnected;
	bool blocked; /* downstream is full */
	bool group;
};

enum consumer_condition {
	CONSUMER_READING,
	CONSUMER_NO_BROKER, /* none answers */
	CONSUMER_NO_TOPIC,  /* one answers, and the topic cannot be read */
	CONSUMER_STARTING,  /* it is not known yet what there is to read */
};
enum consumer_condition consumer_words_condition(const struct consumer_view *view);

/* For STATUS=. */
void consumer_words_state(char *buf, size_t size, const struct consumer_view *view);

/* For "waited for ...": with what is to be done, where that is known. */
void consumer_words_waiting(char *buf, size_t size, const struct consumer_view *view);

/* The same, for what is not there and was not waited for long: how to wait longer. */
void consumer_words_absent(char *buf, size_t size, const struct consumer_view *view);

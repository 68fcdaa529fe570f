/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose clock the time stamps of a topic's records are from: a look-up by time goes by them.
 */
#pragma once

#include <librdkafka/rdkafka.h>

enum topic_clock {
	TOPIC_CLOCK_SENDER, /* CreateTime: of a packet, its capture */
	TOPIC_CLOCK_BROKER, /* LogAppendTime: when it came to Kafka */
	TOPIC_CLOCK_UNKNOWN /* the broker does not tell: not permitted, or too old */
};

/* Asks the broker, for at most `timeout_ms`. An error of the connection is returned. */
rd_kafka_resp_err_t topic_clock_ask(rd_kafka_t *rk, const char *topic, int timeout_ms,
				    enum topic_clock *out);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What librdkafka says, as log lines: at our levels, and never as a flood.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct kafkalog;

int kafkalog_new(struct kafkalog **out, const char *brokers);
void kafkalog_free(struct kafkalog *l);

/* A log line of librdkafka (syslog level). */
void kafkalog_write(struct kafkalog *l, const char *fac, const char *text, int level);

/* An error event: the first of a kind at once, then one a minute with how many there were. */
void kafkalog_error(struct kafkalog *l, rd_kafka_resp_err_t err, const char *text, bool fatal);

/* All brokers are lost, or one answers: told once per change. */
void kafkalog_connection(struct kafkalog *l, bool connected, const char *reason);

/* The last error's text, "" when there was none since the last connection. */
const char *kafkalog_last_error(const struct kafkalog *l);

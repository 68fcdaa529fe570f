/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills a survey by asking Kafka.
 */
#pragma once

#include <librdkafka/rdkafka.h>

#include "kafka/survey.h"

/*
 * Waits for answers, for most_ms and the call that is under way then: it belongs on a thread
 * (inquiry.h). What was not answered by then has an error of its own.
 */
void survey_ask(struct survey *s, rd_kafka_t *rk);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a few records of partitions: the first, the last, and some between.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "kafka/survey.h"

/*
 * Fills the samples of all partitions whose offsets are known, until `until_ms` (thread_now_ms()).
 * The topics take turns, so that with little time something is known of each.
 */
void survey_reader_run(struct survey *s, rd_kafka_t *rk, uint64_t until_ms);

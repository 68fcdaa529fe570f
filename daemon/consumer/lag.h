/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a consumer is behind the ends of its partitions.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "consumer/partitions.h"
#include "kafka/kafkastats.h"

/* True when every one that is assigned was read to its end, and there are some. */
bool lag_is_none(const struct partitions *ps, rd_kafka_t *rk, const char *topic,
		 const struct kafkastats *stats);

/* Messages, over all that are assigned; -1: not known of any. Waits for nobody. */
int64_t lag_of(const struct partitions *ps, rd_kafka_t *rk, const char *topic,
	       const struct kafkastats *stats);

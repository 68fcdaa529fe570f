/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a consumer says before it reads a range of time: how it was understood, what there is of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "consumer/partitions.h"
#include "consumer/topic_clock.h"

/*
 * All partitions are known for the first time; those that were found sooner than the others may be
 * read already. `n_topic` is how many the topic has. Without a range it says what of the choice of
 * partitions is not there, and of an offset that is a time ahead.
 */
void range_log(const char *topic, const struct config *cfg, const struct partitions *ps,
	       int32_t n_topic, enum topic_clock clock);

/*
 * Partitions of which nothing is read: the record where the look-ups of both ends of the range met
 * is past it, and is no block that begins within it. One of them stands for all.
 */
struct range_passed {
	int64_t offset;  /* of that record */
	int64_t time_ms; /* its time stamp */
	int32_t id;
	int32_t n; /* partitions */
};

void range_log_passed(const char *topic, const struct range_passed *passed);

/* What is to be read to an end has none of the chosen partitions: `why` in words. */
bool range_log_missing(const char *topic, const struct config *cfg, int32_t n_topic, char *why,
		       size_t size);

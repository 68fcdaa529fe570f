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
 * Nothing is read from partition `id`: the record where the look-ups of both ends of the range met
 * is of `time_ms`, which is past it. For the first partition of which that is so.
 */
void range_log_passed(const char *topic, const struct partitions *ps, int32_t id, int64_t time_ms);

/* What is to be read to an end has none of the chosen partitions: `why` in words. */
bool range_log_missing(const char *topic, const struct config *cfg, int32_t n_topic, char *why,
		       size_t size);

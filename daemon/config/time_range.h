/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a range of time (--from, --to) means for a consumer. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

/* Packets captured in [from_us, to_us). */
struct time_range {
	int64_t from_us, to_us; /* since the epoch; INT64_MIN, INT64_MAX: open */
};

bool time_range_is_set(const struct config *cfg);

struct time_range time_range_of(const struct config *cfg);

/* No part of it is ahead of `now_us`: what is asked for is there, or on its way. */
bool time_range_is_past(const struct config *cfg, int64_t now_us);

/* All of it is ahead of `now_us`: nothing of it can be there. */
bool time_range_starts_ahead(const struct config *cfg, int64_t now_us);

/* It ends by the clock, once --to and the slack have passed, and not with the topic as it is. */
bool time_range_ends_ahead(const struct config *cfg);

/* What is wrong with it, in one line; false: nothing. */
bool time_range_fault(const struct config *cfg, int64_t now_us, char *why, size_t size);

/* A time that int64_t does not hold is the latest. */
static inline bool time_range_has(const struct time_range *range, uint64_t time_us)
{
	int64_t at = time_us < INT64_MAX ? (int64_t)time_us : INT64_MAX;

	return at >= range->from_us && (at < range->to_us || range->to_us == INT64_MAX);
}

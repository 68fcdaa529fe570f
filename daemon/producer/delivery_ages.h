/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How old packets are when Kafka has acknowledged them: from their capture to the report. Pure.
 *
 * It costs nothing per packet: reports come in runs, those of one partition one after the other,
 * and a run counts as its first packet does, which is its oldest.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DELIVERY_AGES_BOUNDS 16

/* The bounds of the classes, milliseconds; what is above the last has a class of its own. */
extern const uint32_t delivery_ages_bounds_ms[DELIVERY_AGES_BOUNDS];

struct delivery_ages {
	uint64_t counts[DELIVERY_AGES_BOUNDS + 1]; /* packets */
	uint64_t sum_ms;                           /* of all packets */
};

/* `packets` of them are this old. A clock that was set back makes them younger than nothing: 0. */
void delivery_ages_add(struct delivery_ages *ages, int64_t age_ms, uint64_t packets);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a consumer says of records that it does not get, as retention deleted them before it came to
 * them, and of a partition that does not go on where it was left.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "consumer/offset_lookup.h"

/* Partitions that do not start where they were to, of one kind. All zero: there are none. */
struct gaps_starts {
	int32_t n;
	struct offset_lookup_partition first;
	int64_t records; /* that are gone, of all */
};

/* Of the partitions that a look-up found; a topic may have hundreds. All zero: none yet. */
struct gaps {
	struct gaps_starts gone, ahead;
};

/* A partition is going to be read: keeps where it starts if that is not what was wanted. */
void gaps_note_start(struct gaps *gaps, const char *topic,
		     const struct offset_lookup_partition *found, bool group);

/* Says it, in one line for each kind. */
void gaps_log_starts(const struct gaps *gaps, const char *topic);

/*
 * A record, or the end of the partition, is not at `next`. Offsets that a transaction or compaction
 * left out are no news. Returns how many records before `end` are gone. Waits for nobody.
 */
int64_t gaps_log_jump(rd_kafka_t *rk, const rd_kafka_message_t *msg, int64_t next, int64_t end);

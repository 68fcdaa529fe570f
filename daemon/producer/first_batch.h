/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client has sent first to each partition of a topic.
 *
 * While less than five messages of a partition are unanswered librdkafka sends the next ones. When
 * the first are refused, a broker that knows this client's numbers refuses what follows them as
 * well; but one that has not taken anything of it yet takes what comes, whatever its number, and
 * what is sent again then comes after it. So until a partition has taken something, a packet that
 * may well be refused goes to it alone.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define FIRST_BATCH_MAX 4096 /* partitions; those beyond share a place with others */

/* All zero: nothing was sent. Two threads of librdkafka's and ours use it. */
struct first_batch {
	_Atomic int32_t partitions;             /* as librdkafka said last; 0: not yet */
	_Atomic uint8_t state[FIRST_BATCH_MAX]; /* enum first_batch_state */
};

enum first_batch_verdict {
	FIRST_BATCH_GO,
	FIRST_BATCH_WAIT,    /* for what was sent to the partition before */
	FIRST_BATCH_UNKNOWN, /* librdkafka does not know the partitions yet */
};

/* The partition of a hash: the hash's range is spread over `partitions`. */
static inline int32_t first_batch_partition(uint32_t hash, int32_t partitions)
{
	return (int32_t)((uint64_t)hash * (uint32_t)partitions >> 32);
}

/* How many partitions librdkafka knows of; 0: it does not know yet. */
static inline int32_t first_batch_partitions(const struct first_batch *f)
{
	return atomic_load_explicit(&f->partitions, memory_order_acquire);
}

enum first_batch_state {
	FIRST_BATCH_NOTHING,
	FIRST_BATCH_UNANSWERED,
	FIRST_BATCH_RISKY_UNANSWERED,
	FIRST_BATCH_TAKEN
};

/* May the next packet with that hash be sent? `risky`: it may well be refused. For each packet. */
static inline enum first_batch_verdict first_batch_check(const struct first_batch *f, uint32_t hash,
							 bool risky)
{
	int32_t partitions = first_batch_partitions(f);
	uint32_t i = (uint32_t)first_batch_partition(hash, partitions) % FIRST_BATCH_MAX;

	if (partitions == 0)
		return FIRST_BATCH_UNKNOWN;
	switch (atomic_load_explicit(&f->state[i], memory_order_relaxed)) {
	case FIRST_BATCH_UNANSWERED:
		return risky ? FIRST_BATCH_WAIT : FIRST_BATCH_GO;
	case FIRST_BATCH_RISKY_UNANSWERED:
		return FIRST_BATCH_WAIT;
	default:
		return FIRST_BATCH_GO;
	}
}

/* It gets its partition: here, or later when librdkafka learns how many there are. */
void first_batch_sent(struct first_batch *f, int32_t partition, int32_t partitions, bool risky);

/* The partition has taken something. */
void first_batch_taken(struct first_batch *f, int32_t partition);

/* Has it? */
bool first_batch_is_taken(struct first_batch *f, int32_t partition);

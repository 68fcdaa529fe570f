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

#define FIRSTS_MAX 4096 /* partitions; those beyond share a place with others */

/* All zero: nothing was sent. Two threads of librdkafka's and ours use it. */
struct firsts {
	_Atomic int32_t partitions;        /* as librdkafka said last; 0: not yet */
	_Atomic uint8_t state[FIRSTS_MAX]; /* enum firsts_state */
};

enum firsts_verdict {
	FIRSTS_GO,
	FIRSTS_WAIT,    /* for what was sent to the partition before */
	FIRSTS_UNKNOWN, /* librdkafka does not know the partitions yet */
};

/* The partition of a hash: the hash's range is spread over `partitions`. */
static inline int32_t firsts_partition(uint32_t hash, int32_t partitions)
{
	return (int32_t)((uint64_t)hash * (uint32_t)partitions >> 32);
}

enum firsts_state { FIRSTS_NOTHING, FIRSTS_UNANSWERED, FIRSTS_RISKY_UNANSWERED, FIRSTS_TAKEN };

/* May the next packet with that hash be sent? `risky`: it may well be refused. For each packet. */
static inline enum firsts_verdict firsts_check(const struct firsts *f, uint32_t hash, bool risky)
{
	int32_t partitions = atomic_load_explicit(&f->partitions, memory_order_acquire);
	uint32_t i = (uint32_t)firsts_partition(hash, partitions) % FIRSTS_MAX;

	if (partitions == 0)
		return FIRSTS_UNKNOWN;
	switch (atomic_load_explicit(&f->state[i], memory_order_relaxed)) {
	case FIRSTS_UNANSWERED:
		return risky ? FIRSTS_WAIT : FIRSTS_GO;
	case FIRSTS_RISKY_UNANSWERED:
		return FIRSTS_WAIT;
	default:
		return FIRSTS_GO;
	}
}

/* It gets its partition: here, or later when librdkafka learns how many there are. */
void firsts_sent(struct firsts *f, int32_t partition, int32_t partitions, bool risky);

/* The partition has taken something. */
void firsts_taken(struct firsts *f, int32_t partition);

/* For another client. */
void firsts_reset(struct firsts *f);

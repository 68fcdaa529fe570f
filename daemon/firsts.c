/* SPDX-License-Identifier: Apache-2.0 */
#include "firsts.h"

enum { NOTHING, UNANSWERED, RISKY_UNANSWERED, TAKEN };

static _Atomic uint8_t *place(struct firsts *f, int32_t partition)
{
	return &f->state[(uint32_t)partition % FIRSTS_MAX];
}

enum firsts_verdict firsts_check(const struct firsts *f, uint32_t hash, bool risky)
{
	int32_t partitions = atomic_load_explicit(&f->partitions, memory_order_acquire);
	uint32_t i = (uint32_t)firsts_partition(hash, partitions) % FIRSTS_MAX;

	if (partitions == 0)
		return FIRSTS_UNKNOWN;
	switch (atomic_load_explicit(&f->state[i], memory_order_relaxed)) {
	case UNANSWERED:
		return risky ? FIRSTS_WAIT : FIRSTS_GO;
	case RISKY_UNANSWERED:
		return FIRSTS_WAIT;
	default:
		return FIRSTS_GO;
	}
}

void firsts_sent(struct firsts *f, int32_t partition, int32_t partitions, bool risky)
{
	uint8_t next = risky ? RISKY_UNANSWERED : UNANSWERED;
	uint8_t was = atomic_load_explicit(place(f, partition), memory_order_relaxed);

	/* TAKEN, the highest, may come from the other thread in between: it stays. */
	while (was < next && !atomic_compare_exchange_weak(place(f, partition), &was, next))
		;
	/* Who sees the number sees the place that goes with it. */
	if (atomic_load_explicit(&f->partitions, memory_order_relaxed) != partitions)
		atomic_store_explicit(&f->partitions, partitions, memory_order_release);
}

void firsts_taken(struct firsts *f, int32_t partition)
{
	atomic_store_explicit(place(f, partition), TAKEN, memory_order_relaxed);
}

void firsts_reset(struct firsts *f)
{
	atomic_store(&f->partitions, 0);
	for (uint32_t i = 0; i < FIRSTS_MAX; i++)
		atomic_store_explicit(&f->state[i], NOTHING, memory_order_relaxed);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/firsts.h"

static _Atomic uint8_t *place(struct firsts *f, int32_t partition)
{
	return &f->state[(uint32_t)partition % FIRSTS_MAX];
}

void firsts_sent(struct firsts *f, int32_t partition, int32_t partitions, bool risky)
{
	uint8_t next = risky ? FIRSTS_RISKY_UNANSWERED : FIRSTS_UNANSWERED;
	uint8_t was = atomic_load_explicit(place(f, partition), memory_order_relaxed);

	/* FIRSTS_TAKEN, the highest, may come from the other thread in between: it stays. */
	while (was < next && !atomic_compare_exchange_weak(place(f, partition), &was, next))
		;
	/* Who sees the number sees the place that goes with it. */
	if (atomic_load_explicit(&f->partitions, memory_order_relaxed) != partitions)
		atomic_store_explicit(&f->partitions, partitions, memory_order_release);
}

void firsts_taken(struct firsts *f, int32_t partition)
{
	atomic_store_explicit(place(f, partition), FIRSTS_TAKEN, memory_order_relaxed);
}

void firsts_reset(struct firsts *f)
{
	atomic_store(&f->partitions, 0);
	for (uint32_t i = 0; i < FIRSTS_MAX; i++)
		atomic_store_explicit(&f->state[i], FIRSTS_NOTHING, memory_order_relaxed);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/first_batch.h"

static _Atomic uint8_t *place(struct first_batch *f, int32_t partition)
{
	return &f->state[(uint32_t)partition % FIRST_BATCH_MAX];
}

void first_batch_sent(struct first_batch *f, int32_t partition, int32_t partitions, bool risky)
{
	uint8_t next = risky ? FIRST_BATCH_RISKY_UNANSWERED : FIRST_BATCH_UNANSWERED;
	uint8_t was = atomic_load_explicit(place(f, partition), memory_order_relaxed);

	/* FIRST_BATCH_TAKEN, the highest, may come from the other thread in between: it stays. */
	while (was < next && !atomic_compare_exchange_weak(place(f, partition), &was, next))
		;
	/* Who sees the number sees the place that goes with it. */
	if (atomic_load_explicit(&f->partitions, memory_order_relaxed) != partitions)
		atomic_store_explicit(&f->partitions, partitions, memory_order_release);
}

void first_batch_taken(struct first_batch *f, int32_t partition)
{
	atomic_store_explicit(place(f, partition), FIRST_BATCH_TAKEN, memory_order_relaxed);
}

bool first_batch_is_taken(struct first_batch *f, int32_t partition)
{
	return atomic_load_explicit(place(f, partition), memory_order_relaxed) == FIRST_BATCH_TAKEN;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets on their way between the loop and the thread of a spool, many at a time, and queues of
 * them. Not thread-safe: the queues between the two are under the lock of spool_thread.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "packet/pktbuf.h"

struct spool_batch {
	struct spool_batch *next;
	struct pktbuf *packets;
	const char *topic; /* borrowed */
	size_t bytes;      /* what it counts for; its owner's to say */
	uint64_t first;    /* number of its first packet; each packet's tag is its own */

	/* Of one that is to be written: where the writer is, and how many packets are left. */
	struct pktbuf_walk at;
	uint64_t left;
};

/* NULL: no memory. Freeing NULL is legal. */
struct spool_batch *spool_batch_new(void);
void spool_batch_free(struct spool_batch *b);

/* The number after its last packet. */
uint64_t spool_batch_end(const struct spool_batch *b);

/* A new batch of its packets from number `from` on, of about so many bytes. NULL: no memory. */
struct spool_batch *spool_batch_copy(const struct spool_batch *b, uint64_t from, size_t bytes);

struct spool_queue {
	struct spool_batch *head, **tail;
};

void spool_queue_init(struct spool_queue *q);
void spool_queue_push(struct spool_queue *q, struct spool_batch *b);
/* The first batch, the caller's from then on; NULL when there is none. */
struct spool_batch *spool_queue_pop(struct spool_queue *q);
void spool_queue_clear(struct spool_queue *q);

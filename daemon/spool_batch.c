/* SPDX-License-Identifier: Apache-2.0 */
#include "spool_batch.h"

#include <stdlib.h>

#define CHUNK_SIZE (256u << 10)

struct spool_batch *spool_batch_new(void)
{
	struct spool_batch *b = calloc(1, sizeof(*b));

	if (b && pktbuf_new(&b->packets, CHUNK_SIZE) < 0) {
		free(b);
		return NULL;
	}
	return b;
}

void spool_batch_free(struct spool_batch *b)
{
	if (!b)
		return;
	pktbuf_free(b->packets);
	free(b);
}

void spool_queue_init(struct spool_queue *q)
{
	q->head = NULL;
	q->tail = &q->head;
}

void spool_queue_push(struct spool_queue *q, struct spool_batch *b)
{
	*q->tail = b;
	q->tail = &b->next;
}

struct spool_batch *spool_queue_pop(struct spool_queue *q)
{
	struct spool_batch *b = q->head;

	if (!b)
		return NULL;
	q->head = b->next;
	if (!q->head)
		q->tail = &q->head;
	b->next = NULL;
	return b;
}

void spool_queue_move(struct spool_queue *to, struct spool_queue *from)
{
	if (!from->head)
		return;
	*to->tail = from->head;
	to->tail = from->tail;
	spool_queue_init(from);
}

void spool_queue_clear(struct spool_queue *q)
{
	struct spool_batch *b;

	while ((b = spool_queue_pop(q)))
		spool_batch_free(b);
}

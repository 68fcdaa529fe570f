/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/spool_batch.h"

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

uint64_t spool_batch_end(const struct spool_batch *b)
{
	return b->first + pktbuf_count(b->packets);
}

struct spool_batch *spool_batch_copy(const struct spool_batch *b, uint64_t from, size_t bytes)
{
	struct spool_batch *copy = spool_batch_new();
	struct pktbuf_walk at = {0};
	struct packet pkt;
	uint64_t number;

	if (!copy)
		return NULL;
	copy->topic = b->topic;
	copy->first = from;
	while (bytes && pktbuf_next(b->packets, &at, &pkt, &number)) {
		size_t size = pkt.caplen + sizeof(pkt);

		if (number < from)
			continue;
		if (pktbuf_push(copy->packets, &pkt, number) < 0)
			break; /* the rest another time */
		bytes -= size < bytes ? size : bytes;
	}
	if (!pktbuf_count(copy->packets)) {
		spool_batch_free(copy);
		return NULL;
	}
	return copy;
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

void spool_queue_clear(struct spool_queue *q)
{
	struct spool_batch *b;

	while ((b = spool_queue_pop(q)))
		spool_batch_free(b);
}

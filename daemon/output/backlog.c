/* SPDX-License-Identifier: Apache-2.0 */
#include "output/backlog.h"

#include <stdlib.h>

#define PIECE_SIZE ((size_t)256 * 1024)

struct backlog_piece {
	struct backlog_piece *next;
	size_t size, head, tail;
	uint8_t data[];
};

static struct backlog_piece *make_piece(struct backlog *b, size_t len)
{
	size_t size = len > PIECE_SIZE ? len : PIECE_SIZE;
	struct backlog_piece *p = b->spare;

	if (p && p->size >= size) {
		b->spare = NULL;
		return p;
	}
	p = malloc(sizeof(*p) + size);
	if (p)
		p->size = size;
	return p;
}

uint8_t *backlog_reserve(struct backlog *b, size_t len)
{
	struct backlog_piece *p = b->last;

	if (p && p->size - p->tail >= len)
		return p->data + p->tail;
	p = make_piece(b, len);
	if (!p)
		return NULL;
	p->next = NULL;
	p->head = p->tail = 0;
	if (b->last && !b->waiting) {
		free(b->last); /* too small, and the oldest bytes must be in the first */
		b->last = NULL;
	}
	if (b->last)
		b->last->next = p;
	else
		b->first = p;
	b->last = p;
	return p->data;
}

void backlog_commit(struct backlog *b, size_t len)
{
	b->last->tail += len;
	b->waiting += len;
}

uint8_t *backlog_untouched(struct backlog *b, size_t *len)
{
	if (b->begun || !b->first || b->first != b->last)
		return NULL;
	*len = b->waiting;
	return b->first->data;
}

const uint8_t *backlog_peek(const struct backlog *b, size_t *len)
{
	if (!b->waiting)
		return NULL;
	*len = b->first->tail - b->first->head;
	return b->first->data + b->first->head;
}

/* Its first piece is empty: the last one is filled from its start again, one other is kept. */
static void drop_piece(struct backlog *b)
{
	struct backlog_piece *p = b->first;

	if (p == b->last) {
		p->head = p->tail = 0;
		return;
	}
	b->first = p->next;
	if (b->spare || p->size > PIECE_SIZE)
		free(p);
	else
		b->spare = p;
}

void backlog_consume(struct backlog *b, size_t len)
{
	b->first->head += len;
	b->waiting -= len;
	b->begun = true;
	if (b->first->head == b->first->tail)
		drop_piece(b);
}

void backlog_clear(struct backlog *b)
{
	while (b->first) {
		struct backlog_piece *p = b->first;

		b->first = p->next;
		free(p);
	}
	free(b->spare);
	*b = (struct backlog){0};
}

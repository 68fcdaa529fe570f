/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that a client has not taken yet, in pieces: they can be many, and cost nothing while they
 * are few. What is put is put once, in one piece of memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backlog_piece;

/* Part of its owner; all zero: empty. `waiting` may be read. */
struct backlog {
	struct backlog_piece *first, *last, *spare;
	size_t waiting; /* bytes */
	bool begun;     /* some were taken away */
};

/* Room for up to `len` bytes; NULL: out of memory. */
uint8_t *backlog_reserve(struct backlog *b, size_t len);
/* The room last reserved holds so many. */
void backlog_commit(struct backlog *b, size_t len);

/* All that was ever put, to be changed in place: while none was taken away and it lies in one
 * piece; else NULL. */
uint8_t *backlog_untouched(struct backlog *b, size_t *len);

/* The oldest bytes, as many as lie together; NULL: none wait. */
const uint8_t *backlog_peek(const struct backlog *b, size_t *len);
/* So many of those are taken away. */
void backlog_consume(struct backlog *b, size_t len);

void backlog_clear(struct backlog *b);

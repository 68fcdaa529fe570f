/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of bits, one a number from the lowest that is open; it grows to what is in flight.
 */
#include "producer/settled.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 65536

struct settled {
	uint64_t below;
	uint64_t bits; /* capacity, a power of two */
	uint64_t *words;
};

int settled_new(struct settled **out)
{
	struct settled *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->bits = FIRST_BITS;
	s->words = calloc(s->bits / 64, sizeof(*s->words));
	if (!s->words) {
		free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void settled_free(struct settled *s)
{
	if (!s)
		return;
	free(s->words);
	free(s);
}

static uint64_t *word_of(const struct settled *s, uint64_t seq)
{
	return &s->words[(seq & (s->bits - 1)) / 64];
}

static uint64_t bit_of(uint64_t seq)
{
	return (uint64_t)1 << (seq % 64);
}

/* Twice the room. Without memory the mark is lost: numbers above it then never settle. */
static int grow(struct settled *s)
{
	struct settled larger = {.bits = s->bits * 2};

	larger.words = calloc(larger.bits / 64, sizeof(*larger.words));
	if (!larger.words)
		return -ENOMEM;
	for (uint64_t seq = s->below; seq < s->below + s->bits; seq++)
		if (*word_of(s, seq) & bit_of(seq))
			*word_of(&larger, seq) |= bit_of(seq);
	free(s->words);
	s->words = larger.words;
	s->bits = larger.bits;
	return 0;
}

void settled_mark(struct settled *s, uint64_t seq)
{
	if (seq < s->below)
		return;
	while (seq - s->below >= s->bits)
		if (grow(s) < 0)
			return;
	*word_of(s, seq) |= bit_of(seq);
	while (*word_of(s, s->below) & bit_of(s->below)) {
		*word_of(s, s->below) &= ~bit_of(s->below);
		s->below++;
	}
}

bool settled_has(const struct settled *s, uint64_t seq)
{
	return seq < s->below ||
	       (seq - s->below < s->bits && (*word_of(s, seq) & bit_of(seq)) != 0);
}

uint64_t settled_below(const struct settled *s)
{
	return s->below;
}

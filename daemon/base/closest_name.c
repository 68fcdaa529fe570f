/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The distance is Damerau's with adjacent swaps (optimal string alignment), by three rows of the
 * usual table. Names are short; a word longer than the table is never near anything.
 */
#include "base/closest_name.h"

#include <ctype.h>
#include <string.h>

#define MAX_WORD 64

static int fold(char c)
{
	if (c == '_' || c == '.')
		return '-';
	return tolower((unsigned char)c);
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

static unsigned int distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned int rows[3][MAX_WORD + 1];
	unsigned int *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= nb; j++)
		last[j] = (unsigned int)j;
	for (size_t i = 1; i <= na; i++) {
		now[0] = (unsigned int)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned int cost = fold(a[i - 1]) != fold(b[j - 1]);

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]) && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		unsigned int *spare = before;

		before = last;
		last = now;
		now = spare;
	}
	return last[nb];
}

/* How much longer one is than the other that it begins with; -1: neither does, or by chance. */
static int excess(const char *a, size_t na, const char *b, size_t nb)
{
	size_t least = na < nb ? na : nb, most = na < nb ? nb : na;

	if (least < 3 || 2 * least < most)
		return -1;
	for (size_t i = 0; i < least; i++) {
		if (fold(a[i]) != fold(b[i]))
			return -1;
	}
	return (int)(most - least);
}

void closest_name_start(struct closest_name *n, const char *word)
{
	size_t allowed = strlen(word) / 3;

	n->word = word;
	n->best = NULL;
	n->begins = false;
	/* One more than what is near enough, so that "nearer than before" is the whole test. */
	n->distance = (allowed < 2 ? 2 : (unsigned int)allowed) + 1;
}

void closest_name_offer(struct closest_name *n, const char *name)
{
	size_t na = strlen(n->word), nb = strlen(name);
	int more = excess(n->word, na, name, nb);
	unsigned int d;

	if (more >= 0) {
		if (n->begins && (unsigned int)more >= n->distance)
			return;
		n->begins = true;
		n->distance = (unsigned int)more;
		n->best = name;
		return;
	}
	if (n->begins || na > MAX_WORD || nb > MAX_WORD)
		return;
	d = distance(n->word, na, name, nb);
	/* A name of which every letter would have to change is not near, however short. */
	if (d < n->distance && d < nb) {
		n->distance = d;
		n->best = name;
	}
}

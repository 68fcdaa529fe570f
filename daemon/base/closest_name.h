/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nearest of some names to one that is not among them, for "did you mean". Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct closest_name {
	const char *word;
	const char *best; /* the nearest so far, borrowed; NULL when none is near */
	unsigned int distance;
	bool begins; /* one of best and word is the beginning of the other */
};

/* Starts a search for the neighbours of `word`, borrowed. */
void closest_name_start(struct closest_name *n, const char *word);

/*
 * Offers one name. It becomes `best` when it is nearer than those before and near enough: at most
 * a third of the word's letters (and never fewer than 2) inserted, deleted, replaced or swapped;
 * letter case, '_', '-' and '.' count as the same. A name that begins with the word (or the word
 * with it), and is not longer than twice of it, goes before all others.
 */
void closest_name_offer(struct closest_name *n, const char *name);

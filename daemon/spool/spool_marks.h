/* SPDX-License-Identifier: Apache-2.0 */
/*
 * About when the packets of a spool were captured, by their numbers, in little memory: a mark a
 * second, and as they become many, fewer. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SPOOL_MARKS_MAX 64

struct spool_mark {
	uint64_t number, time_us;
};

/* All zero at the start. */
struct spool_marks {
	struct spool_mark marks[SPOOL_MARKS_MAX];
	size_t n;
	uint64_t step_us; /* between two marks, at least */
	uint64_t due_us;  /* what was captured before this needs no mark */
};

/* For spool_marks_note(). `below`: the packets with lower numbers are delivered. */
void spool_marks_add(struct spool_marks *m, uint64_t number, uint64_t time_us, uint64_t below);

/* The packet behind all others has this number. */
static inline void spool_marks_note(struct spool_marks *m, uint64_t number, uint64_t time_us,
				    uint64_t below)
{
	if (time_us >= m->due_us || number == below)
		spool_marks_add(m, number, time_us, below);
}

/* When it was captured, or up to a step before that; 0: it is older than all marks. */
uint64_t spool_marks_find(const struct spool_marks *m, uint64_t number);

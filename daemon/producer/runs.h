/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packet of the producer is which of the spool: runs of them that came one after the other,
 * kept until they are settled.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inflight;

/* Packets seq .. seq + count - 1 of the producer are number .. number + count - 1 of the spool. */
struct run {
	uint64_t seq, number, count;
};

/* All zero: none. */
struct runs {
	struct run *run; /* oldest first */
	size_t n, room;
	uint64_t copies, copies_end; /* numbers of the last block of copies */
};

void runs_clear(struct runs *r);

/* Makes room for one more. 0 or -ENOMEM. */
int runs_reserve(struct runs *r);

/* The next one, after runs_reserve(); `seq` is higher than those before. */
void runs_add(struct runs *r, uint64_t seq, uint64_t number);

/* The same for a copy of what the producer had before. */
void runs_add_copy(struct runs *r, uint64_t seq, uint64_t number);

/* Whether that number is a copy of the last block, and how many are from a number on. */
static inline bool runs_is_copy(const struct runs *r, uint64_t number)
{
	return number >= r->copies && number < r->copies_end;
}
static inline uint64_t runs_copies_from(const struct runs *r, uint64_t number)
{
	uint64_t first = r->copies > number ? r->copies : number;

	return r->copies_end > first ? r->copies_end - first : 0;
}

/* Packets in both hands from these numbers on that Kafka has settled, or has not. */
uint64_t runs_count(const struct runs *r, const struct inflight *f, bool settled, uint64_t seq,
		    uint64_t number);

/*
 * All packets below `seq` are settled, and forgotten with a run that holds no others. Returns the
 * number below which the spool's are; 0: none of them is.
 */
uint64_t runs_settle(struct runs *r, uint64_t seq);

/* True when the spool has this packet of the producer. */
bool runs_have(const struct runs *r, uint64_t seq);

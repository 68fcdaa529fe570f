/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packet of the producer is which of the spool: runs of them that came one after the other,
 * kept until they are settled.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Packets seq .. seq + count - 1 of the producer are number .. number + count - 1 of the spool. */
struct run {
	uint64_t seq, number, count;
};

/* All zero: none. */
struct runs {
	struct run *run; /* oldest first */
	size_t n, room;
};

void runs_clear(struct runs *r);

/* Makes room for one more. 0 or -ENOMEM. */
int runs_reserve(struct runs *r);

/* The next one, after runs_reserve(); `seq` is higher than those before. */
void runs_add(struct runs *r, uint64_t seq, uint64_t number);

/*
 * All packets below `seq` are settled, and forgotten with a run that holds no others. Returns the
 * number below which the spool's are; 0: none of them is.
 */
uint64_t runs_settle(struct runs *r, uint64_t seq);

/* True when the spool has this packet of the producer. */
bool runs_have(const struct runs *r, uint64_t seq);

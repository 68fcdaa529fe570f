/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/runs.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "producer/inflight.h"

void runs_clear(struct runs *r)
{
	free(r->run);
	*r = (struct runs){0};
}

int runs_reserve(struct runs *r)
{
	size_t room = r->room ? r->room * 2 : 16;
	struct run *run;

	if (r->n < r->room)
		return 0;
	run = reallocarray(r->run, room, sizeof(*run));
	if (!run)
		return -ENOMEM;
	r->run = run;
	r->room = room;
	return 0;
}

void runs_add(struct runs *r, uint64_t seq, uint64_t number)
{
	struct run *last = r->n ? &r->run[r->n - 1] : NULL;

	if (last && last->seq + last->count == seq && last->number + last->count == number) {
		last->count++;
		return;
	}
	assert(r->run && r->n < r->room);
	r->run[r->n++] = (struct run){seq, number, 1};
}

void runs_add_copy(struct runs *r, uint64_t seq, uint64_t number)
{
	if (number != r->copies_end)
		r->copies = number;
	r->copies_end = number + 1;
	runs_add(r, seq, number);
}

uint64_t runs_count(const struct runs *r, const struct inflight *f, bool settled, uint64_t seq,
		    uint64_t number)
{
	uint64_t n = 0;

	for (size_t at = 0; at < r->n; at++) {
		const struct run *run = &r->run[at];

		for (uint64_t i = 0; i < run->count; i++)
			n += run->seq + i >= seq && run->number + i >= number &&
			     inflight_has_settled(f, run->seq + i) == settled;
	}
	return n;
}

uint64_t runs_settle(struct runs *r, uint64_t seq)
{
	uint64_t below = 0;
	size_t done = 0;

	for (; done < r->n && r->run[done].seq < seq; done++) {
		struct run *run = &r->run[done];
		uint64_t n = seq - run->seq < run->count ? seq - run->seq : run->count;

		if (run->number + n > below)
			below = run->number + n;
		if (n < run->count)
			break; /* settled in part: stays */
	}
	if (done) {
		r->n -= done;
		memmove(r->run, r->run + done, r->n * sizeof(*r->run));
	}
	return below;
}

bool runs_have(const struct runs *r, uint64_t seq)
{
	for (size_t i = 0; i < r->n; i++)
		if (seq >= r->run[i].seq && seq < r->run[i].seq + r->run[i].count)
			return true;
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A heap of the lanes that have something ready, by the place of the first of it. What comes next
 * is often of the same lane as the last: then nothing moves.
 */
#include "consumer/merge.h"

#include <errno.h>
#include <stdlib.h>

#define LEAST_SHARE 6 /* of the memory */
/* More waits in the client; that of some lanes stays in the processor's caches. */
#define READY_BYTES ((size_t)128 << 10)

struct merge_lane {
	struct lane lane;
	uint64_t n; /* packets in it */
	bool ended;
	bool in_heap; /* it has something ready */
};

struct head {
	uint64_t at;
	int32_t id;
};

struct merge {
	struct merge_options opt;
	struct lane_pool pool;
	struct merge_lane **lanes; /* by partition; NULL: not opened */
	int32_t n_lanes;           /* length of `lanes` */
	size_t n_open;
	size_t n_awaited; /* bounded: lanes that must have something ready, and have not */
	size_t share;     /* bytes of a lane */
	struct head *heap;
	size_t n_heap;
	uint64_t count;
	bool hurried;
};

int merge_new(struct merge **out, const struct merge_options *opt)
{
	struct merge *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->opt = *opt;
	*out = m;
	return 0;
}

/* ---- the heap ---- */

static bool is_before(const struct head *a, const struct head *b)
{
	return a->at != b->at ? a->at < b->at : a->id < b->id;
}

static void sift_down(struct merge *m, size_t i)
{
	struct head moved = m->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < m->n_heap && is_before(&m->heap[child + 1], &m->heap[child]))
			child++;
		if (child >= m->n_heap || !is_before(&m->heap[child], &moved))
			break;
		m->heap[i] = m->heap[child];
		i = child;
	}
	m->heap[i] = moved;
}

static void add_head(struct merge *m, const struct head *head)
{
	size_t i = m->n_heap++;

	while (i > 0 && is_before(head, &m->heap[(i - 1) / 2])) {
		m->heap[i] = m->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	m->heap[i] = *head;
}

static void remove_first_head(struct merge *m)
{
	m->n_heap--;
	if (m->n_heap == 0)
		return;
	m->heap[0] = m->heap[m->n_heap];
	sift_down(m, 0);
}

/* ---- lanes ---- */

static int grow(struct merge *m, int32_t id)
{
	size_t n = (size_t)id + 1;
	struct merge_lane **lanes = reallocarray(m->lanes, n, sizeof(struct merge_lane *));
	struct head *heap;

	if (!lanes)
		return -ENOMEM;
	m->lanes = lanes;
	heap = reallocarray(m->heap, n, sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	m->heap = heap;
	while (m->n_lanes <= id)
		m->lanes[m->n_lanes++] = NULL;
	return 0;
}

static struct merge_lane *lane_of(const struct merge *m, int32_t id)
{
	return id >= 0 && id < m->n_lanes ? m->lanes[id] : NULL;
}

static void divide(struct merge *m)
{
	size_t less = m->n_open * m->opt.lane_memory, least = m->opt.memory / LEAST_SHARE;
	size_t all = m->opt.memory > less + least ? m->opt.memory - less : least;

	m->share = all / m->n_open;
}

int merge_open(struct merge *m, int32_t id)
{
	struct merge_lane *ml;

	if (id < 0 || (id >= m->n_lanes && grow(m, id) < 0))
		return -ENOMEM;
	if (m->lanes[id])
		return 0;
	ml = calloc(1, sizeof(*ml));
	if (!ml)
		return -ENOMEM;
	lane_init(&ml->lane);
	m->lanes[id] = ml;
	m->n_open++;
	m->n_awaited += !m->opt.live;
	divide(m);
	return 0;
}

/* Puts a lane that has something ready into the heap. */
static void settle(struct merge *m, struct merge_lane *ml, int32_t id)
{
	const struct lane_packet *first = lane_first(&ml->lane);

	if (!first || ml->in_heap)
		return;
	ml->in_heap = true;
	m->n_awaited -= !m->opt.live && !ml->ended;
	add_head(m, &(struct head){first->at, id});
}

void merge_end(struct merge *m, int32_t id)
{
	struct merge_lane *ml = lane_of(m, id);

	if (!ml || ml->ended)
		return;
	lane_release(&ml->lane, UINT64_MAX);
	m->n_awaited -= !m->opt.live && !ml->in_heap;
	ml->ended = true;
	settle(m, ml, id);
}

bool merge_wants(const struct merge *m, int32_t id)
{
	const struct merge_lane *ml = lane_of(m, id);

	size_t most = m->share / 4 < READY_BYTES ? m->share / 4 : READY_BYTES;

	return ml && !ml->ended && ml->lane.ready_bytes < most;
}

int merge_push(struct merge *m, int32_t id, const struct packet *pkt, int64_t offset)
{
	uint64_t time = lane_time(pkt), window = m->opt.window_ns;
	struct merge_lane *ml = lane_of(m, id);

	if (!ml) {
		if (merge_open(m, id) < 0)
			return -ENOMEM;
		ml = m->lanes[id];
	}
	if (lane_push(&ml->lane, &m->pool, pkt, offset) < 0)
		return -ENOMEM;
	ml->n++;
	m->count++;
	if (m->opt.live)
		return 0;
	if (time >= window)
		lane_release(&ml->lane, time - window);
	while (ml->lane.held_bytes > m->share / 4 * 3)
		lane_release_first(&ml->lane);
	settle(m, ml, id);
	return 0;
}

void merge_release(struct merge *m, uint64_t time_ns)
{
	for (int32_t i = 0; i < m->n_lanes; i++)
		if (m->lanes[i] && m->lanes[i]->n) {
			lane_release(&m->lanes[i]->lane, time_ns);
			settle(m, m->lanes[i], i);
		}
}

void merge_hurry(struct merge *m, bool hurry)
{
	m->hurried = hurry;
}

const struct lane_packet *merge_first(const struct merge *m, int32_t *id)
{
	if ((m->n_awaited && !m->hurried) || !m->n_heap)
		return NULL;
	*id = m->heap[0].id;
	return lane_first(&m->lanes[*id]->lane);
}

void merge_pop(struct merge *m)
{
	struct merge_lane *ml = m->lanes[m->heap[0].id];
	const struct lane_packet *next;

	lane_pop(&ml->lane, &m->pool);
	ml->n--;
	m->count--;
	next = lane_first(&ml->lane);
	if (next) {
		m->heap[0].at = next->at;
		sift_down(m, 0);
		return;
	}
	ml->in_heap = false;
	m->n_awaited += !m->opt.live && !ml->ended;
	remove_first_head(m);
}

uint64_t merge_count(const struct merge *m)
{
	return m->count;
}

bool merge_is_full(const struct merge *m)
{
	return m->pool.bytes > m->opt.memory;
}

bool merge_first_offset(const struct merge *m, int32_t id, int64_t *offset)
{
	const struct merge_lane *ml = lane_of(m, id);

	return ml && lane_first_offset(&ml->lane, offset);
}

/* The heap is made anew. */
static void remove_lane(struct merge *m, int32_t id)
{
	size_t n = m->n_heap;

	m->n_heap = 0;
	for (size_t i = 0; i < n; i++) {
		struct head head = m->heap[i];

		if (head.id != id)
			add_head(m, &head);
	}
}

void merge_drop(struct merge *m, int32_t id)
{
	struct merge_lane *ml = lane_of(m, id);

	if (!ml)
		return;
	if (ml->in_heap) {
		remove_lane(m, id);
		ml->in_heap = false;
		m->n_awaited += !m->opt.live && !ml->ended;
	}
	lane_clear(&ml->lane, &m->pool);
	m->count -= ml->n;
	ml->n = 0;
}

void merge_free(struct merge *m)
{
	if (!m)
		return;
	for (int32_t i = 0; i < m->n_lanes; i++)
		if (m->lanes[i]) {
			lane_clear(&m->lanes[i]->lane, &m->pool);
			free(m->lanes[i]);
		}
	lane_pool_clear(&m->pool);
	free(m->lanes);
	free(m->heap);
	free(m);
}

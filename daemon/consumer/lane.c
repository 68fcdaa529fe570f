/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies lie in chunks, one behind the other as they come. A chunk goes back to the pool when all
 * its packets are gone, wherever it stands in the lane: one packet that waits for long (its clock
 * was ahead) keeps one chunk.
 */
#include "consumer/lane.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define PREFETCH_BYTES 512
#define CHUNK_BYTES    (16 * 1024) /* of 200 lanes, each has one that is not full */

struct lane_chunk {
	TAILQ_ENTRY(lane_chunk) entry;
	struct lane_chunk *next; /* spare */
	size_t size, used;
	size_t n; /* packets that are not gone */
	_Alignas(max_align_t) unsigned char bytes[];
};

void lane_init(struct lane *l)
{
	*l = (struct lane){0};
	TAILQ_INIT(&l->chunks);
	l->ready_end = &l->ready;
}

/* Keys of another kind than ours hold anything. */
uint64_t lane_time(const struct packet *pkt)
{
	if (pkt->time_us >= UINT64_MAX / 1000)
		return UINT64_MAX;
	return pkt->time_us * 1000 + pkt->nanos;
}

/* ---- memory ---- */

static struct lane_chunk *get_chunk(struct lane_pool *pool, size_t need)
{
	size_t size = need > CHUNK_BYTES ? need : CHUNK_BYTES;
	struct lane_chunk *chunk = pool->spare;

	if (chunk && size == CHUNK_BYTES)
		pool->spare = chunk->next;
	else
		chunk = malloc(sizeof(*chunk) + size);
	if (!chunk)
		return NULL;
	chunk->size = size;
	chunk->used = chunk->n = 0;
	pool->bytes += size;
	return chunk;
}

static void put_chunk(struct lane_pool *pool, struct lane_chunk *chunk)
{
	pool->bytes -= chunk->size;
	if (chunk->size > CHUNK_BYTES) {
		free(chunk);
		return;
	}
	chunk->next = pool->spare;
	pool->spare = chunk;
}

static struct lane_packet *get_memory(struct lane *l, struct lane_pool *pool, size_t size)
{
	struct lane_chunk *chunk = TAILQ_LAST(&l->chunks, lane_chunks);
	struct lane_packet *p;

	if (!chunk || chunk->size - chunk->used < size) {
		chunk = get_chunk(pool, size);
		if (!chunk)
			return NULL;
		TAILQ_INSERT_TAIL(&l->chunks, chunk, entry);
	}
	p = (struct lane_packet *)(void *)(chunk->bytes + chunk->used);
	chunk->used += size;
	chunk->n++;
	p->chunk = chunk;
	p->size = size;
	return p;
}

static size_t size_of(const struct packet *pkt)
{
	size_t size = sizeof(struct lane_packet) + pkt->caplen + pkt->host_len + pkt->interface_len;

	return (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
}

static void copy(struct packet *to, const struct packet *from, unsigned char *at)
{
	*to = *from;
	to->data = at;
	if (from->caplen)
		memcpy(at, from->data, from->caplen);
	if (from->host)
		to->host = memcpy(at + from->caplen, from->host, from->host_len);
	if (from->interface)
		to->interface = memcpy(at + from->caplen + from->host_len, from->interface,
				       from->interface_len);
}

/* ---- runs ---- */

/* The first run that ends at `at` or before; runs end the earlier the further right they are. */
static size_t find_run(const struct lane *l, uint64_t at)
{
	size_t from = 0, to = l->n_runs;

	while (from < to) {
		size_t middle = (from + to) / 2;

		if (l->runs[middle].last_at <= at)
			to = middle;
		else
			from = middle + 1;
	}
	return from;
}

static int add_run(struct lane *l, struct lane_packet *p)
{
	if (l->n_runs == l->room) {
		size_t room = l->room ? 2 * l->room : 4;
		struct lane_run *runs = reallocarray(l->runs, room, sizeof(*runs));

		if (!runs)
			return -ENOMEM;
		l->runs = runs;
		l->room = room;
	}
	l->runs[l->n_runs++] = (struct lane_run){p->at, p->at, p, p};
	return 0;
}

/* Of those that begin at the same time, the left one has the lower offset. */
static size_t least_run(const struct lane *l)
{
	size_t least = 0;

	for (size_t i = 1; i < l->n_runs; i++)
		if (l->runs[i].first_at < l->runs[least].first_at)
			least = i;
	return least;
}

static void remove_run(struct lane *l, size_t i)
{
	l->n_runs--;
	memmove(&l->runs[i], &l->runs[i + 1], (l->n_runs - i) * sizeof(l->runs[0]));
}

/* What waited is no longer in the processor's caches: it is to be there when its turn comes. */
static void prefetch(const struct lane_packet *p)
{
	const char *at = (const char *)p;
	size_t size = p->size < PREFETCH_BYTES ? p->size : PREFETCH_BYTES;

	for (size_t i = 0; i < size; i += 64)
		__builtin_prefetch(at + i);
}

static void make_ready(struct lane *l, size_t i)
{
	struct lane_run *run = &l->runs[i];
	struct lane_packet *p = run->first;

	run->first = p->next;
	if (run->first) {
		run->first_at = run->first->at;
		__builtin_prefetch(run->first->next);
	} else
		remove_run(l, i);
	prefetch(p);
	p->next = NULL;
	*l->ready_end = p;
	l->ready_end = &p->next;
	l->past = p->at;
	l->held_bytes -= p->size;
	l->ready_bytes += p->size;
}

int lane_push(struct lane *l, struct lane_pool *pool, const struct packet *pkt, int64_t offset)
{
	struct lane_packet *p = get_memory(l, pool, size_of(pkt));
	uint64_t time = lane_time(pkt);
	size_t i;

	if (!p)
		return -ENOMEM;
	p->next = NULL;
	p->at = time > l->past ? time : l->past;
	p->offset = offset;
	p->gone = false;
	copy(&p->pkt, pkt, (unsigned char *)(p + 1));
	i = find_run(l, p->at);
	if (i == l->n_runs) {
		if (add_run(l, p) < 0) {
			p->gone = true;
			p->chunk->n--;
			return -ENOMEM;
		}
	} else {
		l->runs[i].last->next = p;
		l->runs[i].last = p;
		l->runs[i].last_at = p->at;
	}
	l->held_bytes += p->size;
	return 0;
}

void lane_release(struct lane *l, uint64_t time)
{
	while (l->n_runs) {
		size_t i = least_run(l);

		if (l->runs[i].first_at > time)
			return;
		make_ready(l, i);
	}
}

void lane_release_first(struct lane *l)
{
	make_ready(l, least_run(l));
}

void lane_pop(struct lane *l, struct lane_pool *pool)
{
	struct lane_packet *p = l->ready;
	struct lane_chunk *chunk = p->chunk;

	l->ready = p->next;
	if (!l->ready)
		l->ready_end = &l->ready;
	l->ready_bytes -= p->size;
	p->gone = true;
	if (--chunk->n || chunk == TAILQ_LAST(&l->chunks, lane_chunks))
		return;
	TAILQ_REMOVE(&l->chunks, chunk, entry);
	put_chunk(pool, chunk);
}

bool lane_first_offset(const struct lane *l, int64_t *offset)
{
	const struct lane_chunk *chunk = TAILQ_FIRST(&l->chunks);
	const struct lane_packet *p;

	if (lane_is_empty(l))
		return false;
	while (!chunk->n)
		chunk = TAILQ_NEXT(chunk, entry);
	for (size_t at = 0;; at += p->size) {
		p = (const struct lane_packet *)(const void *)(chunk->bytes + at);
		if (!p->gone)
			break;
	}
	*offset = p->offset;
	return true;
}

void lane_clear(struct lane *l, struct lane_pool *pool)
{
	struct lane_chunk *chunk;

	while ((chunk = TAILQ_FIRST(&l->chunks))) {
		TAILQ_REMOVE(&l->chunks, chunk, entry);
		put_chunk(pool, chunk);
	}
	free(l->runs);
	lane_init(l);
}

void lane_pool_clear(struct lane_pool *pool)
{
	struct lane_chunk *chunk;

	while ((chunk = pool->spare)) {
		pool->spare = chunk->next;
		free(chunk);
	}
}

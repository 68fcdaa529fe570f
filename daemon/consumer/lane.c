/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies lie in chunks, one behind the other as they come: their bytes from the start of it, what
 * is known of them (struct lane_packet) from its end. A chunk goes back to the pool when all its
 * packets are gone, wherever it stands in the lane: one packet that waits for long (its clock was
 * ahead) keeps one chunk.
 *
 * What waits is tens of MiB, so each of its packets has left the processor's caches by the time it
 * goes on, and memory that is written next is not in them either. To wait for it would take longer
 * than all the rest: it is asked for some packets ahead, the bytes only when they are about to go
 * on. And chunks are cut from slabs that are huge pages, where the kernel has them.
 */
#include "consumer/lane.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PREFETCH_BYTES 512                /* of a packet, at most */
#define PREFETCH_AHEAD 4                  /* packets that come after the one that is made ready */
#define CHUNK_SIZE     ((size_t)16 << 10) /* of 200 lanes, each has one that is not full */
#define SLAB_SIZE      ((size_t)2 << 20)  /* a huge page */

struct lane_chunk {
	TAILQ_ENTRY(lane_chunk) entry;
	struct lane_chunk *next; /* spare */
	size_t size;             /* bytes */
	size_t used;             /* of them, from the start, by what packets hold */
	size_t came;             /* packets */
	size_t n;                /* of them, those that are not gone */
	_Alignas(struct lane_packet) unsigned char bytes[];
};

#define CHUNK_BYTES (CHUNK_SIZE - sizeof(struct lane_chunk))

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

/* At its start; the rest of it are chunks. */
struct lane_slab {
	struct lane_slab *next;
	size_t used;
};

static struct lane_slab *get_slab(struct lane_pool *pool)
{
	struct lane_slab *slab = aligned_alloc(SLAB_SIZE, SLAB_SIZE);

	if (!slab)
		return NULL;
	madvise(slab, SLAB_SIZE, MADV_HUGEPAGE);
	*slab = (struct lane_slab){.next = pool->slabs, .used = CHUNK_SIZE};
	pool->slabs = slab;
	return slab;
}

static struct lane_chunk *cut_chunk(struct lane_pool *pool)
{
	struct lane_slab *slab = pool->slabs;
	unsigned char *at;

	if (!slab || slab->used == SLAB_SIZE)
		slab = get_slab(pool);
	if (!slab)
		return NULL;
	at = (unsigned char *)slab + slab->used;
	slab->used += CHUNK_SIZE;
	return (struct lane_chunk *)(void *)at;
}

static struct lane_chunk *get_chunk(struct lane_pool *pool, size_t need)
{
	size_t size = need > CHUNK_BYTES ? need : CHUNK_BYTES;
	struct lane_chunk *chunk = pool->spare;

	if (size > CHUNK_BYTES)
		chunk = malloc(sizeof(*chunk) + size);
	else if (chunk)
		pool->spare = chunk->next;
	else
		chunk = cut_chunk(pool);
	if (!chunk)
		return NULL;
	chunk->size = size;
	chunk->used = chunk->came = chunk->n = 0;
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

/* The first that came is the last in the chunk. */
static struct lane_packet *packet_of(struct lane_chunk *chunk, size_t i)
{
	struct lane_packet *end = (void *)(chunk->bytes + chunk->size);

	return end - 1 - i;
}

static void prefetch(const void *p, size_t size)
{
	const char *at = p;

	if (size > PREFETCH_BYTES)
		size = PREFETCH_BYTES;
	for (size_t i = 0; i < size; i += 64)
		__builtin_prefetch(at + i);
}

static size_t round_up(size_t size, size_t to)
{
	return (size + to - 1) & ~(to - 1);
}

/* Of what a packet holds. */
static size_t size_of(const struct packet *pkt)
{
	return round_up((size_t)pkt->caplen + pkt->host_len + pkt->interface_len, 16);
}

static struct lane_packet *get_memory(struct lane *l, struct lane_pool *pool, size_t size,
				      unsigned char **bytes)
{
	struct lane_chunk *chunk = TAILQ_LAST(&l->chunks, lane_chunks);
	size_t all = size + sizeof(struct lane_packet);
	struct lane_packet *p;

	if (!chunk || chunk->size - chunk->used - chunk->came * sizeof(*p) < all) {
		chunk = get_chunk(pool, all);
		if (!chunk)
			return NULL;
		TAILQ_INSERT_TAIL(&l->chunks, chunk, entry);
	}
	p = packet_of(chunk, chunk->came++);
	*bytes = chunk->bytes + chunk->used;
	chunk->used += size;
	chunk->n++;
	/* Those of the next one: to write waits for memory as to read does. */
	prefetch(chunk->bytes + chunk->used, size);
	prefetch(p - 1, sizeof(*p));
	p->chunk = chunk;
	p->size = (uint32_t)all;
	return p;
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

static void make_ready(struct lane *l, size_t i)
{
	struct lane_run *run = &l->runs[i];
	struct lane_packet *p = run->first;

	/* In a partition in order they lie side by side. */
	__builtin_prefetch(p - PREFETCH_AHEAD);
	run->first = p->next;
	if (run->first)
		run->first_at = run->first->at;
	else
		remove_run(l, i);
	p->next = NULL;
	*l->ready_end = p;
	l->ready_end = &p->next;
	l->past = p->at;
	l->held_bytes -= p->size;
	l->ready_bytes += p->size;
}

int lane_push(struct lane *l, struct lane_pool *pool, const struct packet *pkt, int64_t offset)
{
	unsigned char *bytes;
	struct lane_packet *p = get_memory(l, pool, size_of(pkt), &bytes);
	uint64_t time = lane_time(pkt);
	size_t i;

	if (!p)
		return -ENOMEM;
	p->next = NULL;
	p->at = time > l->past ? time : l->past;
	p->offset = offset;
	p->gone = false;
	copy(&p->pkt, pkt, bytes);
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
	else if (l->ready->next)
		prefetch(l->ready->next->pkt.data, l->ready->next->pkt.caplen);
	l->ready_bytes -= p->size;
	p->gone = true;
	if (--chunk->n || chunk == TAILQ_LAST(&l->chunks, lane_chunks))
		return;
	TAILQ_REMOVE(&l->chunks, chunk, entry);
	put_chunk(pool, chunk);
}

bool lane_first_offset(const struct lane *l, int64_t *offset)
{
	struct lane_chunk *chunk = TAILQ_FIRST(&l->chunks);
	size_t i = 0;

	if (!l->ready && !l->n_runs)
		return false;
	while (!chunk->n)
		chunk = TAILQ_NEXT(chunk, entry);
	while (packet_of(chunk, i)->gone)
		i++;
	*offset = packet_of(chunk, i)->offset;
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
	struct lane_slab *slab;

	while ((slab = pool->slabs)) {
		pool->slabs = slab->next;
		free(slab);
	}
	pool->spare = NULL;
}

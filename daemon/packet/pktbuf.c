/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/pktbuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A stored packet: this head, its bytes, the names of its host and interface; padded so that the
 * next head is aligned. The order is that of the list, so that sorting moves nothing.
 */
struct entry {
	struct entry *next;
	struct chunk *chunk;
	uint64_t tag, time_us, dropcount;
	uint32_t caplen, wirelen;
	uint16_t nanos, linktype;
	uint8_t host_len, interface_len;
	bool left_out;
};

struct chunk {
	struct chunk *next, *prev;
	size_t size, used;
	uint64_t entries; /* those that were not popped */
	uint8_t bytes[] __attribute__((aligned(8)));
};

struct pktbuf {
	size_t chunk_size;
	struct chunk *newest, *oldest;
	struct entry *first, *last;
	uint64_t count;
	size_t memory;
};

int pktbuf_new(struct pktbuf **out, size_t chunk_size)
{
	struct pktbuf *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->chunk_size = chunk_size;
	*out = b;
	return 0;
}

static void drop_chunk(struct pktbuf *b, struct chunk *c)
{
	*(c->prev ? &c->prev->next : &b->oldest) = c->next;
	*(c->next ? &c->next->prev : &b->newest) = c->prev;
	b->memory -= sizeof(*c) + c->size;
	free(c);
}

void pktbuf_free(struct pktbuf *b)
{
	struct chunk *next;

	for (struct chunk *c = b ? b->oldest : NULL; c; c = next) {
		next = c->next;
		free(c);
	}
	free(b);
}

static int add_chunk(struct pktbuf *b, size_t need)
{
	size_t size = need > b->chunk_size ? need : b->chunk_size;
	struct chunk *c = malloc(sizeof(*c) + size);

	if (!c)
		return -ENOMEM;
	*c = (struct chunk){.size = size, .prev = b->newest};
	*(b->newest ? &b->newest->next : &b->oldest) = c;
	b->newest = c;
	b->memory += sizeof(*c) + size;
	return 0;
}

/* The packet of an entry, borrowed from it. */
static void show(const struct entry *e, struct packet *pkt)
{
	const char *names = (const char *)(e + 1) + e->caplen;

	*pkt = (struct packet){
		.data = (const uint8_t *)(e + 1),
		.caplen = e->caplen,
		.wirelen = e->wirelen,
		.time_us = e->time_us,
		.nanos = e->nanos,
		.linktype = e->linktype,
		.host_len = e->host_len,
		.interface_len = e->interface_len,
		.left_out = e->left_out,
		.host = e->host_len ? names : NULL,
		.interface = e->interface_len ? names + e->host_len : NULL,
		.dropcount = e->dropcount,
	};
}

static void fill(struct entry *e, const struct packet *pkt)
{
	uint8_t *to = (uint8_t *)(e + 1);

	e->time_us = pkt->time_us;
	e->dropcount = pkt->dropcount;
	e->caplen = pkt->caplen;
	e->wirelen = pkt->wirelen;
	e->nanos = pkt->nanos;
	e->linktype = pkt->linktype;
	e->host_len = pkt->host_len;
	e->interface_len = pkt->interface_len;
	e->left_out = pkt->left_out;
	if (pkt->caplen)
		memcpy(to, pkt->data, pkt->caplen);
	if (pkt->host_len)
		memcpy(to + pkt->caplen, pkt->host, pkt->host_len);
	if (pkt->interface_len)
		memcpy(to + pkt->caplen + pkt->host_len, pkt->interface, pkt->interface_len);
}

static size_t entry_size(const struct packet *pkt)
{
	return (sizeof(struct entry) + pkt->caplen + pkt->host_len + pkt->interface_len + 7) &
	       ~(size_t)7;
}

int pktbuf_push(struct pktbuf *b, const struct packet *pkt, uint64_t tag)
{
	size_t need = entry_size(pkt);
	struct chunk *c = b->newest;
	struct entry *e;

	if (!c || c->size - c->used < need) {
		int r = add_chunk(b, need);

		if (r < 0)
			return r;
		c = b->newest;
	}
	e = (struct entry *)(void *)(c->bytes + c->used);
	e->next = NULL;
	e->chunk = c;
	e->tag = tag;
	fill(e, pkt);
	c->used += need;
	c->entries++;
	*(b->count ? &b->last->next : &b->first) = e;
	b->last = e;
	b->count++;
	return 0;
}

bool pktbuf_peek(struct pktbuf *b, struct packet *pkt, uint64_t *tag)
{
	if (!b->count)
		return false;
	show(b->first, pkt);
	if (tag)
		*tag = b->first->tag;
	return true;
}

void pktbuf_pop(struct pktbuf *b)
{
	struct chunk *c = b->first->chunk;

	b->first = b->first->next;
	b->count--;
	if (--c->entries == 0)
		drop_chunk(b, c);
}

bool pktbuf_next(const struct pktbuf *b, struct pktbuf_walk *walk, struct packet *pkt,
		 uint64_t *tag)
{
	const struct entry *last = walk->last, *e = last ? last->next : b->first;

	if (!b->count || !e)
		return false;
	walk->last = e;
	show(e, pkt);
	*tag = e->tag;
	return true;
}

/* Two lists in order; of one tag those of `a` come first. */
static struct entry *merge(struct entry *a, struct entry *b)
{
	struct entry *first = NULL, **to = &first;

	while (a && b) {
		struct entry **from = b->tag < a->tag ? &b : &a;

		*to = *from;
		to = &(*to)->next;
		*from = *to;
	}
	*to = a ? a : b;
	return first;
}

/* Takes the entries at the front of the list that are in order. */
static struct entry *take_run(struct entry **list)
{
	struct entry *first = *list, *e = first;

	while (e->next && e->next->tag >= e->tag)
		e = e->next;
	*list = e->next;
	e->next = NULL;
	return first;
}

/*
 * Merges runs, which are long: librdkafka gives back one partition after the other. merged[i] is
 * of 2^i of them, all older than those below it.
 */
void pktbuf_sort(struct pktbuf *b)
{
	struct entry *merged[64] = {NULL}, *list = b->count ? b->first : NULL;

	while (list) {
		struct entry *run = take_run(&list);
		size_t i = 0;

		for (; merged[i]; i++) {
			run = merge(merged[i], run);
			merged[i] = NULL;
		}
		merged[i] = run;
	}
	for (size_t i = 0; i < sizeof(merged) / sizeof(merged[0]); i++)
		list = merge(merged[i], list);
	if (!list)
		return;
	b->first = list;
	while (list->next)
		list = list->next;
	b->last = list;
}

uint64_t pktbuf_count(const struct pktbuf *b)
{
	return b->count;
}

size_t pktbuf_bytes(const struct pktbuf *b)
{
	return b->memory;
}

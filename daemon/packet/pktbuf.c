/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/pktbuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A stored packet: this head, its bytes, the names of its host and interface; padded so that the
 * next head is aligned.
 */
struct entry {
	uint64_t tag;
	struct packet pkt; /* its pointers are not set while stored */
};

struct chunk {
	struct chunk *next;
	size_t size, used, read;
	uint8_t bytes[] __attribute__((aligned(8)));
};

struct pktbuf {
	size_t chunk_size;
	struct chunk *head, *tail;
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

static void drop_head(struct pktbuf *b)
{
	struct chunk *c = b->head;

	b->head = c->next;
	if (!b->head)
		b->tail = NULL;
	b->memory -= sizeof(*c) + c->size;
	free(c);
}

void pktbuf_free(struct pktbuf *b)
{
	if (!b)
		return;
	while (b->head)
		drop_head(b);
	free(b);
}

static int add_chunk(struct pktbuf *b, size_t need)
{
	size_t size = need > b->chunk_size ? need : b->chunk_size;
	struct chunk *c = malloc(sizeof(*c) + size);

	if (!c)
		return -ENOMEM;
	*c = (struct chunk){.size = size};
	if (b->tail)
		b->tail->next = c;
	else
		b->head = c;
	b->tail = c;
	b->memory += sizeof(*c) + size;
	return 0;
}

static size_t entry_size(const struct packet *pkt)
{
	return (sizeof(struct entry) + pkt->caplen + pkt->host_len + pkt->interface_len + 7) &
	       ~(size_t)7;
}

/* The packet of an entry, borrowed from it. */
static void show(const struct entry *e, struct packet *pkt)
{
	const char *names = (const char *)(e + 1) + e->pkt.caplen;

	*pkt = e->pkt;
	pkt->data = (const uint8_t *)(e + 1);
	if (pkt->host_len)
		pkt->host = names;
	if (pkt->interface_len)
		pkt->interface = names + pkt->host_len;
}

static void copy_names(uint8_t *to, const struct packet *pkt)
{
	if (pkt->host_len)
		memcpy(to, pkt->host, pkt->host_len);
	if (pkt->interface_len)
		memcpy(to + pkt->host_len, pkt->interface, pkt->interface_len);
}

int pktbuf_push(struct pktbuf *b, const struct packet *pkt, uint64_t tag)
{
	size_t need = entry_size(pkt);
	struct entry *e;

	if (!b->tail || b->tail->size - b->tail->used < need) {
		int r = add_chunk(b, need);

		if (r < 0)
			return r;
	}
	e = (struct entry *)(void *)(b->tail->bytes + b->tail->used);
	*e = (struct entry){.tag = tag, .pkt = *pkt};
	e->pkt.host = e->pkt.interface = NULL;
	if (pkt->caplen)
		memcpy(e + 1, pkt->data, pkt->caplen);
	if (pkt->host_len | pkt->interface_len)
		copy_names((uint8_t *)(e + 1) + pkt->caplen, pkt);
	b->tail->used += need;
	b->count++;
	return 0;
}

bool pktbuf_peek(struct pktbuf *b, struct packet *pkt, uint64_t *tag)
{
	const struct entry *e;

	if (!b->count)
		return false;
	e = (const struct entry *)(const void *)(b->head->bytes + b->head->read);
	show(e, pkt);
	if (tag)
		*tag = e->tag;
	return true;
}

void pktbuf_pop(struct pktbuf *b)
{
	struct chunk *c = b->head;
	const struct entry *e = (const struct entry *)(const void *)(c->bytes + c->read);

	c->read += entry_size(&e->pkt);
	b->count--;
	if (c->read == c->used)
		drop_head(b);
}

bool pktbuf_next(const struct pktbuf *b, struct pktbuf_walk *walk, struct packet *pkt,
		 uint64_t *tag)
{
	const struct chunk *c = walk->chunk;
	const struct entry *e;

	if (!c) {
		c = b->head;
		walk->at = c ? c->read : 0;
	}
	if (c && walk->at == c->used) {
		c = c->next;
		if (c)
			walk->at = 0; /* else it stays at the end */
	}
	if (!c)
		return false;
	walk->chunk = c;
	e = (const struct entry *)(const void *)(c->bytes + walk->at);
	walk->at += entry_size(&e->pkt);
	show(e, pkt);
	*tag = e->tag;
	return true;
}

/* Where a packet stands now; `at` keeps the sort stable. */
struct place {
	uint64_t tag;
	size_t at;
	const struct entry *e;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return x->at < y->at ? -1 : 1;
}

static bool collect(const struct pktbuf *b, struct place *places)
{
	bool sorted = true;
	size_t n = 0;

	for (const struct chunk *c = b->head; c; c = c->next) {
		for (size_t at = c->read; at < c->used;) {
			const struct entry *e = (const struct entry *)(const void *)(c->bytes + at);

			places[n] = (struct place){e->tag, n, e};
			if (n && places[n - 1].tag > e->tag)
				sorted = false;
			n++;
			at += entry_size(&e->pkt);
		}
	}
	return sorted;
}

int pktbuf_sort(struct pktbuf *b)
{
	struct pktbuf sorted = {.chunk_size = b->chunk_size};
	struct place *places = malloc((b->count + 1) * sizeof(*places));
	int r = 0;

	if (!places)
		return -ENOMEM;
	if (!collect(b, places)) {
		qsort(places, b->count, sizeof(*places), compare_places);
		for (uint64_t i = 0; i < b->count && r == 0; i++) {
			struct packet pkt;

			show(places[i].e, &pkt);
			r = pktbuf_push(&sorted, &pkt, places[i].tag);
		}
		/* On failure drop the copy, on success the original. */
		if (r == 0) {
			struct pktbuf old = *b;

			*b = sorted;
			sorted = old;
		}
		while (sorted.head)
			drop_head(&sorted);
	}
	free(places);
	return r;
}

uint64_t pktbuf_count(const struct pktbuf *b)
{
	return b->count;
}

size_t pktbuf_bytes(const struct pktbuf *b)
{
	return b->memory;
}

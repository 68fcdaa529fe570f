/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One section. An interface block for each (host, interface, link type) goes before its first
 * packet, with it in one piece; what is counted of it stands at the end. Times are nanoseconds,
 * but for those after the year 2554, which get an interface of microseconds.
 *
 * What was lost before a packet that is not in the file, the next one of its interface tells; what
 * no packet tells is in the statistics, if need be of an interface without packets.
 *
 * A packet allocates nothing; a new interface does. A topic whose records name ever more of them
 * does not fill the memory: after NAMED_MAX the further ones are told apart by link type alone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/printable.h"
#include "output/encoder.h"
#include "packet/direction.h"
#include "packet/pcapng.h"
#include "version.h"

#define NAME_MAX_LEN 255 /* of a packet's host and interface: their lengths are uint8_t */
#define NAMED_MAX    4096
#define BUCKETS      256

#define COMMENT_MAX    64
#define INTERFACE_MAX  (64 + 2 * (4 + NAME_MAX_LEN + 1))
#define STATISTICS_MAX 128

struct interface {
	struct interface *next; /* of its bucket */
	uint64_t hash;
	uint16_t linktype;
	uint8_t resolution, host_len, name_len;
	bool put;
	uint32_t id; /* its number in the file */
	uint64_t packets, dropped;
	uint64_t untold;              /* lost, for the next packet to tell */
	uint64_t first, last;         /* time stamps, in its unit */
	char names[2 * NAME_MAX_LEN]; /* host, then interface */
};

struct pcapng_encoder {
	struct encoder base;
	struct interface *buckets[BUCKETS];
	struct interface *current; /* of the packet that size() was asked of */
	struct interface *of_block[PLAIN_BLOCK_INTERFACES_MAX]; /* of the block, size_block() */
	struct interface **all; /* those that are put, by their id */
	uint32_t n, room, named;
	uint32_t n_ended; /* how many have their statistics in the file */
};

static struct pcapng_encoder *of(struct encoder *e)
{
	return (struct pcapng_encoder *)e;
}

static size_t header(struct encoder *e, uint8_t *room)
{
	char os[140] = "";
	struct utsname u;

	if (uname(&u) == 0)
		snprintf(os, sizeof(os), "%.64s %.64s", u.sysname, u.release);
	return pcapng_put_section(room, os, "pycapa " PYCAPA_VERSION);
}

/* ---- interfaces ---- */

static bool is(const struct interface *i, const struct packet *pkt, uint8_t resolution)
{
	return i->linktype == pkt->linktype && i->resolution == resolution &&
	       i->host_len == pkt->host_len && i->name_len == pkt->interface_len &&
	       (!pkt->host_len || !memcmp(i->names, pkt->host, pkt->host_len)) &&
	       (!pkt->interface_len ||
		!memcmp(i->names + i->host_len, pkt->interface, pkt->interface_len));
}

static struct interface *add(struct pcapng_encoder *p, const struct packet *pkt, uint64_t hash,
			     uint8_t resolution)
{
	struct interface *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->hash = hash;
	i->first = UINT64_MAX;
	i->linktype = pkt->linktype;
	i->resolution = resolution;
	i->host_len = pkt->host_len;
	i->name_len = pkt->interface_len;
	if (i->host_len)
		memcpy(i->names, pkt->host, i->host_len);
	if (i->name_len)
		memcpy(i->names + i->host_len, pkt->interface, i->name_len);
	i->next = p->buckets[hash % BUCKETS];
	p->buckets[hash % BUCKETS] = i;
	p->named += i->host_len || i->name_len;
	return i;
}

static struct interface *find(struct pcapng_encoder *p, const struct packet *pkt)
{
	uint8_t resolution = pcapng_resolution(pkt->time_us);
	uint64_t hash = (uint64_t)pkt->linktype << 8 | resolution;
	struct packet unnamed;
	struct interface *i;

	if (p->current && is(p->current, pkt, resolution))
		return p->current;
	if (pkt->host_len)
		hash = XXH3_64bits_withSeed(pkt->host, pkt->host_len, hash);
	if (pkt->interface_len)
		hash = XXH3_64bits_withSeed(pkt->interface, pkt->interface_len, hash);
	for (i = p->buckets[hash % BUCKETS]; i; i = i->next)
		if (i->hash == hash && is(i, pkt, resolution))
			return i;
	if (p->named < NAMED_MAX || (!pkt->host_len && !pkt->interface_len))
		return add(p, pkt, hash, resolution);
	unnamed = *pkt;
	unnamed.host_len = unnamed.interface_len = 0;
	return find(p, &unnamed);
}

/* Room for so many more in `all`. */
static bool make_room(struct pcapng_encoder *p, uint32_t n)
{
	uint32_t room = 2 * p->room + n + 15;
	struct interface **all;

	if (n <= p->room - p->n)
		return true;
	all = realloc(p->all, room * sizeof(struct interface *));
	if (!all)
		return false;
	p->all = all;
	p->room = room;
	return true;
}

/* What a record says of its origin is foreign text. */
static void copy_name(char *out, const char *name, size_t len)
{
	memcpy(out, name, len);
	out[len] = '\0';
	printable_line(out);
}

static size_t put_interface(struct pcapng_encoder *p, struct interface *i, uint8_t *room)
{
	char host[NAME_MAX_LEN + 1], name[NAME_MAX_LEN + 1];
	struct packet pkt = {.linktype = i->linktype, .host = host, .interface = name};

	copy_name(host, i->names, i->host_len);
	copy_name(name, i->names + i->host_len, i->name_len);
	i->id = p->n;
	i->put = true;
	p->all[p->n++] = i;
	pkt.host_len = (uint8_t)strlen(host);
	pkt.interface_len = (uint8_t)strlen(name);
	return pcapng_put_interface(room, &pkt, i->resolution);
}

/* ---- packets ---- */

static size_t size(struct encoder *e, const struct packet *pkt)
{
	struct pcapng_encoder *p = of(e);

	p->current = find(p, pkt);
	if (p->current && make_room(p, 1))
		return INTERFACE_MAX + COMMENT_MAX + pcapng_packet_size_max(pkt->caplen);
	e->refusal = ENCODER_MEMORY;
	return 0;
}

static void count_time(struct interface *i, const struct packet *pkt)
{
	uint64_t ticks = pcapng_ticks(pkt, i->resolution);

	if (ticks < i->first)
		i->first = ticks;
	if (ticks > i->last)
		i->last = ticks;
}

static void lost(struct encoder *e, const struct packet *pkt)
{
	struct interface *i = pkt->dropcount ? find(of(e), pkt) : NULL;

	if (!i)
		return;
	count_time(i, pkt);
	i->untold += pkt->dropcount;
}

/* The packet, with what is told of losses. */
static const struct packet *count(struct interface *i, const struct packet *pkt,
				  struct packet *room)
{
	count_time(i, pkt);
	i->packets++;
	if (i->untold) {
		*room = *pkt;
		room->dropcount += i->untold;
		i->untold = 0;
		pkt = room;
	}
	i->dropped += pkt->dropcount;
	return pkt;
}

static size_t put(struct encoder *e, uint8_t *room, const struct packet *pkt,
		  const struct pretty_origin *origin)
{
	struct pcapng_encoder *p = of(e);
	struct interface *i = p->current;
	char comment[COMMENT_MAX - 8] = "";
	struct packet telling;
	size_t n = 0;

	if (!i->put)
		n = put_interface(p, i, room);
	if (origin)
		snprintf(comment, sizeof(comment), "partition %" PRId32 ", offset %" PRId64,
			 origin->partition, origin->offset);
	pkt = count(i, pkt, &telling);
	return n + pcapng_put_packet(room + n, i->id, i->resolution, pkt, packet_direction(pkt),
				     comment);
}

/* ---- blocks ---- */

static size_t size_block(struct encoder *e, const struct plain_block *b)
{
	struct pcapng_encoder *p = of(e);

	for (uint32_t k = 0; k < b->n_interfaces; k++) {
		if (!b->interfaces[k].packets)
			continue;
		p->current = find(p, &b->interfaces[k].origin);
		p->of_block[k] = p->current;
		if (!p->current || p->current->untold) /* which a copy cannot tell */
			return 0;
	}
	return make_room(p, b->n_interfaces) ? b->n_interfaces * INTERFACE_MAX + b->size : 0;
}

static void count_block(struct interface *i, const struct plain_interface *from)
{
	if (from->first_ns < i->first)
		i->first = from->first_ns;
	if (from->last_ns > i->last)
		i->last = from->last_ns;
	i->packets += from->packets;
	i->dropped += from->dropped;
}

static size_t put_block(struct encoder *e, uint8_t *room, const struct plain_block *b,
			uint32_t ids[PLAIN_BLOCK_INTERFACES_MAX])
{
	struct pcapng_encoder *p = of(e);
	size_t n = 0;

	for (uint32_t k = 0; k < b->n_interfaces; k++) {
		struct interface *i = p->of_block[k];

		if (!b->interfaces[k].packets)
			continue;
		if (!i->put)
			n += put_interface(p, i, room + n);
		ids[k] = i->id;
		count_block(i, &b->interfaces[k]);
	}
	return n;
}

/* ---- the end ---- */

/* Those that lost packets, and have none in the file. */
static size_t put_silent(struct pcapng_encoder *p, uint8_t *room)
{
	size_t n = 0;

	for (size_t b = 0; b < BUCKETS; b++)
		for (struct interface *i = p->buckets[b]; i; i = i->next)
			if (!i->put && i->untold && n + INTERFACE_MAX <= ENCODER_END_SIZE &&
			    make_room(p, 1))
				n += put_interface(p, i, room + n);
	return n;
}

static size_t end(struct encoder *e, uint8_t *room)
{
	struct pcapng_encoder *p = of(e);
	size_t n = put_silent(p, room);

	if (n)
		return n;
	while (p->n_ended < p->n && n + STATISTICS_MAX <= ENCODER_END_SIZE) {
		const struct interface *i = p->all[p->n_ended];

		n += pcapng_put_statistics(room + n, p->n_ended++, i->first, i->last, i->packets,
					   i->dropped + i->untold);
	}
	return n;
}

static void pcapng_encoder_free(struct encoder *e)
{
	struct pcapng_encoder *p = of(e);

	for (size_t b = 0; b < BUCKETS; b++) {
		while (p->buckets[b]) {
			struct interface *i = p->buckets[b];

			p->buckets[b] = i->next;
			free(i);
		}
	}
	free(p->all);
	free(p);
}

struct encoder *pcapng_encoder_new(void)
{
	static const struct encoder_ops ops = {
		.header = header,
		.size = size,
		.put = put,
		.lost = lost,
		.size_block = size_block,
		.put_block = put_block,
		.end = end,
		.free = pcapng_encoder_free,
	};
	struct pcapng_encoder *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->base.ops = &ops;
	return &p->base;
}

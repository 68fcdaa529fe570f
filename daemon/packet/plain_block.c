/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet blocks are looked at here, one by one and strictly; the decoder reads the few others. What
 * is plain is a part of what the decoder takes, and the same packets: the fuzzer of blocks says so.
 */
#include "packet/plain_block.h"

#include <string.h>

#include "base/bytes.h"
#include "packet/pcapng.h"

#define PACKET     6
#define PACKET_MIN 32 /* without data and options */

#define OPTION_END     0
#define OPTION_COMMENT 1
#define EPB_FLAGS      2
#define EPB_DROPCOUNT  4

/* pcapng_resolution() is 9 for what is before. */
#define TIME_END_NS (UINT64_MAX / 1000 * 1000)

/* Of a packet block whose frame is whole. */
static uint32_t size_of(const uint8_t *p)
{
	return bytes_get32(p + 4);
}

static uint32_t caplen_of(const uint8_t *p)
{
	return bytes_get32(p + 20);
}

static uint64_t time_of(const uint8_t *p)
{
	return (uint64_t)bytes_get32(p + 12) << 32 | bytes_get32(p + 16);
}

/* ---- is it plain? ---- */

/* Options that mean the same in any section. */
static bool is_known(uint16_t code, uint16_t len)
{
	return code == OPTION_COMMENT || (code == EPB_FLAGS && len == 4) ||
	       (code == EPB_DROPCOUNT && len == 8);
}

/* Whole to their end, and none that is not known; `*dropcount` is 0 before. */
static bool read_options(const uint8_t *p, size_t left, uint64_t *dropcount)
{
	while (left > 4) {
		uint16_t code = bytes_get16(p), len = bytes_get16(p + 2);
		size_t size = 4 + pcapng_padded(len);

		if (size > left || !is_known(code, len) || (code == EPB_DROPCOUNT && *dropcount))
			return false;
		if (code == EPB_DROPCOUNT)
			*dropcount = bytes_get64(p + 4);
		p += size;
		left -= size;
	}
	return left == 4 && bytes_get32(p) == OPTION_END;
}

/* How many bytes of options a packet block has. */
static size_t options_of(const uint8_t *p)
{
	return size_of(p) - PACKET_MIN - pcapng_padded(caplen_of(p));
}

static const uint8_t *options_at(const uint8_t *p)
{
	return p + PACKET_MIN - 4 + pcapng_padded(caplen_of(p));
}

static void count(struct plain_block *b, struct plain_interface *i, const uint8_t *p,
		  uint64_t dropcount)
{
	uint64_t ns = time_of(p);

	if (!i->packets || ns < i->first_ns)
		i->first_ns = ns;
	if (!i->packets || ns > i->last_ns)
		i->last_ns = ns;
	i->packets++;
	i->dropped += dropcount;
	if (!b->packets++)
		b->first_us = ns / 1000;
	b->bytes += caplen_of(p);
	b->last_us = ns / 1000;
	b->size += size_of(p);
}

/* Its size; 0: it is not plain. */
static size_t read_packet(struct plain_block *b, const uint8_t *p, size_t left)
{
	uint64_t dropcount = 0;
	uint32_t size, id;

	if (left < PACKET_MIN)
		return 0;
	size = size_of(p);
	if (size < PACKET_MIN || size % 4 || size > left || size > DECODER_NEED_MAX ||
	    bytes_get32(p + size - 4) != size)
		return 0;
	id = bytes_get32(p + 8);
	if (id >= b->n_interfaces || caplen_of(p) > PACKET_MAX_LEN ||
	    pcapng_padded(caplen_of(p)) > size - PACKET_MIN || time_of(p) >= TIME_END_NS)
		return 0;
	if (options_of(p) && !read_options(options_at(p), options_of(p), &dropcount))
		return 0;
	count(b, &b->interfaces[id], p, dropcount);
	return size;
}

static bool add_interface(struct plain_block *b)
{
	struct plain_interface *i = &b->interfaces[b->n_interfaces];

	if (b->n_interfaces == PLAIN_BLOCK_INTERFACES_MAX)
		return false;
	memset(i, 0, sizeof(*i));
	if (!pcapng_decoder_is_plain(&b->decoder, b->n_interfaces++, &i->origin))
		return false;
	if (!i->origin.host_len) {
		i->origin.host = b->block->host;
		i->origin.host_len = b->block->host_len;
	}
	return true;
}

/* Its size; 0: it is not plain. */
static size_t read_other(struct plain_block *b, const uint8_t *p, size_t left)
{
	struct decoder_item item;
	enum decoder_found found = pcapng_decoder_next(&b->decoder, p, left, &item);

	if (found == DECODER_INTERFACE ? !add_interface(b) : found != DECODER_PASSED)
		return 0;
	return item.used <= left ? item.used : 0;
}

bool plain_block_open(struct plain_block *p, const struct block *b)
{
	size_t size = 1;

	memset(p, 0, offsetof(struct plain_block, interfaces));
	p->block = b;
	if (b->len < 4 || !pcapng_decoder_knows(b->bytes))
		return false;
	for (size_t at = 0; at < b->len && size; at += size) {
		const uint8_t *next = b->bytes + at;
		size_t left = b->len - at;

		if (left < 4 || (at && pcapng_decoder_knows(next))) /* a section more */
			size = 0;
		else if (bytes_get32(next) == PACKET)
			size = read_packet(p, next, left);
		else
			size = read_other(p, next, left);
	}
	return size && p->packets && (!b->packets || b->packets == p->packets);
}

/* ---- what is in it ---- */

bool plain_block_next(struct plain_block *b, struct packet *pkt)
{
	const uint8_t *p;

	do {
		if (b->at >= b->block->len)
			return false;
		p = b->block->bytes + b->at;
		b->at += pcapng_padded(size_of(p));
	} while (bytes_get32(p) != PACKET);
	*pkt = b->interfaces[bytes_get32(p + 8)].origin;
	pkt->data = p + PACKET_MIN - 4;
	pkt->caplen = caplen_of(p);
	pkt->wirelen = bytes_get32(p + 24);
	pkt->time_us = time_of(p) / 1000;
	pkt->nanos = (uint16_t)(time_of(p) % 1000);
	if (options_of(p))
		read_options(options_at(p), options_of(p), &pkt->dropcount);
	return true;
}

/* How many bytes of packet blocks lie there, one behind the other. */
static size_t run_from(const struct block *b, size_t at)
{
	size_t begin = at;

	while (at < b->len && bytes_get32(b->bytes + at) == PACKET)
		at += size_of(b->bytes + at);
	return at - begin;
}

static void renumber(uint8_t *run, size_t len, const uint32_t *ids,
		     void (*put)(void *ctx, size_t len), void *ctx)
{
	for (const uint8_t *end = run + len; run < end; run += size_of(run)) {
		bytes_put32(run + 8, ids[bytes_get32(run + 8)]);
		put(ctx, size_of(run));
	}
}

void plain_block_copy(const struct plain_block *p, const uint32_t *ids, uint8_t *out,
		      void (*put)(void *ctx, size_t len), void *ctx)
{
	const struct block *b = p->block;
	size_t at = 0;

	while (at < b->len) {
		size_t n = run_from(b, at);

		memcpy(out, b->bytes + at, n);
		renumber(out, n, ids, put, ctx);
		out += n;
		at += n;
		if (at < b->len)
			at += pcapng_padded(size_of(b->bytes + at));
	}
}

void plain_block_close(struct plain_block *p)
{
	pcapng_decoder_clear(&p->decoder);
}

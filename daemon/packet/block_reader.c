/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block is gone through twice: what is damaged must be known before the first packet is given, as
 * nobody can take packets back. The second time all of it is in the processor's cache. Nearly all
 * are plain ones; the decoder reads the others, and says what is damaged.
 */
#include "packet/block_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "packet/pcapng_decoder.h"
#include "packet/plain_block.h"
#include "packet/record.h"

struct walk {
	const struct block *block;
	struct pcapng_decoder decoder;
	struct decoder_item item; /* what was found last */
	size_t at;                /* what comes next */
};

bool block_reader_is_format(const char *name, const void *value, size_t len)
{
	static const char format[] = "pcapng";

	return !strcmp(name, "format") && value && len == strlen(format) &&
	       !memcmp(value, format, len);
}

bool block_reader_take_header(struct block *b, const char *name, const void *value, size_t len)
{
	if (!strcmp(name, "packets"))
		return record_parse_decimal(value, len, UINT64_MAX, &b->packets);
	if (!strcmp(name, "host")) {
		b->host = value;
		b->host_len = value ? record_name_len(len) : 0;
	}
	return true;
}

/* ---- damage ---- */

static void say(const struct walk *w, char *why, const char *what)
{
	snprintf(why, BLOCK_READER_WHY_SIZE, "a damaged block: %s (at byte %zu of %zu)", what,
		 w->at, w->block->len);
}

static bool is_whole(const struct walk *w, enum decoder_found found)
{
	return found != DECODER_SHORT && w->item.used <= w->block->len - w->at;
}

/* None that a packet can hold. */
static bool has_no_time(const struct decoder_item *item, const char **what)
{
	*what = item->undated    ? "a packet without a time"
		: item->misdated ? "a packet from before 1970"
		: item->beyond   ? "a packet of a time after the year 294246"
				 : NULL;
	return *what != NULL;
}

/* 1: a packet; 0: the end; -1: damage, told in `why`. */
static int next_packet(struct walk *w, char *why)
{
	const char *what;

	while (w->at < w->block->len) {
		enum decoder_found found = pcapng_decoder_next(&w->decoder, w->block->bytes + w->at,
							       w->block->len - w->at, &w->item);

		if (found == DECODER_BAD || !is_whole(w, found)) {
			say(w, why, found == DECODER_BAD ? w->item.why : "its end is missing");
			return -1;
		}
		if (found == DECODER_PACKET && has_no_time(&w->item, &what)) {
			say(w, why, what);
			return -1;
		}
		w->at += w->item.used;
		if (found == DECODER_PACKET)
			return 1;
	}
	return 0;
}

static bool is_intact(struct walk *w, char *why)
{
	const struct block *b = w->block;
	uint64_t n = 0;
	int r;

	if (b->len < 4 || !pcapng_decoder_knows(b->bytes)) {
		say(w, why, "it is not pcapng");
		return false;
	}
	while ((r = next_packet(w, why)) > 0)
		n++;
	if (r == 0 && (n == 0 || (b->packets && n != b->packets))) {
		snprintf(why, BLOCK_READER_WHY_SIZE,
			 "a damaged block: it holds %" PRIu64
			 " packet(s), its header says %" PRIu64,
			 n, b->packets);
		return false;
	}
	return r == 0;
}

/* ---- packets ---- */

static int give_plain(struct plain_block *p, packet_fn take, void *ctx)
{
	struct packet pkt;
	int err = 0;

	while (!err && plain_block_next(p, &pkt))
		err = take(ctx, &pkt);
	return err;
}

static int give(struct walk *w, packet_fn take, void *ctx, char *why)
{
	const struct block *b = w->block;
	int err = 0;

	w->at = 0;
	while (!err && next_packet(w, why) > 0) {
		if (!w->item.pkt.host_len) {
			w->item.pkt.host = b->host;
			w->item.pkt.host_len = b->host_len;
		}
		err = take(ctx, &w->item.pkt);
	}
	return err;
}

int block_reader_give(const struct block *b, packet_fn take, void *ctx,
		      char why[BLOCK_READER_WHY_SIZE])
{
	struct walk w = {.block = b};
	struct plain_block plain;
	int err = 0;

	*why = '\0';
	if (plain_block_open(&plain, b))
		err = give_plain(&plain, take, ctx);
	else if (is_intact(&w, why))
		err = give(&w, take, ctx, why);
	plain_block_close(&plain);
	pcapng_decoder_clear(&w.decoder);
	return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of a block record that somebody else wrote. Either all of it is given or nothing; a
 * taker that is full ends it; and what was given comes back the same when it is written again. Of a
 * plain one the decoder gives the same packets, of it and of a copy.
 */
#include <stdlib.h>
#include <string.h>

#include "packet/block_reader.h"
#include "packet/block_writer.h"
#include "packet/pcapng.h"
#include "packet/pcapng_decoder.h"
#include "packet/plain_block.h"

#define ROOM (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tally {
	uint64_t n, stop;
	uint64_t sum; /* of all that a packet says */
	struct block_writer *w;
};

static void add(struct tally *t, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		t->sum = t->sum * 31 + ((const uint8_t *)bytes)[i];
	t->sum = t->sum * 31 + len;
}

static int take(void *ctx, const struct packet *pkt)
{
	struct tally *t = ctx;

	if (t->n == t->stop)
		return PACKET_E_FULL;
	t->n++;
	add(t, pkt->data, pkt->caplen);
	add(t, pkt->host, pkt->host_len);
	add(t, pkt->interface, pkt->interface_len);
	add(t, &pkt->time_us, sizeof(pkt->time_us));
	if (pcapng_resolution(pkt->time_us) == 9) /* else they are not kept */
		add(t, &pkt->nanos, sizeof(pkt->nanos));
	add(t, &pkt->wirelen, sizeof(pkt->wirelen));
	add(t, &pkt->dropcount, sizeof(pkt->dropcount));
	if (t->w && !block_writer_put(t->w, pkt))
		t->w = NULL;
	return 0;
}

/* Without a look at whether it is plain. */
static struct tally decode(const uint8_t *bytes, size_t len)
{
	struct tally t = {.stop = UINT64_MAX};
	struct pcapng_decoder d = {0};
	struct decoder_item item;

	for (size_t at = 0; at < len; at += item.used) {
		enum decoder_found found = pcapng_decoder_next(&d, bytes + at, len - at, &item);

		if (found == DECODER_SHORT || found == DECODER_BAD || item.used > len - at)
			abort();
		if (found == DECODER_PACKET)
			take(&t, &item.pkt);
	}
	pcapng_decoder_clear(&d);
	return t;
}

static void count_length(void *ctx, size_t len)
{
	*(size_t *)ctx += len;
}

/* Its packets in a section of ours, whose interfaces have other numbers. */
static void check_copy(const struct plain_block *plain, const struct tally *want)
{
	static uint8_t room[ROOM];
	uint32_t ids[PLAIN_BLOCK_INTERFACES_MAX];
	size_t told = 0, n = pcapng_put_section(room, "", "pycapa of a test");
	struct tally got;

	for (uint32_t i = plain->n_interfaces; i-- > 0;) {
		ids[i] = plain->n_interfaces - 1 - i;
		n += pcapng_put_interface(room + n, &plain->interfaces[i].origin, 9);
	}
	plain_block_copy(plain, ids, room + n, count_length, &told);
	if (told != plain->size)
		abort();
	got = decode(room, n + told);
	if (got.n != want->n || got.sum != want->sum)
		abort();
}

static void check_plain(const struct block *b)
{
	struct plain_block plain;
	struct tally got = {.stop = UINT64_MAX}, want;
	struct packet pkt;

	if (plain_block_open(&plain, b)) {
		want = decode(b->bytes, b->len);
		while (plain_block_next(&plain, &pkt))
			take(&got, &pkt);
		if (got.n != plain.packets || got.n != want.n || got.sum != want.sum)
			abort();
		check_copy(&plain, &want);
	}
	plain_block_close(&plain);
}

static void check(const struct block *b)
{
	static uint8_t room[ROOM];
	struct block_writer w;
	struct tally first = {.stop = UINT64_MAX, .w = &w}, again = {.stop = UINT64_MAX};
	char why[BLOCK_READER_WHY_SIZE];
	struct block copy = {.bytes = room};

	block_writer_init(&w, room, sizeof(room));
	if (block_reader_give(b, take, &first, why) || !*why != (first.n > 0))
		abort();
	if (*why || !first.w)
		return;
	copy.len = w.len;
	copy.packets = w.packets;
	if (block_reader_give(&copy, take, &again, why) || *why || again.n != first.n ||
	    again.sum != first.sum)
		abort();
	again = (struct tally){.stop = first.n / 2};
	if (block_reader_give(b, take, &again, why) != PACKET_E_FULL || again.n != first.n / 2)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(&(struct block){.bytes = data, .len = size});
	check_plain(&(struct block){.bytes = data, .len = size});
	return 0;
}

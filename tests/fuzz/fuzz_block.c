/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of a block record that somebody else wrote. Either all of it is given or nothing; a
 * taker that is full ends it; and what was given comes back the same when it is written again.
 */
#include <stdlib.h>
#include <string.h>

#include "packet/block_writer.h"
#include "packet/pcapng.h"

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
	return 0;
}

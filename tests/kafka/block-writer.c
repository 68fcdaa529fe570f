/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block-writer FILE SIZE [HOST]: the packets of a savefile as blocks of at most SIZE bytes, each
 * record on stdout: the key and the time stamp in ms (8 bytes each, big-endian), the number of
 * packets and the length of the value (4 bytes each, big-endian), the value.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/readfile.h"
#include "packet/block_writer.h"
#include "packet/record.h"

static void put_record(const struct block_writer *w)
{
	const struct packet last = {.time_us = w->last_us};
	const uint64_t times[] = {htobe64(w->first_us),
				  htobe64((uint64_t)record_timestamp_ms(&last))};
	const uint32_t counts[] = {htobe32(w->packets), htobe32((uint32_t)w->len)};

	fwrite(times, sizeof(times), 1, stdout);
	fwrite(counts, sizeof(counts), 1, stdout);
	fwrite(w->buf, w->len, 1, stdout);
}

/* Returns false when a packet alone does not fit. */
static bool put_packet(struct block_writer *w, const struct packet *pkt)
{
	if (block_writer_put(w, pkt))
		return true;
	if (w->packets == 0)
		return false;
	put_record(w);
	block_writer_init(w, w->buf, w->room);
	return block_writer_put(w, pkt);
}

static int write_blocks(struct readfile *f, struct block_writer *w, const char *host)
{
	struct packet pkt;
	char why[512];
	int r = readfile_open(f, why, sizeof(why));

	if (r < 0)
		return r;
	while ((r = readfile_next(f, &pkt, why, sizeof(why))) > 0) {
		if (host) {
			pkt.host = host;
			pkt.host_len = (uint8_t)strlen(host);
		}
		if (!put_packet(w, &pkt))
			return -1;
	}
	if (w->packets)
		put_record(w);
	return r;
}

int main(int argc, char **argv)
{
	static uint8_t buf[1024 * 1024];
	size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	struct block_writer w;
	struct readfile *f;
	int r;

	if (size > sizeof(buf) || argc < 3 || readfile_new(&f, argv[1], NULL) < 0)
		return 2;
	block_writer_init(&w, buf, size);
	r = write_blocks(f, &w, argc > 3 ? argv[3] : NULL);
	readfile_free(f);
	return r < 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool-writer DIRECTORY: for each byte on stdin, spools a packet of each of four kinds and
 * flushes; then says on stdout how many there are by now. The end of stdin ends it.
 */
#include <ev.h>
#include <stdio.h>
#include <string.h>

#include "spool/spool.h"

static const uint16_t linktypes[] = {1, 101, 113, 147}; /* Ethernet, IP, cooked, the user's own */

static void ignore(void *ctx)
{
}

static void ignore_damage(void *ctx, uint64_t packets)
{
}

int main(int argc, char **argv)
{
	const struct spool_options opt = {.loop = ev_default_loop(0),
					  .directory = argv[argc - 1],
					  .topic = "pcap",
					  .size = 1u << 30,
					  .segment_size = 64u << 20,
					  .on_room = ignore,
					  .on_readable = ignore,
					  .on_damaged = ignore_damage};
	struct spool *s;
	uint8_t data[100];

	if (argc != 2 || spool_new(&s, &opt) < 0)
		return 1;
	memset(data, 0x45, sizeof(data));
	while (getchar() != EOF) {
		for (uint32_t i = 0; i < 4; i++) {
			uint64_t n = spool_next(s);
			struct packet pkt = {.data = data,
					     .caplen = (uint32_t)(20 + n % 80),
					     .wirelen = (uint32_t)(20 + n),
					     .time_us = 1700000000000000 + n,
					     .nanos = (uint16_t)n,
					     .linktype = linktypes[i]};

			if (spool_append(s, &pkt) != 0)
				return 1;
		}
		if (spool_flush(s) != 0)
			return 1;
		printf("%d\n", (int)spool_next(s));
		fflush(stdout);
	}
	spool_free(s);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block record of docs/record.md, many packets in one record, and the callback that takes all of
 * them at once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* As the record has it; the bytes are borrowed. */
struct block {
	const uint8_t *bytes;
	size_t len;
	uint64_t packets; /* how many it says it holds; 0: it does not say */
	const char *host; /* of the packets that name none; no NUL at the end */
	uint8_t host_len;
};

/*
 * Takes a block as a packet_fn (packet.h) takes a packet: all of it, or with PACKET_E_FULL nothing.
 * BLOCK_E_EACH: nothing of it was taken, and its packets are wanted one by one.
 */
typedef int (*block_fn)(void *ctx, const struct block *b);

#define BLOCK_E_EACH 3

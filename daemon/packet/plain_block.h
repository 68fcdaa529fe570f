/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block that is as pycapa writes them: one section, in the byte order of the host, whose times
 * are nanoseconds since 1970. Its packets are found without a decoder; and its packet blocks can be
 * copied into another section as they stand, with all their options, as they differ there in the
 * numbers of their interfaces alone. What is less plain, and all that is damaged, is for
 * block_reader.h. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/block.h"
#include "packet/packet.h"
#include "packet/pcapng_decoder.h"

#define PLAIN_BLOCK_INTERFACES_MAX 64

struct plain_interface {
	struct packet origin;       /* what its packets share: link type and names */
	uint64_t packets, dropped;  /* the sum of their dropcounts */
	uint64_t first_ns, last_ns; /* the earliest and the latest time; 0 without a packet */
};

struct plain_block {
	uint64_t packets;           /* in all */
	uint64_t bytes;             /* captured ones */
	uint64_t first_us, last_us; /* times of the packets that lie first and last */
	size_t size;                /* of its packet blocks */

	const struct block *block;     /* private, as the next two */
	struct pcapng_decoder decoder; /* has the names */
	size_t at;                     /* what comes next */

	uint32_t n_interfaces;
	struct plain_interface interfaces[PLAIN_BLOCK_INTERFACES_MAX];
};

/*
 * False: it is not plain, or it is damaged. True: all of it is whole, and holds as many packets as
 * it says. The block is borrowed until plain_block_close(), which is to be called either way.
 */
bool plain_block_open(struct plain_block *p, const struct block *b);

/* The next packet; its names are borrowed as the block is. False: there is none. */
bool plain_block_next(struct plain_block *p, struct packet *pkt);

/*
 * Copies the packet blocks one behind the other to `out`, `size` bytes, with ids[i] as the number
 * of interface i; put() is told the length of each.
 */
void plain_block_copy(const struct plain_block *p, const uint32_t *ids, uint8_t *out,
		      void (*put)(void *ctx, size_t len), void *ctx);

void plain_block_close(struct plain_block *p);

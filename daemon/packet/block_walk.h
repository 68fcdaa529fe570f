/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goes through the packets of a block that we wrote, one at a time, with other things between: also
 * while the block grows, or lies elsewhere by then. block_reader.h is for blocks of others. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

struct block_walk;

/* Before the first packet. 0 or -ENOMEM. */
int block_walk_new(struct block_walk **out);
/* NULL is legal. */
void block_walk_free(struct block_walk *w);

/*
 * The next packet of the `len` bytes that the block has now; its data is borrowed from them, its
 * names from the walk until the next call. False: there is no more, or no memory.
 */
bool block_walk_next(struct block_walk *w, const uint8_t *bytes, size_t len, struct packet *pkt);

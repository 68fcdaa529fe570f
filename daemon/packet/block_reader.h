/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packets of a block record of docs/record.md, whose value is a pcapng section. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/block.h"
#include "packet/packet.h"

#define BLOCK_READER_WHY_SIZE 256

/* Whether a header of this name and value says that the record is a block. */
bool block_reader_is_format(const char *name, const void *value, size_t len);

/*
 * Takes one header of the record; unknown ones are ignored. False: a known one has a value that is
 * none.
 */
bool block_reader_take_header(struct block *b, const char *name, const void *value, size_t len);

/*
 * Gives each packet to take(), in the order in which they lie there, until that returns something
 * else than 0. Returns 0, or what take() returned. The names of a packet are borrowed for the call.
 *
 * A damaged block is found to be so before anything of it is given: `why` then says what is wrong
 * and where, in a few words; else it is empty.
 */
int block_reader_give(const struct block *b, packet_fn take, void *ctx,
		      char why[BLOCK_READER_WHY_SIZE]);

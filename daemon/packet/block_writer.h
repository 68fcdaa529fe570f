/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a block record of docs/record.md: fills one pcapng section with packets, in memory that
 * the caller has. block_reader.h has the way back. Pure; it allocates nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

/* A packet of one more does not fit; it begins the next block. */
#define BLOCK_WRITER_INTERFACES_MAX 64

/* What a packet's interface has written in the section; where its names lie there. */
struct block_interface {
	uint16_t linktype;
	uint8_t resolution, name_len, host_len;
	uint32_t name, host;
};

/* Zeroed by block_writer_init(); the first group is to be read. */
struct block_writer {
	size_t len;                 /* bytes of the section so far; 0: no packet yet */
	uint32_t packets;           /* in it */
	uint64_t first_us, last_us; /* the earliest (the key) and the latest time (the time stamp);
				     * nothing while there is no packet */

	uint8_t *buf; /* private from here on */
	size_t room;
	struct block_interface interfaces[BLOCK_WRITER_INTERFACES_MAX];
	uint32_t n_interfaces;
	uint32_t current; /* that of the last packet */
};

/* An empty block in `buf`, borrowed. */
void block_writer_init(struct block_writer *w, uint8_t *buf, size_t room);

/* What a block that holds this packet alone takes. */
size_t block_writer_size_alone(const struct packet *pkt);

/*
 * A packet is cut to PACKET_MAX_LEN, and keeps its length on the wire. False: there is no room for
 * it, or there are too many interfaces; the block is as it was.
 */
bool block_writer_put(struct block_writer *w, const struct packet *pkt);

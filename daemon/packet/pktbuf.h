/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets kept in memory, in order: a FIFO. Its memory comes in chunks that each hold many packets.
 *
 * Used where packets must wait outside librdkafka: between the savefile reader's thread and the
 * loop (a chunk at a time), and for what has to be sent again. Not thread-safe. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

struct pktbuf;

/* `chunk_size`: bytes allocated at a time; a packet that is larger gets a chunk of its own. */
int pktbuf_new(struct pktbuf **out, size_t chunk_size);
void pktbuf_free(struct pktbuf *b);

/* Copies the packet and its tag to the end. 0 or -ENOMEM. */
int pktbuf_push(struct pktbuf *b, const struct packet *pkt, uint64_t tag);

/* The first packet, its data and names borrowed until the next pop; false when there is none. */
bool pktbuf_peek(struct pktbuf *b, struct packet *pkt, uint64_t *tag);
void pktbuf_pop(struct pktbuf *b);

/*
 * Goes through the packets without taking them: starts with an all-zero walk, and is over with
 * the next change of the buffer. False: no more.
 */
struct pktbuf_walk {
	const void *last; /* the packet that it has shown; NULL: none */
};
bool pktbuf_next(const struct pktbuf *b, struct pktbuf_walk *walk, struct packet *pkt,
		 uint64_t *tag);

/* Puts the packets in the order of their tags (stable), without further memory. */
void pktbuf_sort(struct pktbuf *b);

uint64_t pktbuf_count(const struct pktbuf *b); /* packets */
size_t pktbuf_bytes(const struct pktbuf *b);   /* memory in use, bytes */

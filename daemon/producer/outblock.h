/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block of packets that a producer has taken: from its first packet on until its report, as the
 * opaque of its message. It knows the sequence number of each of its packets, which lie in that
 * order; openblocks.h fills it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

struct block_walk;
struct openblocks_buffer;

struct outblock {
	/* For its partitioner, on a thread of librdkafka's: as they are from the sending on. */
	uint32_t hash;     /* of its first packet */
	int32_t partition; /* where all its packets belong; -1: the hash says it */
	bool risky;        /* first_batch.h */

	bool live;            /* all its packets are of an interface, and sent for the first time */
	uint32_t packets;     /* in it */
	uint64_t caplen;      /* of all its packets, bytes */
	const char *topic;    /* its name, borrowed */
	const uint8_t *bytes; /* as far as it is filled; NULL: with librdkafka, and not tracked */
	size_t len;           /* of them */
	uint64_t first_us;    /* the earliest time in it, and the latest */
	uint64_t last_us;     /* (block_writer.h) */
	const char *host;     /* of its first packet, borrowed from the bytes */
	uint8_t host_len;     /* 0: not told */
	uint64_t first_seq;   /* of its first packet */
	uint32_t *seqs;       /* of each: how much higher */
	struct block_walk *walk; /* NULL: none has been looked for */
	uint32_t walked;         /* how many packets that has given */
	struct packet found;     /* the last of them */

	/* Of openblocks.c. */
	struct openblocks_buffer *buffer; /* of the bytes; NULL: librdkafka has a copy */
	struct outblock *next, *prev;     /* of those that are open, or that can be used again */
	struct outblock *other;           /* of all that there are */
	double opened;
	uint32_t slot;
};

/* Who has a packet that is in flight: librdkafka's message for it, or its block. NULL: nobody. */
union packet_holder {
	const void *any;
	const struct rd_kafka_message_s *message;
	struct outblock *block;
};

static inline uint64_t outblock_seq(const struct outblock *b, uint32_t i)
{
	return b->first_seq + b->seqs[i];
}

/* It has this packet by now. There is room in b->seqs. */
void outblock_add(struct outblock *b, const struct packet *pkt, uint64_t seq);

/*
 * The packet of that number, borrowed as block_walk_next() has it. Numbers are asked for in
 * ascending order, the same one as often as one likes. 0 or -ENOMEM.
 */
int outblock_find(struct outblock *b, uint64_t seq, struct packet *pkt);

/* Its bytes lie elsewhere, or the block is over: what outblock_find() remembers goes. */
void outblock_forget(struct outblock *b);

/*
 * Shows all packets, in order. One that cannot be read for want of memory has NULL as its bytes.
 */
void outblock_each(const struct outblock *b,
		   void (*fn)(void *ctx, const struct packet *pkt, uint64_t seq), void *ctx);

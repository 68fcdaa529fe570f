/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a capture format is to output.c: header, packets, end, put into the room that it is given.
 * An encoder knows nothing of the file that they go to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"
#include "packet/plain_block.h"
#include "packet/pretty.h"

struct encoder;

/* Why a format cannot hold a packet, as things stand. */
enum encoder_refusal {
	ENCODER_LINKTYPE, /* of another link type than the file's */
	ENCODER_TIME,     /* its time cannot be said */
	ENCODER_NANOS,    /* it has nanoseconds: only revise() is asked to make room for them */
	ENCODER_MEMORY,
	ENCODER_REFUSALS,
};

#define ENCODER_HEADER_MAX 512
#define ENCODER_END_SIZE   4096 /* room for a piece of the end */

struct encoder_ops {
	/* Writes the first bytes of the file, at most ENCODER_HEADER_MAX. Returns how many. */
	size_t (*header)(struct encoder *e, uint8_t *room);
	/* How much room put() needs at most; 0: not possible, for the reason in e->refusal. Puts
	 * nothing: it may be asked again. */
	size_t (*size)(struct encoder *e, const struct packet *pkt);
	/* Writes a packet that size() has just been asked of. Returns how many bytes. `origin`:
	 * where in Kafka it comes from, when that is to be in the file; else NULL. */
	size_t (*put)(struct encoder *e, uint8_t *room, const struct packet *pkt,
		      const struct pretty_origin *origin);
	/* A packet is not in the file: what was lost before it (dropcount) is told all the same.
	 * NULL: the format tells nothing of losses. */
	void (*lost)(struct encoder *e, const struct packet *pkt);
	/*
	 * The same for all packets of a block, which are then copied behind what put_block()
	 * writes: how much room that and their copies need; what goes before them, and in ids[i]
	 * the number that interface i of the block has in the file. NULL: each packet is to be put.
	 */
	size_t (*size_block)(struct encoder *e, const struct plain_block *b);
	size_t (*put_block)(struct encoder *e, uint8_t *room, const struct plain_block *b,
			    uint32_t ids[PLAIN_BLOCK_INTERFACES_MAX]);
	/*
	 * Makes the file so far fit a packet that size() refused. `packets`: all that follows the
	 * header, `len` bytes, while they and the header can be changed; else NULL. Changes them in
	 * place; their length stays, and that of the header, which is asked for again. Returns
	 * false when it cannot. NULL: there is nothing to revise.
	 */
	bool (*revise)(struct encoder *e, const struct packet *pkt, uint8_t *packets, size_t len);
	/* Writes a piece of what follows the last packet, at most ENCODER_END_SIZE bytes. Returns
	 * how many, 0 when all is said. NULL: nothing follows. */
	size_t (*end)(struct encoder *e, uint8_t *room);
	void (*free)(struct encoder *e);
};

/* The first member of each encoder. */
struct encoder {
	const struct encoder_ops *ops;
	enum encoder_refusal refusal;
	uint16_t linktype; /* the file's, where it has one; for messages */
	uint64_t cut;      /* packets put without their nanoseconds */
};

/* NULL: out of memory. encoder->ops->free() frees it. */
struct encoder *pcap_encoder_new(void);
struct encoder *pcapng_encoder_new(void);

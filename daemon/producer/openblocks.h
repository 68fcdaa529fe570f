/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocks that a client fills, one for each slot: a partition. A block goes when the next packet
 * does not fit, when it is old, or when all have to go.
 *
 * What is at least half full goes without being copied: its buffer comes back with the report, to
 * be filled again. What is less full is copied by librdkafka, so that few packets cost little
 * memory.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"
#include "producer/outblock.h"

struct openblocks;

struct openblocks_options {
	struct ev_loop *loop;
	size_t size;   /* of a block, at most, bytes; a packet that needs more goes alone */
	double time_s; /* how long a packet waits in it, at most */

	/* Zeroed memory, which lasts until no thread uses a block any more. NULL: there is none. */
	void *(*alloc)(void *ctx, size_t size);
	/*
	 * Sends a block; without `copy` its bytes are borrowed until its report. 0, or why not
	 * (RD_KAFKA_RESP_ERR__QUEUE_FULL: not now): it stays as it is. Must not call back.
	 */
	rd_kafka_resp_err_t (*send)(void *ctx, struct outblock *b, bool copy);
	/* What was due is sent, or was refused: 0, or what send() said last other than full. */
	void (*on_time)(void *ctx, rd_kafka_resp_err_t err);
	void *ctx;
};

/* 0 or -ENOMEM. */
int openblocks_new(struct openblocks **out, const struct openblocks_options *opt);
/* Before the memory of alloc() goes. NULL is legal. */
void openblocks_free(struct openblocks *s);

/* As many slots, which are all empty. 0 or -ENOMEM. */
int openblocks_set_slots(struct openblocks *s, uint32_t n);
uint32_t openblocks_slots(const struct openblocks *s);

struct openblocks_item {
	const struct packet *pkt;
	uint64_t seq;      /* higher than those before */
	const char *topic; /* for the block, borrowed as long as that lasts */
	uint32_t slot, hash;
	int32_t partition; /* for the block; see there */
	bool live;
};

/*
 * Takes the packet into the block of its slot, after sending one that is full. *in: its block. 0,
 * or what send() said, or RD_KAFKA_RESP_ERR__QUEUE_FULL without memory: it is not taken.
 */
rd_kafka_resp_err_t openblocks_put(struct openblocks *s, const struct openblocks_item *item,
				   struct outblock **in);
/* The same with a block of its own, which goes at once; of its slot nothing is open. */
rd_kafka_resp_err_t openblocks_put_alone(struct openblocks *s, const struct openblocks_item *item,
					 struct outblock **in);

/* Sends all blocks, the oldest first. 0, or what send() said: the rest is open still. */
rd_kafka_resp_err_t openblocks_send_all(struct openblocks *s);
/* What was due and refused is tried again, after reports. 0, or what send() said but for full. */
rd_kafka_resp_err_t openblocks_send_refused(struct openblocks *s);

/* Has on_time() called in a while, though nothing may be due. */
void openblocks_call_later(struct openblocks *s);

/* Shows each open block, which then is no more. */
void openblocks_take_back(struct openblocks *s, void (*fn)(void *ctx, const struct outblock *b),
			  void *ctx);

/* Its report was read: the block is no more. */
void openblocks_answered(struct openblocks *s, struct outblock *b);
/* Some were sent and have no report yet. */
bool openblocks_awaits(const struct openblocks *s);

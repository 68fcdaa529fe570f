/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packets of one partition, put in order of time. Pure.
 *
 * A packet that comes is copied, and held until it is released: because a later one shows that
 * time has gone on (lane_release()), or because memory is short (lane_release_first()). What is
 * released is ready, and taken from the front. All that is ready is in order of time, and of offset
 * where times are equal: a packet that comes when its place is past already gets the next one.
 *
 * What is held lies in runs, each of them in order: a packet goes to the end of the first run that
 * ends before it, or begins another. So a partition in order has one run, two sensors whose clocks
 * differ make two, and n packets shuffled at random about twice the square root of n.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "packet/packet.h"

struct lane_chunk;
struct lane_slab;
TAILQ_HEAD(lane_chunks, lane_chunk);

/* Memory for packets, shared by lanes. Zeroed at first; private but for one. */
struct lane_pool {
	struct lane_slab *slabs; /* the first is the one that is not used up */
	struct lane_chunk *spare;
	size_t bytes; /* in use */
};

/* A packet as it waits; `pkt` borrows nothing. */
struct lane_packet {
	struct lane_packet *next;
	struct lane_chunk *chunk;
	uint64_t at; /* its place: its time in ns since the epoch, or what was ready before it */
	int64_t offset;
	uint32_t size; /* with all that belongs to it */
	bool gone;
	struct packet pkt;
};

/* In order. */
struct lane_run {
	uint64_t first_at, last_at;
	struct lane_packet *first, *last;
};

/* Zeroed at first; private but for the sizes. */
struct lane {
	struct lane_chunks chunks; /* in the order in which packets came */
	struct lane_run *runs;     /* each ends before the one to its left */
	size_t n_runs, room;
	struct lane_packet *ready, **ready_end;
	uint64_t past;     /* the place of the last one that was made ready */
	size_t held_bytes; /* of those in runs */
	size_t ready_bytes;
};

void lane_init(struct lane *l);

/* ns since the epoch. */
uint64_t lane_time(const struct packet *pkt);

/* Takes a copy. 0 or -ENOMEM. */
int lane_push(struct lane *l, struct lane_pool *pool, const struct packet *pkt, int64_t offset);

/* Makes ready what is held of up to that time. */
void lane_release(struct lane *l, uint64_t time);
/* Makes ready the first that is held; there must be one. */
void lane_release_first(struct lane *l);

/* The first that is ready; NULL: none is. */
static inline const struct lane_packet *lane_first(const struct lane *l)
{
	return l->ready;
}

/* The first that is ready is done with. */
void lane_pop(struct lane *l, struct lane_pool *pool);

/* The lowest offset of those that are there; false: the lane is empty. */
bool lane_first_offset(const struct lane *l, int64_t *offset);

/* Drops everything. */
void lane_clear(struct lane *l, struct lane_pool *pool);
void lane_pool_clear(struct lane_pool *pool);

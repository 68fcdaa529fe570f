/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of several partitions into one order: by time, then by partition, then by offset. Pure.
 *
 * Each partition is put in order by itself first (lane.h), then the lanes are merged.
 *
 * Bounded: a packet is put in its place as long as it comes before one of its partition that is
 * `window_ns` younger, and its lane's share of the memory lasts. Nothing is given while a lane that
 * has not ended has nothing ready: what it gives next could be earlier. So the order depends on
 * what is in the partitions alone, and not on which of them is read faster: two reads give the
 * same.
 *
 * Live: nothing is ready until merge_release() says up to which time, and no lane is waited for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/lane.h"
#include "packet/packet.h"

struct merge;

struct merge_options {
	bool live;
	uint64_t window_ns; /* bounded */
	size_t memory;      /* of all lanes; a quarter at most is for what is ready */
	size_t lane_memory; /* less so much for each lane; but a sixth is left at least */
};

/* 0 or -ENOMEM. */
int merge_new(struct merge **out, const struct merge_options *opt);

/* A partition that is going to be read; bounded: before the first packet comes. 0 or -ENOMEM. */
int merge_open(struct merge *m, int32_t id);
/* No more of it comes. */
void merge_end(struct merge *m, int32_t id);

/* More of it may come: it has not ended, and not too much of it is ready. */
bool merge_wants(const struct merge *m, int32_t id);

/* Takes a copy. 0 or -ENOMEM. The partition is opened, if need be. */
int merge_push(struct merge *m, int32_t id, const struct packet *pkt, int64_t offset);

/* Live: what is here of up to that time is ready. */
void merge_release(struct merge *m, uint64_t time_ns);

/* Bounded: no lane is waited for, until it is said that they are again. */
void merge_hurry(struct merge *m, bool hurry);

/* The next packet, and whose it is; NULL: none is there, or more must come first. */
const struct lane_packet *merge_first(const struct merge *m, int32_t *id);
/* It is done with. */
void merge_pop(struct merge *m);

/* How many wait. */
uint64_t merge_count(const struct merge *m);
/* More memory is in use than there is; live: no lane stops by itself. */
bool merge_is_full(const struct merge *m);
/* The lowest offset of those of a partition that wait; false: none does. */
bool merge_first_offset(const struct merge *m, int32_t id, int64_t *offset);

/* Drops what waits of a partition. */
void merge_drop(struct merge *m, int32_t id);

void merge_free(struct merge *m);

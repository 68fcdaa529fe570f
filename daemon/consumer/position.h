/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where one consumer stopped and another goes on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/partitions.h"

/* The next offset to read of a partition, whatever cfg->start says. */
struct consumer_position {
	int32_t partition;
	int64_t offset;
};

struct positions {
	struct consumer_position *all;
	size_t n;
};

/* Copies `n` of them. 0 or -ENOMEM. */
int positions_copy(struct positions *ps, const struct consumer_position *all, size_t n);

/* The offset; -1: none is known. */
int64_t positions_find(const struct positions *ps, int32_t partition);

/*
 * Where to go on after what was taken of `partitions`, and where `ps` says where nothing was taken
 * yet. Of a `group` those that are ours alone: in what it took, another member may be ahead.
 * Returns how many, `*out` is malloc()ed; or -ENOMEM.
 */
int positions_after(const struct positions *ps, const struct partitions *partitions, bool group,
		    struct consumer_position **out);

void positions_clear(struct positions *ps);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a bounded read of partitions has come. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "consumer/partitions.h"

/* What has an end. */
struct ends {
	bool known; /* each partition has one: exit-at-end, or a range that is over */
	bool late;  /* those of partitions that were added after the start too */
	bool group; /* those that the group has assigned; else all there are */
};

/* Each was taken to its end. */
bool ends_reached(const struct ends *e, const struct partitions *ps);

/* Offsets that are left up to the ends; -1: not known. */
int64_t ends_left(const struct ends *e, const struct partitions *ps);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a file of a set is full: the rules of --ring-buffer. Pure.
 *
 * `duration` and `interval` follow the time of the packets: a file ends with the first packet that
 * is not earlier than its end. If no packet arrives for a while, the system clock ends a file that
 * is due: rotation_wait() says when. A packet from the future counts as one of now, so that a
 * sensor whose clock is wrong stops no rotation; one from the past goes where it comes. Each file
 * has one packet at least.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/file_limits.h"

#define ROTATION_NEVER UINT64_MAX

struct rotation {
	uint64_t end_us;  /* ROTATION_NEVER: of no time */
	uint64_t packets; /* in it */
};

/* A file begins with a packet of `first_us`; all are microseconds since 1970. */
void rotation_begin(struct rotation *r, const struct file_limits *limits, uint64_t first_us,
		    uint64_t now_us);

/* So many packets were put. */
void rotation_count(struct rotation *r, uint64_t packets);

/* Whether the file, of `size` bytes, is to end before `n` packets come whose first is of `us`. */
bool rotation_is_due(const struct rotation *r, const struct file_limits *limits, uint64_t us,
		     uint64_t n, uint64_t size, uint64_t now_us);

/* Whether it has as many packets, or bytes, as it may have. */
bool rotation_is_full(const struct rotation *r, const struct file_limits *limits, uint64_t size);

/*
 * How long until the wall clock ends it, if no packet comes: 0 is now, ROTATION_NEVER not by time.
 * `quiet_us`: how long nothing came; less than `patience_us` is not quiet.
 */
uint64_t rotation_wait(const struct rotation *r, uint64_t now_us, uint64_t quiet_us,
		       uint64_t patience_us);

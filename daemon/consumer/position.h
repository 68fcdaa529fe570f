/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where one consumer stopped and another goes on.
 */
#pragma once

#include <stdint.h>

/* The next offset to read of a partition, whatever cfg->start says. */
struct consumer_position {
	int32_t partition;
	int64_t offset;
};

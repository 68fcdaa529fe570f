/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a look-up found of a partition, put down in the table of them: where its reading starts, and
 * where it ends.
 */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "consumer/gaps.h"
#include "consumer/offset_lookup.h"
#include "consumer/partitions.h"
#include "consumer/position.h"

struct learn_options {
	const struct config *cfg;
	const struct positions *resume; /* of who goes on for another consumer; else none */
	struct gaps *gaps;              /* of these partitions */
	bool group;                     /* which says where to start */
	bool closing;                   /* as in struct offset_lookup_result */
};

/* Notes in the gaps what is worth a line of where it starts. */
void learn_partition(struct partition *p, const struct offset_lookup_partition *found,
		     const struct learn_options *opt);

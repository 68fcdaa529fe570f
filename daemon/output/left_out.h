/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that a capture cannot hold: counted, and told of.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "output/encoder.h"

/* All zero: none. */
struct left_out {
	uint64_t n[ENCODER_REFUSALS];
	struct log_limit limit;
};

/* In words: which packets those are. */
const char *left_out_which(enum encoder_refusal refusal);

/* `by` has refused it. Warns, now and then. `first`: before any other packet. */
void left_out_count(struct left_out *l, const struct packet *pkt, const struct encoder *by,
		    bool first);
/* Logs how many there were, if any, and which format holds them. */
void left_out_log(const struct left_out *l);

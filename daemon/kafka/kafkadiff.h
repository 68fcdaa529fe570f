/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which Kafka properties differ between two configurations, as librdkafka understands them: of two
 * names of one property the last one counts, and `true` and `1` are the same.
 */
#pragma once

#include "config/difference.h"

/*
 * Calls `fn` (may be NULL) for each that differs: those of `before` first, then those that `after`
 * adds, secrets masked. One whose file was replaced differs too. Returns CONFIG_CHANGE_CLIENT or 0.
 */
unsigned int kafkadiff(const struct config *before, const struct config *after, difference_fn fn,
		       void *ctx);

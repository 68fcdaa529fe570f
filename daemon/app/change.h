/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reload changes: the settings, and the Kafka properties.
 */
#pragma once

#include "config/difference.h"

/*
 * Compares two configurations and calls `fn` (may be NULL) for each setting and each property that
 * differs, properties first. Returns the set of enum config_change that occur; 0: equal.
 */
unsigned int change_between(const struct config *before, const struct config *after,
			    difference_fn fn, void *ctx);

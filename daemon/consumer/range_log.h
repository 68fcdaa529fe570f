/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a consumer says before it reads a range of time: how it was understood, what there is of it.
 */
#pragma once

#include <stdint.h>

#include "config/config.h"
#include "consumer/partitions.h"
#include "consumer/topic_clock.h"

/*
 * All partitions are known, and nothing was read yet; `n_topic` is how many the topic has. Says
 * nothing without a range and without a choice of partitions.
 */
void range_log(const char *topic, const struct config *cfg, const struct partitions *ps,
	       int32_t n_topic, enum topic_clock clock);

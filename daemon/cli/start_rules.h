/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a consumer starts and ends: what kafka-offset, from, to, exit-at-end and partitions make of
 * each other. A part of config_builder_finish().
 */
#pragma once

#include "cli/config_builder_impl.h"

/* An offset or a range of time; what a range implies. */
void start_rules_range(struct config_builder *builder);

/* After it: where to start without a word about it. */
void start_rules_offset(struct config_builder *builder);

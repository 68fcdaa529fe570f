/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a consumer writes: one file or many, and in which format. A part of
 * config_builder_finish().
 */
#pragma once

#include "cli/config_builder_impl.h"

void output_rules_decide(struct config_builder *builder);

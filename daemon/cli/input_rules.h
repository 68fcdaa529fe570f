/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a producer reads: an interface or a savefile, and which settings go with it. A part of
 * config_builder_finish().
 */
#pragma once

#include "cli/config_builder_impl.h"

/* Settles which of the two it is; what does not go with it is a fault. */
void input_rules_decide(struct config_builder *builder);

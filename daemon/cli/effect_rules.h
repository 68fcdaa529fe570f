/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that have no effect beside the others: a warning each, as somebody counts on them. */
#pragma once

#include "cli/config_builder_impl.h"

/* The last part of config_builder_finish(); says nothing where there are faults. */
void effect_rules_warn(const struct config_builder *builder);

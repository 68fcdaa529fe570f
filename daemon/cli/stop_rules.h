/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a run ends by itself (--autostop), and whether it can. A part of config_builder_finish().
 */
#pragma once

#include "cli/config_builder_impl.h"

void stop_rules_decide(struct config_builder *builder);

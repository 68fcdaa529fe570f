/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a run has an end. Pure.
 */
#pragma once

#include <stdbool.h>

#include "config/config.h"

/* It comes to one by itself: a limit, the end of its file, of the topic or of a range of time. */
bool run_end_is_set(const struct config *cfg);

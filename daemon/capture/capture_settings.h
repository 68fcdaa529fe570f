/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the settings a capture handle is made of, and whether it can take over from another.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "capture/capture_types.h"

/* Puts them into `opt`; its strings are those of `cfg`. */
void capture_settings_apply(const struct config *cfg, struct capture_options *opt);

/*
 * False, with one line in `why`: the times of one of them do not come from the host's clock, so
 * that there is no moment to cut over at.
 */
bool capture_settings_can_follow(const struct config *before, const struct config *after, char *why,
				 size_t size);

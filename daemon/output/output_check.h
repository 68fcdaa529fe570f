/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a consumer must not write a capture, found before anything is opened.
 */
#pragma once

#include "config/config.h"

/*
 * Checks where the consumer of `cfg` would write: a capture is for no terminal, and not for the
 * journal, and a service has few places where it may write. Returns 0, or -EINVAL after one line
 * that says what to do instead.
 */
int output_check(const struct config *cfg);

/* Warns of a file's settings that this check would refuse in a service. */
void output_warn(const struct config *cfg);

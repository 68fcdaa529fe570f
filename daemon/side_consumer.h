/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What main asks of the consumer side before anything is opened.
 */
#pragma once

#include "config.h"

/*
 * A capture is not for terminals: checks where the consumer of `cfg` would write. Returns 0, or
 * -EINVAL after one line that says what to do instead.
 */
int side_consumer_check_output(const struct config *cfg);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What main asks of the consumer side before anything is opened.
 */
#pragma once

#include "config/config.h"

/* As output_check(). */
int side_consumer_check_output(const struct config *cfg);

/* As output_warn(). */
void side_consumer_warn_output(const struct config *cfg);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What main asks of the consumer side before anything is opened.
 */
#pragma once

#include "config/config.h"

/* As output_check(). */
int consumer_role_check_output(const struct config *cfg);

/* As output_warn(). */
void consumer_role_warn_output(const struct config *cfg);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people see of the properties: the lists, the line on connecting. Secrets are masked.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "config/config.h"

/* `-X list`: every property of the linked librdkafka with its role, range, default and text. */
void kafkashow_list(FILE *out);
/* `-X dump`: the properties in force for cfg, secrets masked. Returns 0 or -errno. */
int kafkashow_dump(FILE *out, const struct config *cfg);

/* `{'name': 'value', ...}` as the old tool printed what it connects with; secrets masked. */
void kafkashow_describe(char *buf, size_t size, const struct config *cfg);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names that Kafka takes for a topic. Pure.
 */
#pragma once

#include <stddef.h>

/* 0, or -EINVAL with one line in `why`. The length is the table's business. */
int topic_name_check(const char *topic, char *why, size_t size);

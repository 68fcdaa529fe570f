/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some partitions of a topic, as a text: "0-3,7". Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0, or -EINVAL with one line in `why`. */
int partition_set_check(const char *text, char *why, size_t size);

/* Whether it names that partition. A text of NULL or "" names all. */
bool partition_set_has(const char *text, int32_t partition);

/* The highest that it names; -1: all. */
int32_t partition_set_last(const char *text);

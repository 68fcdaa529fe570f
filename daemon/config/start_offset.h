/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a consumer starts. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

/*
 * `begin`, `end`, `stored`, an offset N, `-N` (the last N of each partition) or a point in time
 * (point_in_time.h);
 * `earliest`, `beginning` and `smallest` are begin, `latest` and `largest` are end, as librdkafka
 * has them.
 * Returns false when the text is none of these; *kind and *value are then untouched.
 */
bool start_offset_parse(const char *text, int64_t now_ms, enum config_offset *kind, int64_t *value);

/* The one word for an offset of that kind, which may have been given by another; else `text`. */
const char *start_offset_word(enum config_offset kind, const char *text);

/* Says in one line why start_offset_parse() does not take a text, and how it is written. */
void start_offset_explain(const char *text, char *why, size_t size);

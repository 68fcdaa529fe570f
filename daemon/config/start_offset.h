/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a consumer starts, and points in time as the command line takes them. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

/*
 * A point in time: RFC 3339 (2026-11-23T10:15:00Z, with a fraction or a zone such as +01:00; a
 * blank may stand for the T), `@N` or `@N.N` seconds since the epoch, or `-15m` (units ms, s, m,
 * h, d, w) before `now_ms`. All in milliseconds since the epoch; a finer fraction is cut.
 */
bool start_offset_parse_time(const char *text, int64_t now_ms, int64_t *ms);

/*
 * `begin`, `end`, `stored`, an offset N, `-N` (the last N of each partition) or a point in time;
 * `earliest`, `beginning` and `smallest` are begin, `latest` and `largest` are end, as librdkafka
 * has them.
 * Returns false when the text is none of these; *kind and *value are then untouched.
 */
bool start_offset_parse(const char *text, int64_t now_ms, enum config_offset *kind, int64_t *value);

/* The one word for an offset of that kind, which may have been given by another; else `text`. */
const char *start_offset_word(enum config_offset kind, const char *text);

/* Says in one line why start_offset_parse() does not take a text, and how it is written. */
void start_offset_explain(const char *text, char *why, size_t size);

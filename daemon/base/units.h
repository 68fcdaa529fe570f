/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole numbers, sizes ("64M") and times ("20ms") as people write them, and back. Pure.
 *
 * Every parser takes the whole text or nothing and returns false for an empty one, for trailing
 * letters that are no unit, and for what does not fit into 64 bits: errno is then ERANGE, else
 * EINVAL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits with an optional sign. */
bool units_parse_integer(const char *text, int64_t *value);

/*
 * Digits and a unit: B, K, M, G, T (powers of 1024, any case; KiB and KB mean K). Without a unit
 * the number counts `plain` bytes (1024 for an option that tcpdump counts in KiB).
 */
bool units_parse_size(const char *text, uint64_t plain, uint64_t *bytes);

/* Digits and a unit: ms, s, m (or min), h, d, w. Without a unit it counts `plain` milliseconds. */
bool units_parse_time(const char *text, uint64_t plain, uint64_t *ms);

/* The shortest text that parses back to the same: "64M", "1536K", "20ms", "1m", "0". */
int units_format_size(char *buf, size_t size, uint64_t bytes);
int units_format_time(char *buf, size_t size, uint64_t ms);
/* A time for people, by its two largest units: "3d 4h", "2m 5s", "0s". */
int units_format_span(char *buf, size_t size, uint64_t ms);

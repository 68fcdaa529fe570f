/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points in time as the command line takes and shows them. They are microseconds since the epoch.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * RFC 3339 (2026-11-23T10:15:00Z, with a fraction, a zone such as +01:00, or none: then the local
 * one; a blank may stand for the T, and the seconds may be left out), a date alone (its first
 * moment in the local zone), `hh:mm` or `hh:mm:ss` (of the local day of `now_us`), `today` (its
 * first moment), `@N` or `@N.N` seconds since the epoch, `now`, or `-15m`, `-1h30m` or `+15m`
 * (units ms, s, m, h, d, w) before or after `now_us`. A finer fraction is cut. Returns false when
 * the text is none of these; *us is then untouched.
 */
bool point_in_time_parse(const char *text, int64_t now_us, int64_t *us);

/* Says in one line why point_in_time_parse() does not take a text, and how it is written. */
void point_in_time_explain(const char *text, char *why, size_t size);

/* The local zone is UTC then. */
bool point_in_time_is_utc(int64_t us);

/* "2026-11-23 11:15:00 CET" of the local zone, or "2026-11-23T10:15:00Z". */
void point_in_time_format(char *buf, size_t size, int64_t us, bool local);

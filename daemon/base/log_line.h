/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry of the log as it is written: the journal's fields, a line of text, a line of JSON. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log_types.h"

#define LOG_LINE_SIZE     8192
#define LOG_LINE_MESSAGE  2048 /* the longest message, with a NUL: it always has room */
#define LOG_LINE_IDENTITY 4

/* Most that log_line_fields() makes. */
#define LOG_LINE_FIELDS_MAX (3 + LOG_LINE_IDENTITY + LOG_FIELDS_MAX)

struct log_entry {
	int64_t time_ns; /* CLOCK_REALTIME */
	enum log_level level;
	enum log_event event;
	const struct log_field *fields;
	size_t n_fields;
	char *const *identity; /* LOG_LINE_IDENTITY of "PYCAPA_NAME=value" or NULL */
	const char *message;   /* printable.h */
};

/* An empty one has len 0. */
struct log_line {
	size_t len;
	char text[LOG_LINE_SIZE];
};

/* The journal's fields, each ended by a NUL. In all of these a field without room is left out. */
void log_line_fields(struct log_line *l, const struct log_entry *e);

/* `LEVEL:root:message`, behind the time if `time` is set, and a newline. */
void log_line_text(struct log_line *l, const struct log_entry *e, bool time);

/*
 * One JSON object and a newline: "time" (RFC 3339, UTC, microseconds), "level", "message", and the
 * fields as the journal names them, counters as numbers. Valid whatever bytes the entry holds.
 */
void log_line_json(struct log_line *l, const struct log_entry *e);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call to log, two sinks: the journal with native fields, or stderr, a line each: text
 * (`LEVEL:root:text`) or JSON (log_set_format(), log_line.h).
 *
 * The only mutable globals of the program live behind this header. Every function may be called
 * from any thread once log_init() has run; a message is one write, so lines do not mix. Whatever a
 * message holds of foreign text is made printable here (printable.h).
 *
 * After log_start() nobody waits for the sink: a thread writes, and 1 MiB of lines may wait for it.
 * What finds no room is counted, and a line says so in the place of those that are missing.
 *
 * On a terminal a line can stand below the log (log_set_footer()): it is taken away for each entry,
 * and drawn again behind it, by the same thread, so that the two do not mix. Nothing is drawn while
 * the process is in the background, nor does drawing stop it there (SIGTTOU).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log_types.h"

/* What a line on stderr is. */
enum log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
};

/* The fields that every entry of this process carries; a NULL one is left out. Copied. */
struct log_identity {
	const char *instance;
	const char *mode;
	const char *interface;
	const char *topic;
};

/*
 * From now on entries go to `sink` alone, in place of stderr or the journal: from the thread that
 * writes, or, before log_start(), from the one that logs; one at a time. It must not log, nor wait.
 */
void log_set_sink(void (*sink)(void *ctx, enum log_level level, const char *text), void *ctx);

/* Chooses the sink (journal when stderr is $JOURNAL_STREAM). The level is INFO until told. */
void log_init(void);
/* From now on a thread writes; until then each call does. Returns 0 or -errno. */
int log_start(void);
/*
 * Waits for what is still to be written, 1 s at most: a sink that takes nothing is given up, its
 * thread abandoned (thread.h). Waits until journald has read it, 1 s at most as well: it cannot
 * tell the unit of a process that has ended. Nothing is written after it.
 */
void log_free(void);
void log_set_level(enum log_level level);
/*
 * How stderr is written from the next entry on: as text until told. `time`: a line of text begins
 * with it; one of JSON always has it. What goes to the journal or to a sink stays as it is.
 */
void log_set_format(enum log_format format, bool time);
bool log_enabled(enum log_level level);
/* True when entries go to the journal, with fields. */
bool log_is_journal(void);
/* True when `fd` is the stream to the journal that a service gets. */
bool log_fd_is_journal(int fd);

/* Replaces the fields of every entry from now on. Returns 0 or -ENOMEM. */
int log_set_identity(const struct log_identity *id);

/* Writes one entry. The text is one line without a newline at its end. */
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* As log_write(), with the catalog id of an event and native fields (n may be 0). */
void log_write_event(enum log_level level, enum log_event event, const struct log_field *fields,
		     size_t n, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/*
 * The line below the log, in place of the one before it: printable ASCII, shorter than a row of the
 * terminal; "": none any more. Only after log_start(), when stderr is a terminal.
 */
void log_set_footer(const char *text);
/* The last of them: it stays where it is, and what follows comes below it. */
void log_end_footer(const char *text);

/* True when the last entry was an error: what fails has said why. */
bool log_last_was_error(void);

/*
 * Limits how often one kind of message is written: the first goes out at once, those within
 * `interval_s` after it are counted. Returns true when the caller shall log now, with *suppressed
 * = how many were held back since the last one that was.
 */
struct log_limit {
	uint64_t next_ms; /* CLOCK_MONOTONIC */
	uint64_t suppressed;
};
bool log_limit_pass(struct log_limit *limit, unsigned int interval_s, uint64_t *suppressed);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines on their way to a thread that writes them: who says something never waits for who
 * reads it. A text can stand below them (footer.h): the thread draws it whenever no line waits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct logqueue;

struct logqueue_options {
	/* Bytes of lines that may wait. A line that finds no room is counted instead, and so are
	 * those after it until all that waited is written. */
	size_t max_bytes;
	/* Writes a line, and may wait for as long as it takes. 0, or -errno: counted as well. */
	int (*write)(const char *line, size_t len);
	/* Makes the line that stands for `n` that were counted; returns its length. */
	size_t (*missing)(uint64_t n, char *buf, size_t size);
	/* Draws the text below the lines, "" takes it away; may wait likewise. */
	void (*draw)(const char *text, size_t len);
};

/* Starts the thread, which calls the functions. Returns 0 or -errno. */
int logqueue_new(struct logqueue **out, const struct logqueue_options *opt);

/* From any thread. The line is copied. */
void logqueue_put(struct logqueue *q, const char *line, size_t len);

/*
 * From any thread. From now on the text stands below the lines, in place of the one before it; ""
 * ends that. Fewer than FOOTER_MAX bytes, copied. One that could not be drawn in time is skipped.
 */
void logqueue_set_footer(struct logqueue *q, const char *text);

/*
 * Ends the thread once all is written. False: it is not after `ms`; the thread is abandoned (see
 * thread_abandon()), and what waits is lost. NULL is legal.
 */
bool logqueue_free(struct logqueue *q, unsigned int ms);

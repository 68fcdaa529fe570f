/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line below the log on a terminal: what has to be written to draw it over the one before it,
 * and to make room for a log line. Only a carriage return and the sequence that erases to the end
 * of the line are used, and blanks instead of that on a terminal that knows no sequences.
 *
 * Knows no terminal and no thread: the caller writes what it is given, all of it. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define FOOTER_MAX 256                  /* a text has fewer bytes, all of them printable ASCII */
#define FOOTER_OUT (2 * FOOTER_MAX + 8) /* more is never to be written */

struct footer {
	bool dumb;    /* no sequences: blanks */
	size_t drawn; /* columns of the text that stands there; 0: none does */
};

/* `term`: $TERM, or NULL. */
void footer_init(struct footer *f, const char *term);

/* Fills `buf` with what draws the text, or takes away what stands there; returns its length. */
size_t footer_draw(struct footer *f, const char *text, size_t len, char buf[FOOTER_OUT]);

/* The same for what takes it away, so that something else can be written in its place. */
size_t footer_erase(struct footer *f, char buf[FOOTER_OUT]);

/* It stands somewhere else now, if at all: the screen was another's meanwhile. */
void footer_forget(struct footer *f);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line of progress below the log on a terminal (progress.h), while a run that has an end reads:
 * drawn by a timer a few times a second, and left standing at the end.
 */
#pragma once

struct app;

/* Before the role is made, which may take standard output over (descriptor.h). */
void app_progress_prepare(struct app *a);

/*
 * At the start, from where the rates count, and after the settings changed. A line is drawn for a
 * consumer that has an end, and for a producer that reads a file, when stderr is a terminal: not
 * with --quiet, nor where text (--pretty-print) goes to the same terminal. Where the packets go
 * into a pipe it comes after 2 s.
 */
void app_progress_begin(struct app *a);
/* A tick of `look`: draws the line. */
void app_progress_show(struct app *a);
/* The last one, before the closing lines, or before a signal's: none comes after it. */
void app_progress_end(struct app *a);

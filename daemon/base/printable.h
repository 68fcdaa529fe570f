/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that came from outside (a broker, a file, the command line, another program) as one line
 * that is safe to show: on a terminal, in the journal, in STATUS=, in an answer.
 *
 * What is no well-formed UTF-8 becomes '?', byte by byte; so does a character that steers a
 * terminal (C0, DEL, C1) or the order of what is shown (the bidirectional ones). A line's end and a
 * tab become a blank; line ends at the end go.
 */
#pragma once

#include <stdio.h>

/* In place: the text only gets shorter. */
void printable_line(char *text);

/* The same, of a text whose lines stay lines. */
void printable_lines(char *text);

/* Writes it so. Errors are the stream's. */
void printable_print(FILE *out, const char *text);

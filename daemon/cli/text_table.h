/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in columns that are as wide as their widest cell.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct text_column {
	const char *title; /* static */
	bool right;        /* numbers */
};

struct text_table;

/* `columns` is borrowed. Returns 0 or -ENOMEM. */
int text_table_new(struct text_table **out, const struct text_column *columns, size_t n);

/* The next cell, row by row. It is copied, and shown as one line (printable.h). 0 or -ENOMEM. */
int text_table_add(struct text_table *t, const char *text);

/* Two blanks between columns, none at the end of a line. Columns of `hidden` (bits) are left out.
 */
void text_table_print(const struct text_table *t, unsigned int hidden, FILE *out);

void text_table_free(struct text_table *t);

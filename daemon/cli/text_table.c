/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text_table.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/printable.h"

#define COLUMNS_MAX 32 /* a bit each */

struct text_table {
	const struct text_column *columns;
	size_t n;
	char **cells;
	size_t n_cells, room;
};

int text_table_new(struct text_table **out, const struct text_column *columns, size_t n)
{
	struct text_table *t = n <= COLUMNS_MAX ? calloc(1, sizeof(*t)) : NULL;

	if (t == NULL)
		return -ENOMEM;
	t->columns = columns;
	t->n = n;
	*out = t;
	return 0;
}

static bool make_room(struct text_table *t)
{
	size_t room = t->room > 0 ? t->room * 2 : 64;
	char **grown;

	if (t->n_cells < t->room)
		return true;
	grown = reallocarray(t->cells, room, sizeof(*grown));
	if (grown == NULL)
		return false;
	t->cells = grown;
	t->room = room;
	return true;
}

int text_table_add(struct text_table *t, const char *text)
{
	char *cell;

	if (!make_room(t))
		return -ENOMEM;
	cell = strdup(text);
	if (cell == NULL)
		return -ENOMEM;
	printable_line(cell);
	t->cells[t->n_cells++] = cell;
	return 0;
}

/* In characters; those that take two places on a terminal are not known here. */
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void put_cell(FILE *out, const struct text_column *column, const char *text, size_t width,
		     bool last)
{
	size_t own = width_of(text);
	int blanks = own < width ? (int)(width - own) : 0;

	if (column->right)
		fprintf(out, "%*s%s", blanks, "", text);
	else
		fprintf(out, "%s%*s", text, last ? 0 : blanks, "");
	fputs(last ? "\n" : "  ", out);
}

static const char *cell_of(const struct text_table *t, size_t row, size_t column)
{
	return row == 0 ? t->columns[column].title : t->cells[(row - 1) * t->n + column];
}

void text_table_print(const struct text_table *t, unsigned int hidden, FILE *out)
{
	size_t width[COLUMNS_MAX] = {0}, rows = 1 + t->n_cells / t->n, last = 0;

	for (size_t c = 0; c < t->n; c++) {
		for (size_t r = 0; r < rows; r++) {
			size_t own = width_of(cell_of(t, r, c));

			width[c] = own > width[c] ? own : width[c];
		}
		last = hidden & (1U << c) ? last : c;
	}
	for (size_t r = 0; r < rows; r++)
		for (size_t c = 0; c < t->n; c++)
			if (!(hidden & (1U << c)))
				put_cell(out, &t->columns[c], cell_of(t, r, c), width[c],
					 c == last);
}

void text_table_free(struct text_table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

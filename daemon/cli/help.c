/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The help text: the rows of the table under the headings of their groups, in two columns.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "config/settings_value.h"

#define COLUMN 32 /* where the texts begin */
#define WIDTH  96

/* Prints words up to WIDTH; every line but the first begins at COLUMN, where we are now. */
static void wrap(FILE *out, const char *text)
{
	size_t column = COLUMN;

	while (*text != '\0') {
		size_t word = strcspn(text, " ");

		if (column > COLUMN && column + 1 + word > WIDTH) {
			fprintf(out, "\n%*s", COLUMN, "");
			column = COLUMN;
		} else if (column > COLUMN) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)word, text);
		column += word;
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

/* What is true by default is switched off on the command line. */
static bool shown_negated(const struct setting *s)
{
	return s->type == SETTING_BOOL && s->initial != NULL && strcmp(s->initial, "true") == 0;
}

/* What stands in brackets behind the text: the default, and what a plain number counts. */
static void print_default(FILE *out, const struct setting *s)
{
	if (s->metavar == NULL || (s->initial == NULL && s->shown == NULL))
		return;
	fprintf(out, " (default %s", s->initial != NULL ? s->initial : s->shown);
	if (s->type == SETTING_SIZE || s->type == SETTING_TIME)
		fprintf(out, "; a plain number is in %s", s->unit);
	fputc(')', out);
}

/* The right column in one line, to be wrapped. NULL without memory; the caller frees. */
static char *describe(const struct setting *s)
{
	char range[128], *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	if (shown_negated(s))
		fprintf(out, "Do not %c%s", tolower((unsigned char)s->help[0]), s->help + 1);
	else
		fputs(s->help, out);
	if (s->type == SETTING_ENUM) {
		settings_format_range(range, sizeof(range), s);
		fprintf(out, " Values: %s.", range);
	}
	print_default(out, s);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static void print_setting(FILE *out, const struct setting *s)
{
	char left[128], *text = describe(s);
	bool letter = s->short_name != NULL;
	int n;

	n = snprintf(left, sizeof(left), "  %s%s%s--%s%s%s%s", letter ? "-" : "    ",
		     letter ? s->short_name : "", letter ? ", " : "", shown_negated(s) ? "no-" : "",
		     s->name, s->metavar != NULL ? " " : "", s->metavar != NULL ? s->metavar : "");
	if (n > COLUMN - 2)
		fprintf(out, "%s\n%*s", left, COLUMN, "");
	else
		fprintf(out, "%-*s", COLUMN, left);
	wrap(out, text != NULL ? text : s->help);
	free(text);
}

static void print_group(FILE *out, enum setting_group group)
{
	const struct setting *table;
	size_t n;

	fprintf(out, "\n%s:\n", settings_group_title(group));
	table = settings_table(&n);
	for (size_t i = 0; i < n; i++) {
		if (table[i].group == group && (table[i].scope & SETTING_OPTION))
			print_setting(out, &table[i]);
	}
	if (group == SETTING_GROUP_RUN) {
		fprintf(out, "%-*s", COLUMN, "  EXPRESSION");
		wrap(out,
		     "Take only packets that match this pcap-filter(7) expression. It may stand "
		     "anywhere among the options; after --, every word belongs to it.");
	}
}

void options_print_help(FILE *out)
{
	fprintf(out, "usage: pycapa -p [OPTION]... [EXPRESSION]   capture packets into Kafka\n"
		     "       pycapa -c [OPTION]... [EXPRESSION]   read packets from Kafka\n"
		     "       pycapa -C FILE [OPTION]...           run with the settings in FILE\n");
	for (int group = 0; group < SETTING_GROUP_COUNT; group++)
		print_group(out, (enum setting_group)group);
	fprintf(out, "\nSizes take the units K, M, G, T; times ms, s, m, h, d. Long options may be "
		     "abbreviated.\n"
		     "Exit status: 0 everything delivered or written, 1 failure, 2 usage error.\n");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of a command line, one a line of the input, and the parsers of single values. No
 * word may be read beyond its end; what is refused has one fault; what is formatted parses back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/closest_name.h"
#include "base/units.h"
#include "cli/argwords.h"
#include "config/start_offset.h"

#define MAX_WORDS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *ctx, const char *where, const char *text)
{
	if (strchr(text, '\n') != NULL)
		abort();
}

static void parse_values(const char *word)
{
	enum config_offset kind;
	struct closest_name near;
	uint64_t number, back;
	int64_t value;
	char text[32];

	if (units_parse_size(word, 1, &number)) {
		units_format_size(text, sizeof(text), number);
		if (!units_parse_size(text, 1, &back) || back != number)
			abort();
	}
	if (units_parse_time(word, 1, &number)) {
		units_format_time(text, sizeof(text), number);
		if (!units_parse_time(text, 1, &back) || back != number)
			abort();
	}
	if (start_offset_parse(word, 1795435200000, &kind, &value) && value < 0)
		abort();
	closest_name_start(&near, word);
	closest_name_offer(&near, "kafka-broker");
}

/* Each word is its own allocation, so that a read beyond it is seen. */
static int split(char **argv, char *text)
{
	char *word;
	int argc = 0;

	argv[argc++] = strdup("pycapa");
	while ((word = strsep(&text, "\n")) != NULL && argc < MAX_WORDS)
		argv[argc++] = strdup(word);
	return argc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct faults faults = {.report = ignore};
	struct argwords words;
	char *argv[MAX_WORDS], *text = strndup((const char *)data, size);
	int argc;

	if (text == NULL)
		return 0;
	argc = split(argv, text);
	for (int i = 1; i < argc; i++)
		parse_values(argv[i]);
	if (argwords_parse(&words, argc, argv, &faults) < 0 && faults.count != 1)
		abort();
	argwords_clear(&words);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	free(text);
	return 0;
}

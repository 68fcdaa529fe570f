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
#include "words.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct faults faults = {.report = ignore};
	struct argwords parsed;
	struct words words;

	words_split(&words, data, size);
	for (int i = 1; i < words.n; i++)
		parse_values(words.list[i]);
	if (argwords_parse(&parsed, words.n, words.list, &faults) < 0 && faults.count != 1)
		abort();
	argwords_clear(&parsed);
	words_free(&words);
	return 0;
}

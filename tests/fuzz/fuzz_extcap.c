/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call of Wireshark's, a word a line: taken apart, and made into the command line of a consumer.
 * No word may be read beyond its end, and a fault is one line.
 */
#include <stdlib.h>
#include <string.h>

#include "extcap/extcap_words.h"

#define MAX_WORDS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static void check(int r, const char *why)
{
	if (r < 0 && (*why == '\0' || strchr(why, '\n') != NULL))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[MAX_WORDS], *text = strndup((const char *)data, size), why[512];
	struct extcap_words words;
	struct extcap_call call;
	int argc, r;

	if (text == NULL)
		return 0;
	argc = split(argv, text);
	r = extcap_call_parse(&call, argc, argv, why, sizeof(why));
	check(r, why);
	if (r == 0) {
		check(extcap_words_capture(&words, &call, 1700000000, why, sizeof(why)), why);
		extcap_words_clear(&words);
		check(extcap_words_listing(&words, &call, why, sizeof(why)), why);
		extcap_words_clear(&words);
	}
	extcap_call_clear(&call);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	free(text);
	return 0;
}

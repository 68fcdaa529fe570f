/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a command line, one a line of the input. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 64

struct words {
	int n;
	char *list[MAX_WORDS];
};

/* Each word is its own allocation, so that a read beyond it is seen. */
static inline void words_split(struct words *words, const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text, *word;

	words->n = 0;
	words->list[words->n++] = strdup("pycapa");
	while ((word = strsep(&rest, "\n")) != NULL && words->n < MAX_WORDS)
		words->list[words->n++] = strdup(word);
	free(text);
}

static inline void words_free(struct words *words)
{
	for (int i = 0; i < words->n; i++)
		free(words->list[i]);
}

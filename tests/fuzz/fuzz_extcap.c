/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call of Wireshark's, a word a line: taken apart, and made into the command line of a consumer.
 * No word may be read beyond its end, and a fault is one line.
 */
#include <stdlib.h>
#include <string.h>

#include "extcap/extcap_words.h"
#include "words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int r, const char *why)
{
	if (r < 0 && (*why == '\0' || strchr(why, '\n') != NULL))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct words words;
	char why[512];
	struct extcap_words made;
	struct extcap_call call;
	int r;

	words_split(&words, data, size);
	r = extcap_call_parse(&call, words.n, words.list, why, sizeof(why));
	check(r, why);
	if (r == 0) {
		check(extcap_words_capture(&made, &call, 1700000000, why, sizeof(why)), why);
		extcap_words_clear(&made);
		check(extcap_words_listing(&made, &call, why, sizeof(why)), why);
		extcap_words_clear(&made);
	}
	extcap_call_clear(&call);
	words_free(&words);
	return 0;
}

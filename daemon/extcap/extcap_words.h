/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call as the command line of an ordinary consumer, which does the rest.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "extcap/extcap_call.h"

/* argv; may hold secrets. */
struct extcap_words {
	char **list; /* with a NULL behind the last */
	int n;
};

/*
 * The consumer that writes to the fifo of a capture. What Wireshark lets pass and cannot be done
 * (no topic) is told. Returns 0, or -errno with one line in `why`; to be given to
 * extcap_words_clear() in any case.
 */
int extcap_words_capture(struct extcap_words *words, const struct extcap_call *call, int64_t now_s,
			 char *why, size_t size);

/* What the dialog calls the field that an option of the consumer comes from; NULL: it has none. */
const char *extcap_words_field(const char *option);

/* A list of topics (-L): the brokers and how they are reached alone. */
int extcap_words_listing(struct extcap_words *words, const struct extcap_call *call, char *why,
			 size_t size);

/* Overwrites and frees. */
void extcap_words_clear(struct extcap_words *words);

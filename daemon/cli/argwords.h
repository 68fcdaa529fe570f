/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of the command line: argv into a list of options and their texts, nothing more.
 */
#pragma once

#include <stddef.h>

#include "cli/config_faults.h"
#include "config/settings.h"

/* One option as it was given. */
struct argword {
	const struct setting *setting;
	char *text; /* its value; "true" or "false" for one without, "" when left out; owned */
};

struct argwords {
	struct argword *list; /* in the order given */
	size_t n;
	char *expression; /* the words that are no options, joined by blanks; NULL: none */
};

/* Longest text of argword_label() with its end. */
#define ARGWORD_LABEL 64

/* "-s/--snaplen", for messages. */
void argword_label(char buf[ARGWORD_LABEL], const struct setting *setting);

/*
 * Takes argv apart. Values of secret properties are overwritten in argv by asterisks. Stops at
 * --help or --version, which is then the last of the list.
 * Returns 0; -EINVAL (a fault was added) or -ENOMEM. To be given to argwords_clear() in any case.
 */
int argwords_parse(struct argwords *words, int argc, char **argv, struct faults *faults);

/* Overwrites and frees everything. */
void argwords_clear(struct argwords *words);

/* SPDX-License-Identifier: Apache-2.0 */
#include "config/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLANKS " \t"

/* 2>errors, too. */
static int is_for_a_shell(const char *word, size_t len)
{
	size_t digits = strspn(word, "0123456789");

	return strchr("|&;<>()'\"`$", word[0]) || strchr("|&;<>'\"`", word[len - 1]) ||
	       (digits < len && strchr("<>", word[digits]));
}

int command_check(const char *text, char *why, size_t size)
{
	size_t len;

	for (const char *at = text; *(at += strspn(at, BLANKS)) != '\0'; at += len) {
		len = strcspn(at, BLANKS);
		if (is_for_a_shell(at, len)) {
			snprintf(why, size,
				 "'%.*s' is for a shell, and there is none: put it into a script",
				 (int)len, at);
			return -EINVAL;
		}
	}
	return 0;
}

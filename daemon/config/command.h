/* SPDX-License-Identifier: Apache-2.0 */
/* A command that is run without a shell: it is split at blanks, and its words are as they stand. */
#pragma once

#include <stddef.h>

/*
 * Refuses what only a shell would understand: a word that begins or ends with what it acts on.
 * Within a word such a character may be meant as it is, as the & of a URL. Returns 0, or -EINVAL
 * with one line in `why`.
 */
int command_check(const char *text, char *why, size_t size);

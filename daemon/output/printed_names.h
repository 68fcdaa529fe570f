/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the files of a set, one a line, each when it is complete (printname:), for who reads
 * them. A reader that does not read holds up nobody: names that it has no room for are left out,
 * and counted.
 */
#pragma once

#include <ev.h>

#include "config/file_limits.h"

struct printed_names;

/*
 * Where they say: a file, a FIFO; "stdout" or "-"; "stderr". `*out` is NULL where they say nothing,
 * which is legal everywhere. Returns 0 or -errno (logged).
 */
int printed_names_new(struct printed_names **out, struct ev_loop *loop,
		      const struct file_limits *limits);

void printed_names_add(struct printed_names *names, const char *path);

/* Writes what waits, for a moment; says what was left out. */
void printed_names_free(struct printed_names *names);

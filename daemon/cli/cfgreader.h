/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file as one text: its @include lines replaced by the files they name, and every
 * whole number made safe for libconfig 1.5.
 *
 * libconfig 1.5 reads a number of more than 31 bits wrong without a word, unless it ends in L: one
 * is added here; what does not fit into 63 bits is a fault. Its own @include counts from one
 * directory for all files; here it counts from the file that it stands in.
 */
#pragma once

#include "cli/cfgtext.h"
#include "cli/config_faults.h"

/*
 * Reads the file and all it includes: regular files only, so that it never waits for one, and a
 * byte order mark of UTF-8 is skipped. Faults are added for what cannot be read, for files that
 * include each other in a circle, more than 10 deep or 1000 in all, for more than 1 MiB of text,
 * for numbers too large, and for two texts of a list without a comma between them.
 * Returns 0 and *out (cfgtext_free(); perhaps with faults), or -errno (a fault was added).
 */
int cfgreader_read(struct cfgtext **out, const char *path, struct faults *faults);

/* The same for text in memory; `path` names it in faults and is what @include counts from. */
int cfgreader_read_string(struct cfgtext **out, const char *path, const char *text,
			  struct faults *faults);

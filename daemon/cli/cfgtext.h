/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration as one text, and where each of its lines came from. Secrets may stand in it: what
 * it is kept in is overwritten before it is freed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Where one line of the text came from. */
struct cfgtext_line {
	size_t file; /* index */
	unsigned int line;
	unsigned int closes; /* the line, of the text, whose string ends here; 0: none does */
	bool faulty;         /* holds a number that was refused */
};

/* All zero: there is nothing in it yet. */
struct cfgtext {
	char *text; /* for libconfig */
	size_t len, room;
	char **files;
	size_t n_files;
	struct cfgtext_line *lines;
	size_t n_lines, room_lines;
};

/* Each returns 0 or -ENOMEM. Text belongs to the last line that was added, a line to that file. */
int cfgtext_append(struct cfgtext *t, const char *bytes, size_t n);
int cfgtext_add_line(struct cfgtext *t, size_t file, unsigned int line);
int cfgtext_add_file(struct cfgtext *t, const char *path, size_t *file);

/* Where a line (1 is the first) of that text came from: "file:line". As snprintf. */
int cfgtext_where(const struct cfgtext *text, unsigned int line, char *buf, size_t size);

/* True when that line holds a number for which a fault was added: its value means nothing. */
bool cfgtext_is_faulty(const struct cfgtext *text, unsigned int line);

/*
 * The line on which a string began that ends on this one, when that is another: where a quote is
 * missing if the rest of this one makes no sense. 0: there is none.
 */
unsigned int cfgtext_closes(const struct cfgtext *text, unsigned int line);

/* NULL is legal; *text is freed too. */
void cfgtext_free(struct cfgtext *text);

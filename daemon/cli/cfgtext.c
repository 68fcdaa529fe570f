/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cfgtext.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* realloc() that leaves no copy of the old text behind. */
int cfgtext_append(struct cfgtext *t, const char *bytes, size_t n)
{
	if (t->len + n + 1 > t->room) {
		size_t room = 2 * (t->len + n + 1);
		char *grown = malloc(room);

		if (grown == NULL)
			return -ENOMEM;
		if (t->text != NULL) {
			memcpy(grown, t->text, t->len);
			explicit_bzero(t->text, t->len);
			free(t->text);
		}
		t->text = grown;
		t->room = room;
	}
	memcpy(t->text + t->len, bytes, n);
	t->len += n;
	t->text[t->len] = '\0';
	return 0;
}

int cfgtext_add_line(struct cfgtext *t, size_t file, unsigned int line)
{
	if (t->n_lines == t->room_lines) {
		size_t room = t->room_lines == 0 ? 64 : 2 * t->room_lines;
		struct cfgtext_line *grown = reallocarray(t->lines, room, sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		t->lines = grown;
		t->room_lines = room;
	}
	t->lines[t->n_lines++] = (struct cfgtext_line){.file = file, .line = line};
	return 0;
}

int cfgtext_add_file(struct cfgtext *t, const char *path, size_t *file)
{
	char **grown = reallocarray(t->files, t->n_files + 1, sizeof(*grown));

	if (grown == NULL)
		return -ENOMEM;
	t->files = grown;
	grown[t->n_files] = strdup(path);
	if (grown[t->n_files] == NULL)
		return -ENOMEM;
	*file = t->n_files++;
	return 0;
}

bool cfgtext_is_faulty(const struct cfgtext *text, unsigned int line)
{
	return line > 0 && line <= text->n_lines && text->lines[line - 1].faulty;
}

unsigned int cfgtext_closes(const struct cfgtext *text, unsigned int line)
{
	return line > 0 && line <= text->n_lines ? text->lines[line - 1].closes : 0;
}

int cfgtext_where(const struct cfgtext *text, unsigned int line, char *buf, size_t size)
{
	const struct cfgtext_line *o;

	/* A fault at the very end is one of the last line. */
	if (line > text->n_lines)
		line = (unsigned int)text->n_lines;
	if (line == 0)
		return snprintf(buf, size, "%s", text->n_files > 0 ? text->files[0] : "");
	o = &text->lines[line - 1];
	return snprintf(buf, size, "%s:%u", text->files[o->file], o->line);
}

void cfgtext_free(struct cfgtext *text)
{
	if (text == NULL)
		return;
	if (text->text != NULL)
		explicit_bzero(text->text, text->len);
	free(text->text);
	for (size_t i = 0; i < text->n_files; i++)
		free(text->files[i]);
	free(text->files);
	free(text->lines);
	free(text);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/printable.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* The next character of *text, or what stands for it. Returns its bytes, 0 at the end. */
static size_t next(const char **text, const char **shown)
{
	const char *at = *text;
	uint32_t c = 0;
	size_t n;

	if (*at == '\0')
		return 0;
	n = utf8_read(at, &c);
	*text = at + (n ? n : 1);
	*shown = at;
	if (n && !utf8_is_steering(c))
		return n;
	*shown = n && (c == '\n' || c == '\r' || c == '\t') ? " " : "?";
	return 1;
}

void printable_line(char *text)
{
	const char *from = text, *shown;
	size_t len = strlen(text), n;
	char *to = text;

	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		text[--len] = '\0';
	for (; (n = next(&from, &shown)); to += n)
		memmove(to, shown, n);
	*to = '\0';
}

void printable_lines(char *text)
{
	char *to = text, *line = text;

	do {
		char *end = strchr(line, '\n');
		size_t len;

		if (end)
			*end = '\0';
		printable_line(line);
		len = strlen(line);
		memmove(to, line, len);
		to += len;
		if (end)
			*to++ = '\n';
		line = end ? end + 1 : NULL;
	} while (line);
	*to = '\0';
}

void printable_print(FILE *out, const char *text)
{
	const char *shown;
	size_t n;

	while ((n = next(&text, &shown)))
		fwrite(shown, 1, n, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

#define REPLACEMENT 0xfffd
#define PIECE_SIZE  8 /* "\uXXXX" and a NUL */

/* What stands for the next character of *text, which moves on. Returns its bytes. */
static size_t next_piece(const char **text, char piece[PIECE_SIZE])
{
	const char *at = *text;
	uint32_t c = REPLACEMENT;
	size_t n = utf8_read(at, &c);

	*text = at + (n ? n : 1);
	if (n == 0 || utf8_is_steering(c))
		return (size_t)snprintf(piece, PIECE_SIZE, "\\u%04x", (unsigned int)c);
	if (c == '"' || c == '\\')
		return (size_t)snprintf(piece, PIECE_SIZE, "\\%c", (char)c);
	memcpy(piece, at, n);
	return n;
}

void json_put_string(FILE *out, const char *text)
{
	char piece[PIECE_SIZE];

	fputc('"', out);
	while (*text) {
		size_t n = next_piece(&text, piece);

		fwrite(piece, 1, n, out);
	}
	fputc('"', out);
}

size_t json_string(char *buf, size_t size, const char *text)
{
	char piece[PIECE_SIZE];
	size_t len = 1, n;

	if (size < 2)
		return 0;
	buf[0] = '"';
	for (; *text; len += n) {
		n = next_piece(&text, piece);
		if (len + n >= size)
			return 0;
		memcpy(buf + len, piece, n);
	}
	buf[len] = '"';
	return len + 1;
}

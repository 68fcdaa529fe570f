/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>

#include "base/utf8.h"

#define REPLACEMENT 0xfffd

static void put_escaped(FILE *out, uint32_t c)
{
	fprintf(out, "\\u%04x", (unsigned int)c);
}

void json_put_string(FILE *out, const char *text)
{
	fputc('"', out);
	while (*text) {
		uint32_t c = REPLACEMENT;
		size_t n = utf8_read(text, &c);

		if (n == 0 || utf8_is_steering(c))
			put_escaped(out, c);
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", (char)c);
		else
			fwrite(text, 1, n, out);
		text += n ? n : 1;
	}
	fputc('"', out);
}

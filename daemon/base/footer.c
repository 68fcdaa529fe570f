/* SPDX-License-Identifier: Apache-2.0 */
#include "base/footer.h"

#include <stdio.h>
#include <string.h>

#define ERASE "\033[K"

void footer_init(struct footer *f, const char *term)
{
	*f = (struct footer){.dumb = !term || !*term || !strcmp(term, "dumb")};
}

size_t footer_draw(struct footer *f, const char *text, size_t len, char buf[FOOTER_OUT])
{
	size_t rest = f->dumb && f->drawn > len ? f->drawn - len : 0;
	int n;

	if (len == 0)
		return footer_erase(f, buf);
	if (len >= FOOTER_MAX)
		len = FOOTER_MAX - 1;
	n = snprintf(buf, FOOTER_OUT, "\r%.*s%*s%s", (int)len, text, (int)rest, "",
		     f->dumb ? "" : ERASE);
	f->drawn = len;
	return (size_t)n;
}

size_t footer_erase(struct footer *f, char buf[FOOTER_OUT])
{
	int n = 0;

	if (f->drawn && f->dumb)
		n = snprintf(buf, FOOTER_OUT, "\r%*s\r", (int)f->drawn, "");
	else if (f->drawn)
		n = snprintf(buf, FOOTER_OUT, "\r%s", ERASE);
	f->drawn = 0;
	return (size_t)n;
}

void footer_forget(struct footer *f)
{
	f->drawn = 0;
}

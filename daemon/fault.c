/* SPDX-License-Identifier: Apache-2.0 */
#include "fault.h"

#include <stdarg.h>
#include <stdio.h>

static void make_one_line(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
	}
}

void fault_add(struct faults *faults, const char *where, const char *fmt, ...)
{
	char text[1024], line[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "%s%s%s", where != NULL ? where : "",
		 where != NULL ? ": " : "", text);
	make_one_line(line);
	faults->count++;
	faults->report(faults->ctx, line);
}

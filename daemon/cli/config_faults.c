/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/config_faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/printable.h"
#include "kafka/kafkaprops.h"

#define MASK     "****"
#define MAX_TEXT 1024

/* Where the word begins that ends at `end`. */
static char *word_before(char *text, char *end)
{
	while (end > text && strchr(" '\"", end[-1]) == NULL)
		end--;
	return end;
}

/*
 * A property that came to stand where another word should (-c sasl.password=...) is quoted as it
 * was given: all behind the '=' goes, up to the last quote, as a secret may hold quotes itself.
 */
static void mask_secret(char *text, size_t size)
{
	char copy[MAX_TEXT];

	for (char *equals = text; (equals = strchr(equals, '=')) != NULL; equals++) {
		const char *quote = strrchr(equals, '\'');
		bool secret;

		*equals = '\0';
		secret = kafkaprops_is_secret(word_before(text, equals));
		*equals = '=';
		if (!secret)
			continue;
		snprintf(copy, sizeof(copy), "%s", quote != NULL ? quote : "");
		snprintf(equals + 1, size - (size_t)(equals + 1 - text), MASK "%s", copy);
		return;
	}
}

void config_faults_add(struct faults *faults, const char *where, const char *fmt, ...)
{
	char text[MAX_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printable_line(text);
	mask_secret(text, sizeof(text));
	faults->count++;
	faults->report(faults->ctx, where, text);
}

void config_faults_append(char *buf, size_t size, const char *line)
{
	static const char more[] = "\nand more: the log has them all";
	size_t used = strlen(buf), len = strlen(line);

	if (used == 0)
		snprintf(buf, size, "%s", line);
	else if (used + 1 + len + sizeof(more) <= size)
		snprintf(buf + used, size - used, "\n%s", line);
	else if (used + 1 >= sizeof(more) && strcmp(buf + used + 1 - sizeof(more), more) != 0)
		snprintf(buf + used, size - used, "%s", more);
}

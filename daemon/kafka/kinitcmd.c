/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librdkafka puts the values into the command too, but as they are: a quote in the path of a
 * keytab would end the quotes that are around it.
 */
#include "kafka/kinitcmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "kafka/kinit.h"

#define COMMAND "sasl.kerberos.kinit.cmd"
/* What a shell reads as it is, in quotes or not. */
#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._@:+,=-"

/* What the shell is in at a place of the command. */
enum quotes { NONE, SINGLE, DOUBLE };

static bool has_value(const rd_kafka_conf_t *conf, const char *name, const char *prefix)
{
	char value[64] = "";
	size_t size = sizeof(value);

	return rd_kafka_conf_get(conf, name, value, &size) == RD_KAFKA_CONF_OK &&
	       strncasecmp(value, prefix, strlen(prefix)) == 0;
}

bool kinitcmd_is_wanted(const rd_kafka_conf_t *conf)
{
	return has_value(conf, "security.protocol", "sasl") &&
	       has_value(conf, "sasl.mechanisms", "GSSAPI") &&
	       !has_value(conf, "sasl.kerberos.min.time.before.relogin", "0");
}

/* The value, malloc()ed; NULL: none is set, or this librdkafka has no such property. */
static char *get(const rd_kafka_conf_t *conf, const char *name)
{
	size_t size = 0;
	char *value;

	if (rd_kafka_conf_get(conf, name, NULL, &size) != RD_KAFKA_CONF_OK || size < 2)
		return NULL;
	value = malloc(size);
	if (value)
		rd_kafka_conf_get(conf, name, value, &size);
	return value;
}

static void put_value(FILE *out, const char *value, enum quotes quotes)
{
	if (value[strspn(value, PLAIN)] == '\0') {
		fputs(value, out);
		return;
	}
	if (quotes == NONE)
		fputc('\'', out);
	for (const char *c = value; *c; c++) {
		/* librdkafka must not take it for a name. */
		if (*c == '{' && c > value && c[-1] == '%')
			fputs(quotes == DOUBLE ? "\"\"" : "''", out);
		if (quotes == DOUBLE && strchr("\"$`\\", *c))
			fputc('\\', out);
		if (quotes != DOUBLE && *c == '\'')
			fputs("'\\'", out);
		fputc(*c, out);
	}
	if (quotes == NONE)
		fputc('\'', out);
}

/* Puts the value for the "%{NAME}" at `at`. Returns what follows; NULL with `why`: there is none.
 */
static const char *put_property(FILE *out, const rd_kafka_conf_t *conf, const char *at,
				enum quotes quotes, char *why, size_t size)
{
	const char *end = strchr(at, '}');
	char name[128], *value;

	if (!end) {
		snprintf(why, size, "Invalid " COMMAND " value: no } after %.15s", at);
		return NULL;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(end - at - 2), at + 2);
	value = get(conf, name);
	if (!value) {
		snprintf(why, size, "Invalid " COMMAND " value: Property not available: \"%s\"",
			 name);
		return NULL;
	}
	put_value(out, value, quotes);
	free(value);
	return end + 1;
}

static enum quotes after(enum quotes quotes, char c)
{
	if (c == '\'' && quotes != DOUBLE)
		return quotes == SINGLE ? NONE : SINGLE;
	if (c == '"' && quotes != SINGLE)
		return quotes == DOUBLE ? NONE : DOUBLE;
	return quotes;
}

/* Puts the command with the values in it. */
static int put_command(FILE *out, const rd_kafka_conf_t *conf, const char *command, char *why,
		       size_t size)
{
	enum quotes quotes = NONE;
	const char *at = command;

	while (at && *at) {
		if (at[0] == '%' && at[1] == '{') {
			at = put_property(out, conf, at, quotes, why, size);
			continue;
		}
		if (at[0] == '\\' && quotes != SINGLE && at[1] != '\0' && at[1] != '%')
			fputc(*at++, out);
		else
			quotes = after(quotes, *at);
		fputc(*at++, out);
	}
	return at ? 0 : -EINVAL;
}

/* Puts `text` as one word of the shell. */
static void put_quoted(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\'", out);
		fputc(*text, out);
	}
	fputc('\'', out);
}

/*
 * Our own path. After an upgrade the running file has none any more; the new one that stands in its
 * place does as well.
 */
static int own_path(char *buf, size_t size)
{
	static const char gone[] = " (deleted)";
	ssize_t n = readlink("/proc/self/exe", buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	if ((size_t)n > strlen(gone) && !strcmp(buf + n - strlen(gone), gone))
		buf[(size_t)n - strlen(gone)] = '\0';
	return 0;
}

/* The user's command with the values in it, malloc()ed. */
static int fill_in(char **out, const rd_kafka_conf_t *conf, const char *command, char *why,
		   size_t size)
{
	size_t len;
	FILE *file = open_memstream(out, &len);
	int r;

	if (!file)
		return -ENOMEM;
	r = put_command(file, conf, command, why, size);
	if (fclose(file) != 0 && r == 0)
		r = -ENOMEM;
	return r;
}

static int set_wrapped(rd_kafka_conf_t *conf, const char *command, int report)
{
	char self[4096], *wrapped = NULL;
	size_t len;
	FILE *file;
	int r = own_path(self, sizeof(self));

	if (r < 0)
		return r;
	file = open_memstream(&wrapped, &len);
	if (!file)
		return -ENOMEM;
	fputs("exec ", file);
	put_quoted(file, self);
	fprintf(file, " " KINIT_OPTION " %d ", report);
	put_quoted(file, command);
	if (fclose(file) != 0)
		r = -ENOMEM;
	else if (rd_kafka_conf_set(conf, COMMAND, wrapped, NULL, 0) != RD_KAFKA_CONF_OK)
		r = -EINVAL;
	free(wrapped);
	return r;
}

int kinitcmd_wrap(rd_kafka_conf_t *conf, int report, char *why, size_t size)
{
	char *command = get(conf, COMMAND), *filled = NULL;
	int r;

	if (!command)
		return 0;
	*why = '\0';
	r = fill_in(&filled, conf, command, why, size);
	if (r == 0)
		r = set_wrapped(conf, filled, report);
	if (r < 0 && !*why)
		snprintf(why, size, COMMAND " cannot be run by pycapa: %s", strerror(-r));
	free(filled);
	free(command);
	return r;
}

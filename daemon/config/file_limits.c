/* SPDX-License-Identifier: Apache-2.0 */
#include "config/file_limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

#define SEPARATORS " ,\t\n"
#define DAY_S      86400

enum name {
	DURATION,
	INTERVAL,
	FILESIZE,
	PACKETS,
	FILES,
	NAMETIMENUM,
	NAMES,
};

#define RING_LIST                                                                                  \
	"duration:S, interval:S, filesize:KB, packets:N, files:N, nametimenum:1|2 or "             \
	"printname:FILE"
#define PRINT_NAME "printname:" /* the one whose value is no number */
#define STOP_LIST  "duration:S, filesize:KB, packets:N or files:N"

static const struct {
	const char *name, *counts;
	int64_t max;
	bool stops; /* a run, too */
} names[] = {
	[DURATION] = {"duration", "seconds without a unit", 366L * DAY_S, true},
	[INTERVAL] = {"interval", "seconds without a unit", DAY_S, false},
	[FILESIZE] = {"filesize", "kB without a unit", 1000000000000, true}, /* a PB */
	[PACKETS] = {"packets", "packets", INT64_MAX, true},
	[FILES] = {"files", "files", 1000000, true},
	[NAMETIMENUM] = {"nametimenum", NULL, 2, false},
};

/* Seconds with up to six decimals into microseconds. */
static bool parse_seconds(const char *text, int64_t *us)
{
	size_t whole = strspn(text, "0123456789"), rest = 0;
	char decimals[8] = "000000", digits[24];
	int64_t seconds = 0;

	if (whole >= sizeof(digits))
		return false;
	memcpy(digits, text, whole);
	digits[whole] = '\0';
	if (text[whole] == '.') {
		rest = strspn(text + whole + 1, "0123456789");
		if (rest < 1 || rest > 6)
			return false;
		memcpy(decimals, text + whole + 1, rest);
		rest++;
	}
	if (text[whole + rest] != '\0' || (whole && !units_parse_integer(digits, &seconds)) ||
	    seconds > names[DURATION].max)
		return false;
	*us = seconds * 1000000 + (int64_t)strtol(decimals, NULL, 10);
	return whole + rest > 0 && *us > 0;
}

static void put(struct file_limits *out, enum name name, int64_t value)
{
	uint64_t n = (uint64_t)value;

	if (name == DURATION)
		out->duration_us = n;
	else if (name == INTERVAL)
		out->interval_s = n;
	else if (name == FILESIZE)
		out->bytes = n * 1000;
	else if (name == PACKETS)
		out->packets = n;
	else if (name == FILES)
		out->files = n;
	else
		out->time_first = n == 2;
}

static int refuse_value(enum name name, const char *value, char *why, size_t size)
{
	const char *called = names[name].name, *counts = names[name].counts;

	if (name == DURATION)
		snprintf(why, size, "%s:%s is not a number of %s, such as duration:60", called,
			 value, counts);
	else if (name == NAMETIMENUM)
		snprintf(why, size, "%s:%s is neither 1, the number first, nor 2, the time first",
			 called, value);
	else if (names[name].max == INT64_MAX)
		snprintf(why, size, "%s:%s is not a number of %s, 1 or more", called, value,
			 counts);
	else
		snprintf(why, size, "%s:%s is not a number of %s, 1 to %lld", called, value, counts,
			 (long long)names[name].max);
	return -EINVAL;
}

static int take_value(struct file_limits *out, enum name name, const char *value, char *why,
		      size_t size)
{
	int64_t n;

	if (name == DURATION && parse_seconds(value, &n)) {
		put(out, name, n);
		return 0;
	}
	if (name != DURATION && units_parse_integer(value, &n) && n >= 1 && n <= names[name].max) {
		put(out, name, n);
		return 0;
	}
	return refuse_value(name, value, why, size);
}

static int take_word(struct file_limits *out, bool stop, const char *word, char *why, size_t size)
{
	size_t len = strcspn(word, ":");

	for (size_t i = 0; i < NAMES && word[len]; i++)
		if (strlen(names[i].name) == len && !strncmp(word, names[i].name, len) &&
		    (names[i].stops || !stop))
			return take_value(out, (enum name)i, word + len + 1, why, size);
	snprintf(why, size, "'%s' is not one of %s", word, stop ? STOP_LIST : RING_LIST);
	return -EINVAL;
}

static bool take_print_name(struct file_limits *out, const char *word, size_t len)
{
	const size_t name = sizeof(PRINT_NAME) - 1;

	if (len <= name || strncmp(word, PRINT_NAME, name) != 0)
		return false;
	out->print_name = word + name;
	out->print_len = len - name;
	return true;
}

static int parse(struct file_limits *out, bool stop, const char *text, char *why, size_t size)
{
	const char *at = text ? text : "";
	char word[64];

	*out = (struct file_limits){0};
	while (*(at += strspn(at, SEPARATORS)) != '\0') {
		size_t len = strcspn(at, SEPARATORS);
		int r = 0;

		memcpy(word, at, len < 64 ? len : 63);
		word[len < 64 ? len : 63] = '\0';
		if (stop || !take_print_name(out, at, len))
			r = take_word(out, stop, word, why, size);
		if (r < 0)
			return r;
		at += len;
	}
	return 0;
}

int file_limits_parse_ring(struct file_limits *out, const char *text, char *why, size_t size)
{
	int r = parse(out, false, text, why, size);

	if (r == 0 && text && !out->duration_us && !out->interval_s && !out->bytes &&
	    !out->packets) {
		snprintf(why, size,
			 "nothing here ends a file: add duration:, interval:, filesize: or "
			 "packets:");
		return -EINVAL;
	}
	return r;
}

int file_limits_parse_stop(struct file_limits *out, const char *text, char *why, size_t size)
{
	int r = parse(out, true, text, why, size);

	if (r == 0 && text && !out->duration_us && !out->bytes && !out->packets && !out->files) {
		snprintf(why, size, "nothing here stops the run: add %s", STOP_LIST);
		return -EINVAL;
	}
	return r;
}

struct file_limits file_limits_of(const char *text)
{
	struct file_limits limits;
	char why[256];

	parse(&limits, false, text, why, sizeof(why));
	return limits;
}

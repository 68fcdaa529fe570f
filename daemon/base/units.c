/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{"T", 1ULL << 40},
	{"G", 1ULL << 30},
	{"M", 1ULL << 20},
	{"K", 1ULL << 10},
	{"B", 1},
	{"TiB", 1ULL << 40},
	{"GiB", 1ULL << 30},
	{"MiB", 1ULL << 20},
	{"KiB", 1ULL << 10},
	{"TB", 1ULL << 40},
	{"GB", 1ULL << 30},
	{"MB", 1ULL << 20},
	{"KB", 1ULL << 10},
	{NULL, 0},
};

static const struct unit time_units[] = {
	{"w", 604800000}, {"d", 86400000}, {"h", 3600000}, {"m", 60000},
	{"s", 1000},      {"ms", 1},       {"min", 60000}, {NULL, 0},
};

static bool refuse(int why)
{
	errno = why;
	return false;
}

static bool parse_scaled(const char *text, const struct unit *units, uint64_t plain,
			 uint64_t *value)
{
	uint64_t number, factor = plain;
	bool fits;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return refuse(EINVAL);
	errno = 0;
	number = strtoull(text, &end, 10);
	fits = errno == 0;
	if (*end != '\0') {
		for (; units->name != NULL && strcasecmp(units->name, end) != 0; units++)
			;
		if (units->name == NULL)
			return refuse(EINVAL);
		factor = units->factor;
	}
	return (fits && !__builtin_mul_overflow(number, factor, value)) || refuse(ERANGE);
}

bool units_parse_integer(const char *text, int64_t *value)
{
	const char *digits = text + (text[0] == '-' || text[0] == '+');
	char *end;

	if (!isdigit((unsigned char)digits[0]))
		return refuse(EINVAL);
	errno = 0;
	*value = strtoll(text, &end, 10);
	if (*end != '\0')
		return refuse(EINVAL);
	return errno == 0;
}

bool units_parse_size(const char *text, uint64_t plain, uint64_t *bytes)
{
	return parse_scaled(text, size_units, plain, bytes);
}

bool units_parse_time(const char *text, uint64_t plain, uint64_t *ms)
{
	return parse_scaled(text, time_units, plain, ms);
}

static int format_scaled(char *buf, size_t size, const struct unit *units, uint64_t value)
{
	if (value == 0)
		return snprintf(buf, size, "0");
	while (value % units->factor != 0)
		units++;
	return snprintf(buf, size, "%" PRIu64 "%s", value / units->factor, units->name);
}

int units_format_size(char *buf, size_t size, uint64_t bytes)
{
	return format_scaled(buf, size, size_units, bytes);
}

int units_format_span(char *buf, size_t size, uint64_t ms)
{
	static const struct unit units[] = {
		{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {NULL, 1000}};
	const struct unit *unit = units;
	uint64_t rest;

	while (unit[1].name && ms < unit->factor)
		unit++;
	rest = ms % unit->factor / unit[1].factor;
	if (!unit[1].name || rest == 0)
		return snprintf(buf, size, "%" PRIu64 "%s", ms / unit->factor, unit->name);
	return snprintf(buf, size, "%" PRIu64 "%s %" PRIu64 "%s", ms / unit->factor, unit->name,
			rest, unit[1].name);
}

int units_format_time(char *buf, size_t size, uint64_t ms)
{
	return format_scaled(buf, size, time_units, ms);
}

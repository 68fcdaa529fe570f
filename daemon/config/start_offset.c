/* SPDX-License-Identifier: Apache-2.0 */
#include "config/start_offset.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/units.h"

#define MAX_SECONDS 9999999999 /* since the epoch: the year 2286; more are no seconds */

/* Takes exactly `n` digits and the character that must follow ('\0': anything may). */
static bool take_number(const char **p, int n, char after, int min, int max, int *value)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (!isdigit((unsigned char)**p))
			return false;
		v = v * 10 + (*(*p)++ - '0');
	}
	if (after != '\0' && *(*p)++ != after)
		return false;
	*value = v;
	return v >= min && v <= max;
}

/* Takes `.digits` if they are there, as milliseconds. */
static bool take_fraction(const char **p, int *ms)
{
	int scale = 100;

	*ms = 0;
	if (**p != '.')
		return true;
	(*p)++;
	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++, scale /= 10)
		*ms += (**p - '0') * scale;
	return true;
}

/* Takes `Z` or `+hh:mm`, as minutes east of UTC. */
static bool take_zone(const char **p, int *minutes)
{
	int sign = **p == '-' ? -1 : 1, h, m;

	*minutes = 0;
	if (**p == 'Z' || **p == 'z') {
		(*p)++;
		return true;
	}
	if (**p != '+' && **p != '-')
		return false;
	(*p)++;
	if (!take_number(p, 2, ':', 0, 23, &h) || !take_number(p, 2, '\0', 0, 59, &m))
		return false;
	*minutes = sign * (h * 60 + m);
	return true;
}

static bool valid_day(int year, int month, int day)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return day <= days[month - 1] + (month == 2 && leap);
}

static bool parse_rfc3339(const char *p, int64_t *ms)
{
	struct tm tm = {0};
	int year, month, day, fraction, zone;

	if (!take_number(&p, 4, '-', 1970, 9999, &year) ||
	    !take_number(&p, 2, '-', 1, 12, &month) || !take_number(&p, 2, '\0', 1, 31, &day) ||
	    !valid_day(year, month, day))
		return false;
	if (*p == '\0' || strchr("Tt ", *p) == NULL)
		return false;
	p++;
	if (!take_number(&p, 2, ':', 0, 23, &tm.tm_hour) ||
	    !take_number(&p, 2, ':', 0, 59, &tm.tm_min) ||
	    !take_number(&p, 2, '\0', 0, 60, &tm.tm_sec) || !take_fraction(&p, &fraction) ||
	    !take_zone(&p, &zone) || *p != '\0')
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	*ms = ((int64_t)timegm(&tm) - zone * 60) * 1000 + fraction;
	return *ms >= 0;
}

static bool parse_epoch(const char *p, int64_t *ms)
{
	int64_t seconds = 0;
	int fraction;

	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++) {
		seconds = seconds * 10 + (*p - '0');
		if (seconds > MAX_SECONDS)
			return false;
	}
	if (!take_fraction(&p, &fraction) || *p != '\0')
		return false;
	*ms = seconds * 1000 + fraction;
	return true;
}

bool start_offset_parse_time(const char *text, int64_t now_ms, int64_t *ms)
{
	uint64_t ago;
	int64_t at;
	bool ok;

	if (text[0] == '@')
		ok = parse_epoch(text + 1, &at);
	else if (text[0] != '-')
		ok = parse_rfc3339(text, &at);
	else {
		/* A number without a unit is no time: plain = 0 would make it "now". */
		ok = strpbrk(text, "smhdwSMHDW") != NULL && units_parse_time(text + 1, 1, &ago) &&
		     ago <= (uint64_t)now_ms;
		at = ok ? now_ms - (int64_t)ago : 0;
	}
	if (ok)
		*ms = at;
	return ok;
}

static bool parse_word(const char *text, enum config_offset *kind)
{
	static const struct {
		const char *word;
		enum config_offset kind;
	} words[] = {
		{"begin", CONFIG_OFFSET_BEGIN},    {"end", CONFIG_OFFSET_END},
		{"stored", CONFIG_OFFSET_STORED},  {"earliest", CONFIG_OFFSET_BEGIN},
		{"latest", CONFIG_OFFSET_END},     {"beginning", CONFIG_OFFSET_BEGIN},
		{"smallest", CONFIG_OFFSET_BEGIN}, {"largest", CONFIG_OFFSET_END},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i].word) == 0) {
			*kind = words[i].kind;
			return true;
		}
	}
	return false;
}

bool start_offset_parse(const char *text, int64_t now_ms, enum config_offset *kind, int64_t *value)
{
	int64_t v;

	if (parse_word(text, kind)) {
		*value = 0;
		return true;
	}
	if (units_parse_integer(text, &v) && text[0] != '+' && v != INT64_MIN) {
		/* "-0" would be the last none: what `end` says plainly. */
		if (text[0] == '-' && v == 0)
			return false;
		*kind = text[0] == '-' ? CONFIG_OFFSET_TAIL : CONFIG_OFFSET_ABSOLUTE;
		*value = v < 0 ? -v : v;
		return true;
	}
	if (!start_offset_parse_time(text, now_ms, &v))
		return false;
	*kind = CONFIG_OFFSET_TIME;
	*value = v;
	return true;
}

const char *start_offset_word(enum config_offset kind, const char *text)
{
	switch (kind) {
	case CONFIG_OFFSET_BEGIN:
		return "begin";
	case CONFIG_OFFSET_END:
		return "end";
	case CONFIG_OFFSET_STORED:
		return "stored";
	default:
		return text;
	}
}

/* "@1795428900000": programs count in milliseconds, or finer, as often as in seconds. */
static bool explain_epoch(const char *text, char *why, size_t size)
{
	static const struct {
		size_t digits; /* of a time of now in that unit */
		const char *unit;
	} units[] = {{13, "milli"}, {16, "micro"}, {19, "nano"}};
	size_t digits = text[0] == '@' ? strspn(text + 1, "0123456789") : 0;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (digits != units[i].digits || text[1 + digits] != '\0')
			continue;
		snprintf(why, size, "'%s' looks like %sseconds: in seconds it is @%.10s.%s", text,
			 units[i].unit, text + 1, text + 11);
		return true;
	}
	return false;
}

void start_offset_explain(const char *text, char *why, size_t size)
{
	size_t digits = strspn(text + (text[0] == '-'), "0123456789");
	bool is_time = text[0] == '@' || (digits == 4 && text[4] == '-') || strchr(text, ':');

	if (explain_epoch(text, why, size))
		return;
	if (digits > 18 && text[(text[0] == '-') + digits] == '\0')
		snprintf(why, size, "'%s' is out of range: the last offset is %" PRId64, text,
			 INT64_MAX);
	else if (is_time)
		snprintf(why, size,
			 "'%s' is no time: write 2026-11-23T10:15:00Z (or +01:00 for the Z), -15m "
			 "(before now: units s, m, h, d, w), or @1795428900 (seconds since 1970)",
			 text);
	else
		snprintf(why, size,
			 "'%s' is no offset: begin, end, stored, N, -N, or a time such as "
			 "2026-11-23T10:15:00Z, -15m or @1795428900",
			 text);
}

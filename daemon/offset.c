/* SPDX-License-Identifier: Apache-2.0 */
#include "offset.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "units.h"

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
		if (seconds > INT64_MAX / 100000)
			return false;
	}
	if (!take_fraction(&p, &fraction) || *p != '\0')
		return false;
	*ms = seconds * 1000 + fraction;
	return true;
}

bool offset_parse_time(const char *text, int64_t now_ms, int64_t *ms)
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

bool offset_parse(const char *text, int64_t now_ms, enum config_offset *kind, int64_t *value)
{
	static const struct {
		const char *word;
		enum config_offset kind;
	} words[] = {
		{"begin", CONFIG_OFFSET_BEGIN},
		{"end", CONFIG_OFFSET_END},
		{"stored", CONFIG_OFFSET_STORED},
	};
	int64_t v;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i].word) == 0) {
			*kind = words[i].kind;
			*value = 0;
			return true;
		}
	}
	if (units_parse_integer(text, &v) && text[0] != '+' && v != INT64_MIN) {
		/* "-0" would be the last none: what `end` says plainly. */
		if (text[0] == '-' && v == 0)
			return false;
		*kind = text[0] == '-' ? CONFIG_OFFSET_TAIL : CONFIG_OFFSET_ABSOLUTE;
		*value = v < 0 ? -v : v;
		return true;
	}
	if (!offset_parse_time(text, now_ms, &v))
		return false;
	*kind = CONFIG_OFFSET_TIME;
	*value = v;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "config/point_in_time.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/units.h"

#define MAX_SECONDS 9999999999 /* since the epoch: the year 2286; more are no seconds */
#define US          1000000

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

/* Takes `.digits` if they are there, as microseconds. */
static bool take_fraction(const char **p, int *us)
{
	int scale = 100000;

	*us = 0;
	if (**p != '.')
		return true;
	(*p)++;
	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++, scale /= 10)
		*us += (**p - '0') * scale;
	return true;
}

/* Takes `Z` or `+hh:mm`, as minutes east of UTC; none at all is the local zone. */
static bool take_zone(const char **p, int *minutes, bool *local)
{
	int sign = **p == '-' ? -1 : 1, h, m;

	*minutes = 0;
	*local = **p == '\0';
	if (*local)
		return true;
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

/* Takes `:ss`, with a fraction, if it is there. */
static bool take_seconds(const char **p, int *seconds, int *us)
{
	if (**p != ':')
		return true;
	(*p)++;
	return take_number(p, 2, '\0', 0, 60, seconds) && take_fraction(p, us);
}

/* Takes `Thh:mm`, with seconds and a zone. */
static bool take_clock(const char **p, struct tm *tm, int *us, int *zone, bool *local)
{
	if (**p == '\0' || strchr("Tt ", **p) == NULL)
		return false;
	(*p)++;
	return take_number(p, 2, ':', 0, 23, &tm->tm_hour) &&
	       take_number(p, 2, '\0', 0, 59, &tm->tm_min) && take_seconds(p, &tm->tm_sec, us) &&
	       take_zone(p, zone, local) && **p == '\0';
}

static bool parse_rfc3339(const char *p, int64_t *us)
{
	struct tm tm = {.tm_isdst = -1};
	int year, month, day, fraction = 0, zone = 0;
	bool local = true;
	int64_t seconds;

	if (!take_number(&p, 4, '-', 1970, 9999, &year) ||
	    !take_number(&p, 2, '-', 1, 12, &month) || !take_number(&p, 2, '\0', 1, 31, &day) ||
	    !valid_day(year, month, day))
		return false;
	if (*p != '\0' && !take_clock(&p, &tm, &fraction, &zone, &local))
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	seconds = local ? (int64_t)mktime(&tm) : (int64_t)timegm(&tm) - zone * 60;
	*us = seconds * US + fraction;
	return seconds >= 0;
}

static bool parse_epoch(const char *p, int64_t *us)
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
	*us = seconds * US + fraction;
	return true;
}

/* Takes "15m" off "15m30s". A number without a unit is not a time. */
static bool take_span(const char **p, uint64_t *ms)
{
	size_t digits = strspn(*p, "0123456789"), units = strspn(*p + digits, "smhdwinSMHDWIN");
	char span[32];

	if (digits == 0 || units == 0 || digits + units >= sizeof(span))
		return false;
	snprintf(span, sizeof(span), "%.*s", (int)(digits + units), *p);
	*p += digits + units;
	return units_parse_time(span, 1, ms);
}

/* "-15m", "+5m" or "-1h30m" */
static bool parse_relative(const char *text, int64_t now_us, int64_t *us)
{
	int64_t sign = text[0] == '-' ? -1 : 1;
	uint64_t most = (uint64_t)(sign < 0 ? now_us / 1000 : MAX_SECONDS * 1000), sum = 0, ms;

	text++;
	do {
		if (!take_span(&text, &ms) || ms > most - sum)
			return false;
		sum += ms;
	} while (*text != '\0');
	*us = now_us + sign * (int64_t)sum * 1000;
	return true;
}

/* "today", or "07:09" with or without seconds, in the local zone. */
static bool parse_today(const char *p, int64_t now_us, int64_t *us)
{
	time_t now = now_us / US;
	int fraction = 0;
	struct tm tm;

	localtime_r(&now, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	if (strcasecmp(p, "today") != 0 && (!take_number(&p, 2, ':', 0, 23, &tm.tm_hour) ||
					    !take_number(&p, 2, '\0', 0, 59, &tm.tm_min) ||
					    !take_seconds(&p, &tm.tm_sec, &fraction) || *p != '\0'))
		return false;
	*us = (int64_t)mktime(&tm) * US + fraction;
	return true;
}

bool point_in_time_parse(const char *text, int64_t now_us, int64_t *us)
{
	int64_t at = now_us;
	bool ok = strcasecmp(text, "now") == 0;

	if (ok)
		; /* it is `now_us` */
	else if (text[0] == '@')
		ok = parse_epoch(text + 1, &at);
	else if (text[0] == '-' || text[0] == '+')
		ok = parse_relative(text, now_us, &at);
	else
		ok = parse_rfc3339(text, &at) || parse_today(text, now_us, &at);
	if (ok)
		*us = at;
	return ok;
}

/*
 * "@1795428900000": programs count in milliseconds, or finer, as often as in seconds.
 * "1795428900": the @ is missing.
 */
static bool explain_epoch(const char *text, char *why, size_t size)
{
	static const struct {
		size_t digits; /* of a time of now in that unit */
		const char *unit;
	} units[] = {{13, "milli"}, {16, "micro"}, {19, "nano"}};
	const char *number = text + (text[0] == '@');
	size_t digits = strspn(number, "0123456789");

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (digits != units[i].digits || number[digits] != '\0')
			continue;
		snprintf(why, size, "'%s' looks like %sseconds: in seconds it is @%.10s.%s", text,
			 units[i].unit, number, number + 10);
		return true;
	}
	if (number != text || digits < 9 || (number[digits] != '\0' && number[digits] != '.'))
		return false;
	snprintf(why, size, "'%s' is not a time: write seconds since 1970 as @%s", text, text);
	return true;
}

/* "2026-11-31": of a date that is written as one, the calendar has none. */
static bool explain_date(const char *text, char *why, size_t size)
{
	const char *p = text;
	int year, month, day;

	if (!take_number(&p, 4, '-', 1970, 9999, &year) ||
	    !take_number(&p, 2, '-', 0, 99, &month) || !take_number(&p, 2, '\0', 0, 99, &day) ||
	    (*p != '\0' && strchr("Tt ", *p) == NULL))
		return false;
	if (month >= 1 && month <= 12 && day >= 1 && valid_day(year, month, day))
		return false;
	snprintf(why, size, "'%s': there is no such date as %.*s", text, (int)(p - text), text);
	return true;
}

void point_in_time_explain(const char *text, char *why, size_t size)
{
	if (explain_epoch(text, why, size) || explain_date(text, why, size))
		return;
	snprintf(why, size,
		 "'%s' is not a time: write 2026-11-23T10:15:00Z (or +01:00 for the Z; without it "
		 "the "
		 "local time), 2026-11-23, 10:15 (today), today, now, -15m (ago; units s, m, h, d, "
		 "w), +15m (from now), or @1795428900 (seconds since 1970)",
		 text);
}

bool point_in_time_is_utc(int64_t us)
{
	time_t seconds = us / US;
	struct tm tm;

	localtime_r(&seconds, &tm);
	return tm.tm_gmtoff == 0;
}

void point_in_time_format(char *buf, size_t size, int64_t us, bool local)
{
	time_t seconds = us / US;
	char date[64], zone[64] = "Z";
	struct tm tm;

	if (local)
		localtime_r(&seconds, &tm);
	else
		gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), local ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%dT%H:%M:%S", &tm);
	if (local)
		strftime(zone, sizeof(zone), " %Z", &tm);
	if (us % US)
		snprintf(buf, size, "%s.%06d%s", date, (int)(us % US), zone);
	else
		snprintf(buf, size, "%s%s", date, zone);
}

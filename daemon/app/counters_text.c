/* SPDX-License-Identifier: Apache-2.0 */
#include "app/counters_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static void append(char *buf, size_t size, const char *fmt,
							 ...)
{
	size_t len = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + len, size - len, fmt, ap);
	va_end(ap);
}

void counters_metric(char *buf, size_t size, const struct counter *row)
{
	static const char *const units[] = {
		[COUNTER_PACKETS] = "packets",      [COUNTER_RECORDS] = "records",
		[COUNTER_BYTES] = "bytes",          [COUNTER_FILES] = "files",
		[COUNTER_MICROSECONDS] = "seconds", [COUNTER_CLIENTS] = "clients",
	};
	const char *unit = units[row->unit], *last = strrchr(row->name, '_');

	last = last ? last + 1 : row->name;
	snprintf(buf, size, "pycapa_%s%s%s", row->name, strcmp(last, unit) ? "_" : "",
		 strcmp(last, unit) ? unit : "");
}

static void append_value(char *buf, size_t size, const struct counter *row, uint64_t value)
{
	if (value == COUNTER_UNKNOWN)
		append(buf, size, "unknown");
	else if (row->unit == COUNTER_MICROSECONDS)
		append(buf, size, "%.1f", (double)value / 1e3);
	else
		append(buf, size, "%" PRIu64, value);
}

/* Packets a second, or bits. */
static double rate(const struct counter *row, const struct counters *now,
		   const struct counters *prev, double seconds)
{
	uint64_t more = counters_value(now, row) - counters_value(prev, row);

	return seconds > 0 ? (double)more / seconds * (row->unit == COUNTER_BYTES ? 8 : 1) : 0;
}

void counters_line(char *buf, size_t size, enum config_mode mode, const struct counters *now,
		   const struct counters *prev, double seconds)
{
	const struct counter *row;

	*buf = '\0';
	for (row = counters_first(mode); row; row = counters_next(row)) {
		uint64_t value = counters_value(now, row);

		if (!(row->shown & COUNTER_IN_LINE) ||
		    (value == COUNTER_UNKNOWN &&
		     (row->kind == COUNTER_TOTAL || row->shown & COUNTER_IF_KNOWN)))
			continue;
		append(buf, size, "%s%s%s=", *buf ? " " : "", row->name,
		       row->unit == COUNTER_MICROSECONDS ? "_ms" : "");
		append_value(buf, size, row, value);
	}
	for (row = counters_first(mode); row; row = counters_next(row))
		if (row->shown & COUNTER_AS_RATE)
			append(buf, size, " %s/s=%.0f",
			       row->unit == COUNTER_BYTES ? "bits" : "packets",
			       rate(row, now, prev, seconds));
}

/* Bits a second with the unit that leaves one to three digits before the point. */
static void append_bits(char *buf, size_t size, double bits)
{
	static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s"};
	size_t u = 0;

	while (bits >= 1000 && u < 3) {
		bits /= 1000;
		u++;
	}
	append(buf, size, ", %.*f %s", u ? 1 : 0, bits, units[u]);
}

void counters_status(char *buf, size_t size, enum config_mode mode, const struct counters *now,
		     const struct counters *prev, double seconds)
{
	const char *before = "; ";
	const struct counter *row;
	bool can_lose = false;

	*buf = '\0';
	for (row = counters_first(mode); row; row = counters_next(row)) {
		can_lose |= row->shown & COUNTER_AS_LOSS;
		if (!(row->shown & COUNTER_AS_RATE))
			continue;
		if (row->unit == COUNTER_BYTES)
			append_bits(buf, size, rate(row, now, prev, seconds));
		else
			append(buf, size, "%.0f packets/s", rate(row, now, prev, seconds));
	}
	for (row = counters_first(mode); row; row = counters_next(row)) {
		if (!(row->shown & COUNTER_IN_STATUS))
			continue;
		append(buf, size, "%s%s ", before, row->name);
		append_value(buf, size, row, counters_value(now, row));
		before = ", ";
	}
	if (can_lose)
		append(buf, size, ", lost %" PRIu64, counters_lost(now));
}

static void name_field(char *buf, size_t size, const struct counter *row)
{
	snprintf(buf, size, "pycapa_%s%s", row->name,
		 row->unit == COUNTER_MICROSECONDS ? "_us" : "");
	for (; *buf; buf++)
		if (*buf >= 'a' && *buf <= 'z') /* in whatever locale */
			*buf = (char)(*buf - 'a' + 'A');
}

void counters_fields(struct counters_fields *out, enum config_mode mode, const struct counters *now)
{
	const struct counter *row;

	out->n = 0;
	for (row = counters_first(mode); row; row = counters_next(row)) {
		uint64_t value = counters_value(now, row);

		if (value == COUNTER_UNKNOWN)
			continue;
		name_field(out->names[out->n], sizeof(out->names[0]), row);
		out->fields[out->n] = (struct log_field){out->names[out->n], value};
		out->n++;
	}
}

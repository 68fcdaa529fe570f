/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "base/events.h"
#include "base/json.h"

#define TIME_SIZE 64
#define JSON_END  "}\n"

static const struct {
	const char *name; /* as Python's logging names them: scripts match on it */
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = {"ERROR", LOG_ERR},
	[LOG_LEVEL_WARN] = {"WARNING", LOG_WARNING},
	[LOG_LEVEL_INFO] = {"INFO", LOG_INFO},
	[LOG_LEVEL_DEBUG] = {"DEBUG", LOG_DEBUG},
};

static const char *const event_ids[] = {
	[LOG_EVENT_NONE] = NULL,
	[LOG_EVENT_DROPPED] = EVENT_ID_DROPPED,
	[LOG_EVENT_BROKER_LOST] = EVENT_ID_BROKER_LOST,
	[LOG_EVENT_BROKER_BACK] = EVENT_ID_BROKER_BACK,
	[LOG_EVENT_INTERFACE_LOST] = EVENT_ID_INTERFACE_LOST,
	[LOG_EVENT_INTERFACE_BACK] = EVENT_ID_INTERFACE_BACK,
	[LOG_EVENT_RELOAD_REFUSED] = EVENT_ID_RELOAD_REFUSED,
	[LOG_EVENT_UNDELIVERED] = EVENT_ID_UNDELIVERED,
};
_Static_assert(sizeof(event_ids) / sizeof(event_ids[0]) == LOG_EVENT_COUNT, "an id an event");

/* ---- for the journal ---- */

__attribute__((format(printf, 2, 3))) static void append_field(struct log_line *l, const char *fmt,
							       ...)
{
	size_t room = sizeof(l->text) - l->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, room, fmt, ap);
	va_end(ap);
	l->len += n > 0 && (size_t)n < room ? (size_t)n + 1 : 0;
}

void log_line_fields(struct log_line *l, const struct log_entry *e)
{
	l->len = 0;
	append_field(l, "MESSAGE=%s", e->message);
	append_field(l, "PRIORITY=%d", levels[e->level].priority);
	if (event_ids[e->event])
		append_field(l, "MESSAGE_ID=%s", event_ids[e->event]);
	for (size_t i = 0; i < e->n_fields && i < LOG_FIELDS_MAX; i++)
		append_field(l, "%s=%" PRIu64, e->fields[i].name, e->fields[i].value);
	for (size_t i = 0; i < LOG_LINE_IDENTITY; i++)
		if (e->identity[i])
			append_field(l, "%s", e->identity[i]);
}

/* ---- for people ---- */

/* RFC 3339, in UTC: it needs no zone, and sorts. */
static void format_time(char buf[TIME_SIZE], int64_t ns)
{
	time_t s = ns / 1000000000;
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(buf, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, TIME_SIZE - n, ".%06dZ", (int)(ns % 1000000000 / 1000));
}

void log_line_text(struct log_line *l, const struct log_entry *e, bool time)
{
	char stamp[TIME_SIZE] = "";

	if (time)
		format_time(stamp, e->time_ns);
	l->len = (size_t)snprintf(l->text, sizeof(l->text), "%s%s%s:root:%s\n", stamp,
				  time ? " " : "", levels[e->level].name, e->message);
}

/* ---- for programs ---- */

/* Writes behind what counts, and counts it not. Returns its bytes, 0 when it has no room. */
__attribute__((format(printf, 2, 3))) static size_t put(struct log_line *l, const char *fmt, ...)
{
	size_t room = sizeof(l->text) - strlen(JSON_END) - l->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, room, fmt, ap);
	va_end(ap);
	return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

static void put_string(struct log_line *l, int name_len, const char *name, const char *value)
{
	size_t n = put(l, "%c\"%.*s\":", l->len ? ',' : '{', name_len, name), quoted = 0;
	size_t room = sizeof(l->text) - strlen(JSON_END) - l->len - n;

	if (n > 0)
		quoted = json_string(l->text + l->len + n, room, value);
	l->len += quoted > 0 ? n + quoted : 0;
}

static void put_member(struct log_line *l, const char *name, const char *value)
{
	put_string(l, (int)strlen(name), name, value);
}

void log_line_json(struct log_line *l, const struct log_entry *e)
{
	char stamp[TIME_SIZE];

	l->len = 0;
	format_time(stamp, e->time_ns);
	put_member(l, "time", stamp);
	put_member(l, "level", levels[e->level].name);
	put_member(l, "message", e->message);
	if (event_ids[e->event])
		put_member(l, "MESSAGE_ID", event_ids[e->event]);
	for (size_t i = 0; i < e->n_fields && i < LOG_FIELDS_MAX; i++)
		l->len += put(l, ",\"%s\":%" PRIu64, e->fields[i].name, e->fields[i].value);
	for (size_t i = 0; i < LOG_LINE_IDENTITY; i++) {
		const char *pair = e->identity[i];
		size_t name_len = pair ? strcspn(pair, "=") : 0;

		if (pair)
			put_string(l, (int)name_len, pair, pair + name_len + 1);
	}
	memcpy(l->text + l->len, JSON_END, strlen(JSON_END));
	l->len += strlen(JSON_END);
}

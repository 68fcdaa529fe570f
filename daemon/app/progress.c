/* SPDX-License-Identifier: Apache-2.0 */
#include "app/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum part {
	PART_PACKETS,
	PART_SHARE,
	PART_TIME,
	PART_RATE,
	PART_LEFT,
	PART_COUNT,
};

#define PART_SIZE 40

/* What goes first where there is no room for all. */
static const enum part dispensable[] = {PART_RATE, PART_TIME, PART_LEFT, PART_SHARE};

/* ---- numbers ---- */

static double share(uint64_t done, int64_t left)
{
	double whole = (double)done + (double)left;

	return left < 0 ? -1. : left == 0 ? 1. : (double)done / whole;
}

void progress_limit(struct progress *p, uint64_t done, int64_t left)
{
	if (share(done, left) <= share(p->done, p->left))
		return;
	p->done = done;
	p->left = left;
}

void progress_take(struct progress_meter *m, const struct progress *now, double at)
{
	struct progress_sample *next = &m->samples[m->n % PROGRESS_SAMPLES];

	if (m->n == 0)
		m->started = at;
	m->now = *now;
	m->at = at;
	*next = (struct progress_sample){at, now->packets, now->done};
	m->n++;
}

static const struct progress_sample *oldest(const struct progress_meter *m)
{
	return &m->samples[m->n > PROGRESS_SAMPLES ? m->n % PROGRESS_SAMPLES : 0];
}

/* A second, of what has become more by `more` in `seconds`; 0: cannot be told. */
static double rate_of(uint64_t now, uint64_t then, double seconds)
{
	return seconds > 0 && now > then ? (double)(now - then) / seconds : 0;
}

/* ---- the parts ---- */

static void put_packets(char *buf, uint64_t packets)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, packets), at = 0;

	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	snprintf(buf + at, PART_SIZE - (size_t)at, " packet%s read", packets == 1 ? "" : "s");
}

static void put_share(char *buf, const struct progress *now)
{
	if (now->left >= 0)
		snprintf(buf, PART_SIZE, "%d%%", (int)(100. * share(now->done, now->left)));
}

/* In the local zone. */
static void put_time(char *buf, uint64_t us)
{
	time_t seconds = (time_t)(us / 1000000);
	struct tm tm;

	if (us > 0 && localtime_r(&seconds, &tm))
		strftime(buf, PART_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
}

/* Three digits. */
static void put_rate(char *buf, double rate)
{
	static const char units[] = " kMGT";
	size_t unit = 0;

	for (; rate >= 999.5 && units[unit + 1]; unit++)
		rate /= 1000;
	if (rate <= 0)
		return;
	snprintf(buf, PART_SIZE, "%.*f%.*s packets/s",
		 rate >= 99.95   ? 0
		 : rate >= 9.995 ? 1
				 : 2,
		 rate, unit > 0, &units[unit]);
}

/* "0:12", "1:02:03"; days count as hours. */
static void put_span(char *buf, double span, const char *before, const char *after)
{
	uint64_t seconds = (uint64_t)(span + .5);

	if (span < 0 || span >= 1e9)
		return;
	if (seconds < 3600)
		snprintf(buf, PART_SIZE, "%s%" PRIu64 ":%02" PRIu64 "%s", before, seconds / 60,
			 seconds % 60, after);
	else
		snprintf(buf, PART_SIZE, "%s%" PRIu64 ":%02" PRIu64 ":%02" PRIu64 "%s", before,
			 seconds / 3600, seconds / 60 % 60, seconds % 60, after);
}

static void put_parts(char parts[PART_COUNT][PART_SIZE], const struct progress_meter *m, bool over)
{
	const struct progress_sample *then =
		over ? &(struct progress_sample){m->started, 0, 0} : oldest(m);
	double seconds = m->at - then->at;
	double pace = rate_of(m->now.done, then->done, seconds);

	put_packets(parts[PART_PACKETS], m->now.packets);
	put_share(parts[PART_SHARE], &m->now);
	put_time(parts[PART_TIME], m->now.time_us);
	put_rate(parts[PART_RATE], rate_of(m->now.packets, then->packets, seconds));
	if (over)
		put_span(parts[PART_LEFT], seconds, "in ", "");
	else if (m->now.left >= 0 && pace > 0)
		put_span(parts[PART_LEFT], (double)m->now.left / pace, "", " left");
}

/* ---- the line ---- */

static size_t join(char parts[PART_COUNT][PART_SIZE], char *buf, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < PART_COUNT && len < size; i++)
		if (*parts[i])
			len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? "  " : "",
						parts[i]);
	return len;
}

void progress_format(const struct progress_meter *m, bool over, size_t columns, char *buf,
		     size_t size)
{
	char parts[PART_COUNT][PART_SIZE] = {""};

	*buf = '\0';
	if (m->n == 0 || (m->now.packets == 0 && m->now.left < 0))
		return;
	put_parts(parts, m, over);
	for (size_t i = 0; join(parts, buf, size) > columns; i++) {
		if (i == sizeof(dispensable) / sizeof(dispensable[0]))
			break;
		*parts[dispensable[i]] = '\0';
	}
	if (columns < size)
		buf[columns] = '\0';
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "output/rotation.h"

#include <time.h>

#define SECOND_US 1000000ULL

/* The midnight that the day of `t` begins with, or so many days later. */
static time_t midnight(time_t t, int days)
{
	struct tm day;

	localtime_r(&t, &day);
	day.tm_hour = day.tm_min = day.tm_sec = 0;
	day.tm_mday += days;
	day.tm_isdst = -1;
	return mktime(&day);
}

/*
 * Counted from the local midnight, by seconds that pass: an hour that summer time leaves out or
 * adds is none or two; midnight ends an interval always.
 */
static uint64_t interval_end(uint64_t us, uint64_t interval_s)
{
	time_t t = (time_t)(us / SECOND_US);
	time_t from = midnight(t, 0), next = midnight(t, 1);
	uint64_t passed = t > from ? (uint64_t)(t - from) : 0;
	time_t end = from + (time_t)((passed / interval_s + 1) * interval_s);

	/* An interval of a day ends with it, however long that is. */
	if (end > next || interval_s == 86400)
		end = next;
	return (uint64_t)end * SECOND_US;
}

void rotation_begin(struct rotation *r, const struct file_limits *limits, uint64_t first_us,
		    uint64_t now_us)
{
	uint64_t from = first_us < now_us ? first_us : now_us;

	*r = (struct rotation){.end_us = ROTATION_NEVER};
	if (limits->duration_us)
		r->end_us = from + limits->duration_us;
	if (limits->interval_s) {
		uint64_t end = interval_end(from, limits->interval_s);

		r->end_us = end < r->end_us ? end : r->end_us;
	}
}

void rotation_count(struct rotation *r, uint64_t packets)
{
	r->packets += packets;
}

bool rotation_is_full(const struct rotation *r, const struct file_limits *limits, uint64_t size)
{
	return (limits->packets && r->packets >= limits->packets) ||
	       (limits->bytes && size >= limits->bytes);
}

bool rotation_is_due(const struct rotation *r, const struct file_limits *limits, uint64_t us,
		     uint64_t n, uint64_t size, uint64_t now_us)
{
	if (!r->packets)
		return false;
	if ((limits->packets && r->packets + n > limits->packets) ||
	    rotation_is_full(r, limits, size))
		return true;
	return (us < now_us ? us : now_us) >= r->end_us;
}

uint64_t rotation_wait(const struct rotation *r, uint64_t now_us, uint64_t quiet_us,
		       uint64_t patience_us)
{
	uint64_t patience = quiet_us < patience_us ? patience_us - quiet_us : 0;
	uint64_t left = r->end_us > now_us ? r->end_us - now_us : 0;

	if (!r->packets || r->end_us == ROTATION_NEVER)
		return ROTATION_NEVER;
	return left > patience ? left : patience;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the clock has to do with a read. Of one that has an end: what it is to read is there within
 * seconds, or is not; a range of time that ends ahead is over when nothing of it can come to the
 * topic any more. Of a live one: it says once that it waits at the end.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>

#include "config/config.h"
#include "consumer/assignment.h"
#include "kafka/kafka.h"

/* Less than 5, with the end of the client, which can take one more. */
#define RANGE_TIMERS_ABSENT_SEC 3

struct range_timers_options {
	struct ev_loop *loop;
	const struct config *cfg; /* borrowed until range_timers_stop() */
	const struct kafka *kafka;
	struct assignment *assignment; /* closed when the range is over */
	bool resumed; /* it goes on for another consumer: that one has found what is asked for */
	/*
	 * The broker or the topic is not there, after seconds; not where the user has said how long
	 * to wait (stall-timeout), nor for an instance with a file of its own, which may start
	 * before they do: those wait for the stall timeout. What is there and slow is waited for.
	 * For somebody who waits at a window (attended), live or not, with a file or without.
	 */
	void (*on_absent)(void *ctx);
	void *ctx;
};

/* Part of a struct consumer, zeroed at first; private but for one. */
struct range_timers {
	struct range_timers_options opt;
	ev_timer absent, live;
	ev_periodic expires;
	bool over; /* --to and the slack have passed, by the wall clock; to be read */
};

/* A range that ends with the topic is never over. */
void range_timers_start(struct range_timers *t, const struct range_timers_options *opt);

/* Legal on one that was zeroed. */
void range_timers_stop(struct range_timers *t);

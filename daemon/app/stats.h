/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain counters, their rates, and the one line that shows them. Pure: knows no clock, no loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The account of a producer. At every moment
 *	received + recovered = delivered + queued + spooled + failed + dropped + own
 * and once the input has been stopped
 *	passed = received + dropped_kernel
 */
struct stats_producer {
	uint64_t received;          /* packets that the filter let through and we read */
	uint64_t bytes;             /* their captured bytes */
	uint64_t recovered;         /* found in the spool at the start, left by earlier runs */
	uint64_t delivered;         /* acknowledged by Kafka */
	uint64_t queued;            /* in memory, not yet acknowledged */
	uint64_t spooled;           /* on disk, not yet acknowledged */
	uint64_t failed;            /* refused by Kafka for good */
	uint64_t dropped;           /* given up by us (spool or disk full) */
	uint64_t own;               /* our own traffic with Kafka, left out */
	uint64_t dropped_kernel;    /* lost before we could read them: ring full */
	uint64_t dropped_interface; /* lost by the device or its driver */
	uint64_t doubled;           /* resent though Kafka may have them */
	int64_t rtt_us;             /* the longest answer of a broker; -1 unknown */
	uint64_t passed;   /* passed the filter: received + dropped_kernel; if it is known */
	bool passed_known; /* the input is stopped and read empty */
};

struct stats_consumer {
	uint64_t read;    /* records */
	uint64_t written; /* packets handed to the output whole */
	uint64_t bytes;   /* their captured bytes */
	uint64_t skipped; /* records that are no packet of ours */
	int64_t lag;      /* records behind the end of the topic; -1 unknown */
};

/*
 * Formats `name=value …`, totals and the rates since `prev` over `seconds` (> 0), into buf.
 * Returns the length, as snprintf.
 */
int stats_format_producer(char *buf, size_t size, const struct stats_producer *now,
			  const struct stats_producer *prev, double seconds);
int stats_format_consumer(char *buf, size_t size, const struct stats_consumer *now,
			  const struct stats_consumer *prev, double seconds);

/* The same in a few words for a status line: rates and what was lost. As snprintf. */
int stats_summarize_producer(char *buf, size_t size, const struct stats_producer *now,
			     const struct stats_producer *prev, double seconds);
int stats_summarize_consumer(char *buf, size_t size, const struct stats_consumer *now,
			     const struct stats_consumer *prev, double seconds);

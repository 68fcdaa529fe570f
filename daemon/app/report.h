/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line of counters as a log entry: its text, and each counter as a field of the journal's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "app/counters.h"

/* What was said of the counters last, and when: rates are since then. */
struct report {
	enum config_mode mode;
	struct counters logged, summed;
	double logged_at, summed_at;
};

void report_init(struct report *r, enum config_mode mode, double now);

/* Logs totals, and rates since the last call; a warning when more are lost since. */
void report_log(struct report *r, const struct counters *counters, double now);
/* One short line of rates since the last call of this function. */
void report_summarize(struct report *r, const struct counters *counters, double now, char *buf,
		      size_t size);

/* How a producer's run ended. Texts: "" where there is none. */
struct report_end {
	uint64_t maybe;              /* given up, though Kafka may have them */
	uint64_t again;              /* Kafka has them, and so has the spool */
	const char *spool_directory; /* may be NULL without a spool */
	/* Why packets were not delivered, as far as that is known. */
	const char *waited_for;  /* when the end was given up */
	uint64_t refused;        /* by Kafka, for good */
	const char *refusal;     /* in its words */
	uint64_t spool;          /* dropped for want of room on disk, or damaged there */
	uint64_t unread;         /* left in the capture buffer */
	unsigned int unreadable; /* files of the spool: with 1 or more it is no success */
	const char *rest;        /* a file that was not read to its end, or NULL */
	uint64_t rest_done;      /* bytes of it that were */
	int64_t rest_left;       /* bytes that were not; -1: not known */
	bool cut_short;          /* it has an end, and was to be sent up to there */
	const char *failure;     /* what ended the input too early */
};

/*
 * Logs the closing lines: the account, and what became of what was not delivered. Returns the exit
 * status; with 1 the last line says how many packets are lost, and why the run failed.
 */
int report_end(struct report *r, const struct counters *counters, const struct report_end *end,
	       double now);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line of counters as a log entry: its text, and each counter as a field of the journal's.
 */
#pragma once

#include "stats.h"

/* Packets that will never be in Kafka. */
uint64_t report_lost(const struct stats_producer *st);

/* Logs totals, and rates since `prev` over `seconds`; a warning when more are lost since. */
void report_producer(const struct stats_producer *now, const struct stats_producer *prev,
		     double seconds);
void report_consumer(const struct stats_consumer *now, const struct stats_consumer *prev,
		     double seconds);

/* Why packets were not delivered, as far as that is known. */
struct report_loss {
	const char *waited_for; /* when the end was given up; "": it was not */
	uint64_t refused;       /* by Kafka, for good */
	const char *refusal;    /* in its words */
	uint64_t spool;         /* dropped for want of room on disk, or damaged there */
	uint64_t unread;        /* left in the capture buffer */
};

/* What follows "N packet(s) not delivered". */
void report_describe_loss(char *buf, size_t size, const struct report_loss *loss);

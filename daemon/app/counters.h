/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of counters: the stats line, the journal's fields, STATUS= and the metrics are made
 * from its rows. Pure: knows no clock, no loop, no module.
 *
 * A new counter is a member of struct counters, a row in counters.c, and its value where the role
 * reads its counters: read_counters() of producer_report.c or consumer_report.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "config/config.h"

/* The value of what is not known now; no counter gets there. */
#define COUNTER_UNKNOWN UINT64_MAX

/*
 * The values at one moment; reading them changes nothing. What they mean, the rows say. At every
 * moment, of a producer,
 *	received + recovered = delivered + queued + spooled + failed + dropped + own
 * and where `passed` is known
 *	passed = received + dropped_kernel
 */
struct counters {
	uint64_t passed, received, recovered, delivered, queued, spooled, failed, dropped;
	uint64_t dropped_kernel, dropped_interface, own, doubled, rtt;
	uint64_t buffered, queued_bytes, spool_bytes, spool_files, spool_age;
	uint64_t read, written, filtered, skipped, late, gone, lag, lag_time; /* of a consumer */
	uint64_t clients, cut_off; /* of one that listens, else unknown */
	uint64_t rotated_files;    /* of one that writes a set of files, likewise */
	uint64_t bytes;            /* of both */
};

/* What a value counts. A rate of packets is shown as packets/s, one of bytes as bits/s. */
enum counter_unit {
	COUNTER_PACKETS,
	COUNTER_RECORDS,
	COUNTER_BYTES,
	COUNTER_FILES,
	COUNTER_CLIENTS,
	COUNTER_MICROSECONDS, /* _ms in the line, _US in the journal, seconds in the metrics */
};

enum counter_kind {
	COUNTER_TOTAL, /* only grows, from the start of the process; unknown: not shown */
	COUNTER_GAUGE, /* as it is now; unknown: the line says so */
};

/* Where a row is shown beside the journal and the metrics, which have all; the values of a set. */
enum counter_shown {
	COUNTER_IN_LINE = 1,
	COUNTER_IN_STATUS = 2,
	COUNTER_AS_RATE = 4, /* at the end of the line, at the start of the status */
	COUNTER_AS_LOSS = 8, /* part of the status's `lost`; a line with more of it is a warning */
	COUNTER_IF_KNOWN = 16, /* a gauge: the line says nothing of what is unknown */
};

struct counter {
	const char *name; /* without the unit, which is another in each place */
	const char *help; /* one sentence on one line */
	size_t offset;    /* of its value in struct counters */
	enum config_mode mode;
	enum counter_unit unit;
	enum counter_kind kind;
	unsigned int shown; /* a set of enum counter_shown */
};

/* No mode has more (checked at compile time); for arrays beside the table. */
#define COUNTERS_MAX LOG_FIELDS_MAX

/* The first row of a mode, and the one after `row`, in the order of the line; NULL at the end. */
const struct counter *counters_first(enum config_mode mode);
const struct counter *counters_next(const struct counter *row);

uint64_t counters_value(const struct counters *counters, const struct counter *row);

/* Packets that will never be in Kafka. */
uint64_t counters_lost(const struct counters *counters);

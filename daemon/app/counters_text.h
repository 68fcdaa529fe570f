/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of the counters, from their table: a line, a status, the fields of a log entry.
 * Texts that do not fit are cut.
 */
#pragma once

#include <stddef.h>

#include "app/counters.h"
#include "base/log.h"

/* The longest name of a metric, with its end. */
#define COUNTERS_METRIC_MAX 80

/*
 * `pycapa_NAME_UNIT`, the name of a row as a family of metrics: base units, seconds for times. The
 * samples of a total have "_total" behind it.
 */
void counters_metric(char *buf, size_t size, const struct counter *row);

/* `name=value …`: the totals, and the rates since `prev` over `seconds`; 0 s have no rate. */
void counters_line(char *buf, size_t size, enum config_mode mode, const struct counters *now,
		   const struct counters *prev, double seconds);

/* The same in a few words: rates, what matters most, and what was lost. */
void counters_status(char *buf, size_t size, enum config_mode mode, const struct counters *now,
		     const struct counters *prev, double seconds);

struct counters_fields {
	struct log_field fields[COUNTERS_MAX]; /* their names are in `names` */
	char names[COUNTERS_MAX][40];
	size_t n;
};

/* A field for each counter whose value is known. */
void counters_fields(struct counters_fields *out, enum config_mode mode,
		     const struct counters *now);

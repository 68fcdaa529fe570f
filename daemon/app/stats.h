/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of the counters, from their table: a line, a status, the fields of a log entry.
 * Texts that do not fit are cut.
 */
#pragma once

#include <stddef.h>

#include "app/counters.h"
#include "base/log.h"

/* `name=value …`: the totals, and the rates since `prev` over `seconds`; 0 s have no rate. */
void stats_line(char *buf, size_t size, enum config_mode mode, const struct counters *now,
		const struct counters *prev, double seconds);

/* The same in a few words: rates, what matters most, and what was lost. */
void stats_status(char *buf, size_t size, enum config_mode mode, const struct counters *now,
		  const struct counters *prev, double seconds);

struct stats_fields {
	struct log_field fields[COUNTERS_MAX]; /* their names are in `names` */
	char names[COUNTERS_MAX][40];
	size_t n;
};

/* A field for each counter whose value is known. */
void stats_fields(struct stats_fields *out, enum config_mode mode, const struct counters *now);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an instance tells of itself at one moment, and its text for Prometheus. Pure.
 *
 * The counters are those of the one table (counters.h), under the names that follow from their
 * rows: counters_metric(). What else there is, metrics.c names.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "app/counters.h"
#include "app/exposition.h"
#include "config/config.h"
#include "kafka/kafkastats.h"
#include "producer/delivery_ages.h"

/* One of them it is in. What waits for two is in the first of them. */
enum metrics_state {
	METRICS_STARTING,
	METRICS_STOPPING,
	METRICS_NO_INTERFACE, /* waits for it */
	METRICS_NO_BROKER,
	METRICS_NO_TOPIC,
	METRICS_CAPTURING,
	METRICS_READING, /* a file, or the topic */
	METRICS_STATES,
};

/* All pointers are borrowed. */
struct metrics {
	const struct config *cfg;
	enum metrics_state state;
	bool connected;                   /* a broker answers */
	char trouble[512];                /* why packets get nowhere; "": they get somewhere */
	struct counters counters;         /* of the mode of `cfg` */
	bool counted;                     /* false: there is nothing that counts yet */
	const struct kafkastats *kafka;   /* NULL: none */
	const struct delivery_ages *ages; /* NULL: none */

	uint64_t started_us; /* since the epoch */
	uint64_t cpu_us;     /* used by the process */
	uint64_t reloads, reloads_refused;
	bool refused_last; /* the last reload was */
	uint64_t watchdog; /* times that the manager was told that the loop runs */
};

void metrics_print(FILE *out, const struct metrics *m, enum exposition_format format);

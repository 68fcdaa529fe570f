/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between two configurations, setting by setting. Kafka's properties are librdkafka's
 * to compare: kafka/kafkadiff.h.
 */
#pragma once

#include "config/config.h"
#include "config/settings.h"

/* One changed setting, or one changed Kafka property; secrets are masked already. */
struct difference {
	const char *name;   /* "snaplen", "kafka-config linger.ms" */
	const char *before; /* as a file would say it; "" when it was not set */
	const char *after;
	enum config_change change;
};

typedef void (*difference_fn)(void *ctx, const struct difference *d);

/*
 * Compares all settings and calls `fn` (may be NULL) for each that differs. Returns what the
 * changes cost, a set of enum config_change. What is no single value (the Kafka properties) is left
 * out.
 */
unsigned int difference_between(const struct config *before, const struct config *after,
				difference_fn fn, void *ctx);

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
 * Compares one setting and calls `fn` (may be NULL) if it differs. Returns what the change costs,
 * an enum config_change; 0: none. What is no single value (an action, the Kafka properties) never
 * differs here.
 */
unsigned int difference_of(const struct setting *setting, const struct config *before,
			   const struct config *after, difference_fn fn, void *ctx);

/* True when the capture handle that runs with `before` will not do for `after`. */
bool difference_needs_capture(const struct config *before, const struct config *after);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question to Kafka outside of an instance: asked on a thread by calls that wait, with a client
 * that has all properties of a configuration, and a loop of its own here to serve it.
 *
 * The client joins no group, commits nothing and has no topic created, whatever the properties say.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stddef.h>

#include "config/config.h"

struct inquiry_question {
	/* On a thread. Every wait of it is to be bounded. */
	void (*ask)(void *ctx, rd_kafka_t *rk);
	void *ctx;
	unsigned int most_ms; /* for a cluster that answers; one that does not is given 4.5 s */
};

/*
 * Returns 0 when ask() has returned. Else a negative errno, with `why` in one line, or "" when it
 * is logged already: the settings are refused, Kafka cannot be reached, or refuses us. ask() may
 * still run then: `ctx` must stay. With 0 `why` holds the last error of a connection, "" when there
 * is none.
 */
int inquiry_run(const struct config *cfg, const struct inquiry_question *question, char *why,
		size_t size);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether Kafka takes what waits for it: looked at every few seconds, logged when it begins and
 * when it ends, and said in words. A broker that does not answer is logged by its client (kafka).
 */
#pragma once

#include <ev.h>
#include <stddef.h>

#include "producer/producer.h"
#include "producer/relay.h"

struct outage;

struct outage_options {
	struct ev_loop *loop;
	struct producer *producer;    /* borrowed */
	struct relay *relay;          /* borrowed */
	void (*on_change)(void *ctx); /* outage_describe() may say something else */
	void *ctx;
};

/* Returns 0 or -ENOMEM. */
int outage_new(struct outage **out, const struct outage_options *opt);

/* For STATUS=: "waiting for broker HOST:PORT", "waiting for topic TOPIC: REASON"; "": nothing. */
void outage_describe(const struct outage *u, char *buf, size_t size);

/* What keeps packets from being delivered, as far as that is known. */
void outage_waiting_for(const struct outage *u, char *buf, size_t size);

/* NULL is legal. */
void outage_free(struct outage *u);

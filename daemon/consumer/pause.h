/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stops and restarts the flow of partitions: one that has been taken to its end, all of them while
 * downstream is full.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "base/worker.h"
#include "consumer/partitions.h"

struct pause_options {
	struct worker *worker; /* borrowed, as the next three; all rkcalls of the client */
	rd_kafka_t *rk;
	const char *topic;
	struct partitions *partitions;
	/* What was asked for last is in force. */
	void (*on_changed)(void *ctx);
	/* It cannot be asked for; `r` is -errno. */
	void (*on_failed)(void *ctx, int r);
	void *ctx;
};

/* Part of a struct assignment; private. */
struct pause {
	struct pause_options opt;
	bool shut;    /* all are to stop, or to stay so */
	bool pausing; /* partitions that are not at their end are being stopped */
	bool stopped;
};

void pause_init(struct pause *g, const struct pause_options *opt);

/* Stops or restarts all, those too that come meanwhile; what is in force follows. */
void pause_shut(struct pause *g, bool shut);

/* Asks for what is wanted and not so. To be called when partitions changed, or a job ended. */
void pause_apply(struct pause *g);

/* As assignment_nudge(). */
void pause_nudge(struct pause *g, int32_t partition);

/* Asks for nothing any more. */
void pause_stop(struct pause *g);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the metrics are to be had, by the settings: an address that answers GET /metrics and
 * GET /healthz (metrics-listen), a file (metrics-textfile).
 *
 * A reload has two steps, as what it asks for may not be to be had: metrics_server_prepare() opens
 * what is new beside what is there, metrics_server_commit() puts it in its place.
 */
#pragma once

#include <ev.h>
#include <stddef.h>

#include "app/metrics.h"
#include "config/config.h"

struct metrics_server;

struct metrics_server_options {
	struct ev_loop *loop;
	/* What is so now; `*out` is all zero before. */
	void (*read)(void *ctx, struct metrics *out);
	void *ctx;
};

/* Nothing is served yet. 0 or -ENOMEM. */
int metrics_server_new(struct metrics_server **out, const struct metrics_server_options *opt);

/*
 * Opens what `cfg` asks for and is not open; nothing for an attended one. 0, or -errno with one
 * line in `why`.
 */
int metrics_server_prepare(struct metrics_server *m, const struct config *cfg, char *why,
			   size_t size);
/* What was prepared last is in force; cancel: it is not, and nothing has changed. */
void metrics_server_commit(struct metrics_server *m);
void metrics_server_cancel(struct metrics_server *m);

/* Writes the file a last time. NULL is legal. */
void metrics_server_free(struct metrics_server *m);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an assignment is given, and what it tells.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "consumer/position.h"

struct assignment_options {
	struct ev_loop *loop;
	const struct config *cfg; /* borrowed until assignment_free() */
	rd_kafka_t *rk;           /* borrowed until assignment_free() says it is gone */
	const struct consumer_position *resume; /* copied; start here instead of by cfg->start */
	size_t n_resume;

	/* Without a group: the partition is going to be read. */
	void (*on_assigning)(void *ctx, int32_t partition);
	/* Partitions came, went, or are in trouble. */
	void (*on_change)(void *ctx);
	/*
	 * Partitions are about to go: write what can be written, and store it. Returns true when
	 * some of it is not safe yet: assignment_commit(), or assignment_let_go(), follows.
	 */
	bool (*on_losing)(void *ctx);
	/* They are gone: their messages are somebody else's now. */
	void (*on_lost)(void *ctx);
	/* What assignment_commit() gave is answered, however. */
	void (*on_committed)(void *ctx);
	/* Partitions were paused, or flow again; assignment_is_pausing() may have changed. */
	void (*on_flow)(void *ctx);
	/* It cannot work at all (logged); `why` in words. */
	void (*on_failed)(void *ctx, const char *why);
	void *ctx;
};

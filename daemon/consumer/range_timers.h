/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the clock has to do with a range of time: who is asked for one is there within seconds, or
 * is not; a range that ends ahead is over when nothing of it can come any more.
 */
#pragma once

#include <ev.h>

#include "config/config.h"

/* Part of a struct consumer, zeroed at first; private. */
struct range_timers {
	struct ev_loop *loop;
	ev_timer absent, expires;
	void (*on_absent)(void *ctx);
	void (*on_expired)(void *ctx);
	void *ctx;
};

/*
 * Without a range none of them is called. on_absent() may come once, after seconds, unless the user
 * has said how long to wait (stall-timeout); on_expired() when --to and the slack have passed,
 * unless the range ends with the topic.
 */
void range_timers_start(struct range_timers *t, struct ev_loop *loop, const struct config *cfg,
			void (*on_absent)(void *ctx), void (*on_expired)(void *ctx), void *ctx);

/* Legal on one that was zeroed. */
void range_timers_stop(struct range_timers *t);

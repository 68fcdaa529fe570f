/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/range_timers.h"

#include "config/settings_value.h"
#include "config/time_range.h"

#define ABSENT_SEC 4.0

static void on_absent(struct ev_loop *loop, ev_timer *w, int revents)
{
	const struct range_timers *t = w->data;

	t->on_absent(t->ctx);
}

static void on_expires(struct ev_loop *loop, ev_timer *w, int revents)
{
	const struct range_timers *t = w->data;

	t->on_expired(t->ctx);
}

void range_timers_start(struct range_timers *t, struct ev_loop *loop, const struct config *cfg,
			void (*absent)(void *ctx), void (*expired)(void *ctx), void *ctx)
{
	double left = (double)cfg->to.us / 1e6 + (double)cfg->slack_ms / 1e3 - ev_time();

	t->loop = loop;
	t->on_absent = absent;
	t->on_expired = expired;
	t->ctx = ctx;
	ev_timer_init(&t->absent, on_absent, ABSENT_SEC, 0);
	ev_timer_init(&t->expires, on_expires, left > 0 ? left : 0, 0);
	t->absent.data = t->expires.data = t;
	if (time_range_is_set(cfg) && !settings_origin(cfg, "stall-timeout"))
		ev_timer_start(loop, &t->absent);
	if (cfg->to.text && !cfg->exit_at_end)
		ev_timer_start(loop, &t->expires);
}

void range_timers_stop(struct range_timers *t)
{
	if (!t->loop)
		return;
	ev_timer_stop(t->loop, &t->absent);
	ev_timer_stop(t->loop, &t->expires);
}

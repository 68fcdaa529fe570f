/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/range_timers.h"

#include "config/settings_value.h"
#include "config/time_range.h"

#define ABSENT_SEC 3.0 /* with the end of the client, which can take one more, less than 5 */
#define AGAIN_SEC  1.0

static bool is_absent(const struct range_timers *t)
{
	rd_kafka_resp_err_t err = assignment_trouble(t->opt.assignment);

	return !kafka_connected(t->opt.kafka) || err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
	       err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

static void on_absent(struct ev_loop *loop, ev_timer *w, int revents)
{
	const struct range_timers *t = w->data;
	bool known = assignment_is_known(t->opt.assignment);

	if (!known && !is_absent(t))
		return; /* looks again */
	ev_timer_stop(loop, w);
	if (!known)
		t->opt.on_absent(t->opt.ctx);
}

/* Somebody sits there, and what is asked for is there already, or a name is misspelt. */
static bool must_be_there(const struct config *cfg)
{
	return (time_range_is_set(cfg) || cfg->exit_at_end) && !cfg->file &&
	       !settings_origin(cfg, "stall-timeout");
}

static void on_expires(struct ev_loop *loop, ev_periodic *w, int revents)
{
	struct range_timers *t = w->data;

	t->over = true;
	assignment_close(t->opt.assignment);
}

void range_timers_start(struct range_timers *t, const struct range_timers_options *opt)
{
	const struct config *cfg = opt->cfg;

	t->opt = *opt;
	ev_timer_init(&t->absent, on_absent, ABSENT_SEC, AGAIN_SEC);
	ev_periodic_init(&t->expires, on_expires,
			 (double)cfg->to.us / 1e6 + (double)cfg->slack_ms / 1e3, 0, NULL);
	t->absent.data = t->expires.data = t;
	if (must_be_there(cfg) && !opt->resumed)
		ev_timer_start(opt->loop, &t->absent);
	if (time_range_ends_ahead(cfg))
		ev_periodic_start(opt->loop, &t->expires);
}

void range_timers_stop(struct range_timers *t)
{
	if (!t->opt.loop)
		return;
	ev_timer_stop(t->opt.loop, &t->absent);
	ev_periodic_stop(t->opt.loop, &t->expires);
}

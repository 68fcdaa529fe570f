/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/range_timers.h"

#include "base/log.h"
#include "config/settings_value.h"
#include "config/time_range.h"
#include "consumer/lag.h"

#define AGAIN_SEC 1.0
#define LIVE_SEC  .25

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
	return cfg->attended || ((time_range_is_set(cfg) || cfg->exit_at_end) && !cfg->file &&
				 !settings_origin(cfg, "stall-timeout"));
}

/* Whoever watches a quiet topic wants to know that it is quiet. */
static void on_live(struct ev_loop *loop, ev_timer *w, int revents)
{
	const struct range_timers *t = w->data;
	const struct assignment *a = t->opt.assignment;
	const char *topic = t->opt.cfg->topic;

	if (!assignment_is_known(a) || !kafka_connected(t->opt.kafka) ||
	    !lag_is_none(assignment_partitions(a), kafka_client(t->opt.kafka), topic,
			 kafka_stats(t->opt.kafka)))
		return; /* looks again */
	ev_timer_stop(loop, w);
	log_info("Waiting for packets at the end of topic %s, %d partition(s)", topic,
		 assignment_count(a));
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
	ev_timer_init(&t->absent, on_absent, RANGE_TIMERS_ABSENT_SEC, AGAIN_SEC);
	ev_periodic_init(&t->expires, on_expires,
			 (double)cfg->to.us / 1e6 + (double)cfg->slack_ms / 1e3, 0, NULL);
	ev_timer_init(&t->live, on_live, LIVE_SEC, LIVE_SEC);
	t->absent.data = t->live.data = t->expires.data = t;
	if (must_be_there(cfg) && !opt->resumed)
		ev_timer_start(opt->loop, &t->absent);
	if (!cfg->exit_at_end && !opt->resumed)
		ev_timer_start(opt->loop, &t->live);
	if (time_range_ends_ahead(cfg))
		ev_periodic_start(opt->loop, &t->expires);
}

void range_timers_stop(struct range_timers *t)
{
	if (!t->opt.loop)
		return;
	ev_timer_stop(t->opt.loop, &t->absent);
	ev_timer_stop(t->opt.loop, &t->live);
	ev_periodic_stop(t->opt.loop, &t->expires);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/outage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "kafka/hints.h"
#include "producer/outclient.h"
#include "producer/rejections.h"

#define WATCH_S 5.

struct outage {
	struct outage_options opt;
	ev_timer watch;
	uint64_t settled;  /* delivered and failed at its last look */
	bool was_there;    /* is_there() at its last look */
	char trouble[256]; /* what keeps a broker that answers from taking packets; "": nothing */
};

/* A broker that refuses us is there too, though the next client has not called on it yet. */
static bool is_there(const struct outage *u)
{
	return producer_is_connected(u->opt.producer) ||
	       producer_refusals(u->opt.producer)->hold > 0;
}

void outage_waiting_for(const struct outage *u, char *buf, size_t size)
{
	const char *why = rejections_words(producer_refusals(u->opt.producer)->for_now);
	const struct hint hint = hints_behind(why, ": ");
	const struct config *cfg = producer_config(u->opt.producer);

	if (*why && is_there(u))
		snprintf(buf, size, "topic %s: %s%s%s", cfg->topic, why, hint.mark, hint.advice);
	else
		outclient_waiting_for(producer_client(u->opt.producer), cfg, buf, size);
}

void outage_describe(const struct outage *u, char *buf, size_t size)
{
	if (!is_there(u))
		snprintf(buf, size, "waiting for broker %s",
			 producer_config(u->opt.producer)->brokers);
	else
		snprintf(buf, size, "%s%s", *u->trouble ? "waiting for " : "", u->trouble);
}

static void begin_trouble(struct outage *u)
{
	bool told = *u->trouble;

	outage_waiting_for(u, u->trouble, sizeof(u->trouble));
	if (!told)
		log_write_event(LOG_LEVEL_WARN, LOG_EVENT_BROKER_LOST, NULL, 0,
				"No packet has been delivered for %d s: waiting for %s",
				(int)WATCH_S, u->trouble);
}

static void end_trouble(struct outage *u)
{
	if (*u->trouble)
		log_write_event(LOG_LEVEL_INFO, LOG_EVENT_BROKER_BACK, NULL, 0,
				"Kafka takes packets again");
	*u->trouble = '\0';
}

/*
 * A broker answers and yet nothing is taken of what waits: a topic that is missing, mostly. One
 * that has come back since the last look has had no time yet to take anything.
 */
static void on_watch(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct outage *u = w->data;
	struct producer_counters p;
	struct relay_counters r;
	uint64_t before = u->settled;
	bool there = is_there(u);

	producer_read_counters(u->opt.producer, &p);
	relay_read_counters(u->opt.relay, &r);
	u->settled = p.delivered + p.failed;
	if (u->settled != before || p.queued + r.spooled == 0)
		end_trouble(u);
	else if (there && u->was_there)
		begin_trouble(u);
	u->was_there = there;
	outclient_brake(producer_client(u->opt.producer));
	u->opt.on_change(u->opt.ctx);
}

int outage_new(struct outage **out, const struct outage_options *opt)
{
	struct outage *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->opt = *opt;
	u->was_there = true; /* what is wrong from the start is told at the first look */
	ev_timer_init(&u->watch, on_watch, WATCH_S, WATCH_S);
	u->watch.data = u;
	ev_timer_start(opt->loop, &u->watch);
	*out = u;
	return 0;
}

void outage_free(struct outage *u)
{
	if (!u)
		return;
	ev_timer_stop(u->opt.loop, &u->watch);
	free(u);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The assignment itself:
 *
 *	state     is                        event and what follows
 *	-----     --                        ----------------------
 *	looking   not complete              a look-up names partitions: learned; without a group
 *	                                    asked for at once, those of a read that ends once all
 *	                                    are named (-> reading).
 *	                                    With one, all named: subscribes (-> joining).
 *	                                    A look-up fails: trouble, told once; asked again
 *	joining   subscribed, not joined    the group gives partitions, or none: -> reading
 *	reading   complete (and joined)     a look-up names an added one: asked for, from its start;
 *	                                    the group gives or takes.
 *	                                    assignment_close(): the next look-up gives each its end
 *	stopped   assignment_stop()         nothing is looked up, paused or resumed any more; what
 *	                                    the group takes is still stored and given back
 *
 * A partition of it, where "asked" is a call given to the worker, in the order of the events:
 *
 *	state     known assigned paused done   event and what follows
 *	-----     ----- -------- ------ ----   ----------------------
 *	unheard   -     -        -      -      a look-up names it: -> found; nothing in it below its
 *	                                       end: -> empty. The group gives it: -> flowing
 *	found     x     -        -      -      no group: assign asked, -> flowing.
 *	                                       A group gives it: -> flowing
 *	empty     x     -        -      x      none: it is never asked for
 *	flowing   any   x        -      -      assignment_done(): pause asked, -> ended.
 *	                                       assignment_pause(): pause asked, -> held
 *	held      any   x        x      -      assignment_pause(false): resume asked, -> flowing
 *	ended     any   x        x      x      assignment_pause(false): stays
 *	lost      any   -        any    any    the group gives it again: not done, and resumed where
 *	                                       librdkafka still has it paused, -> flowing
 *
 * From flowing, held or ended the group takes it: what was written is stored, -> lost
 * (assignment_group.c).
 */
#include "consumer/assignment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/worker.h"
#include "config/time_range.h"
#include "consumer/assignment_group.h"
#include "consumer/assignment_impl.h"
#include "consumer/client_users.h"
#include "consumer/consumer_calls.h"
#include "consumer/ends.h"
#include "consumer/lag.h"
#include "consumer/learn.h"
#include "consumer/offset_lookup.h"
#include "consumer/pause.h"
#include "consumer/range_log.h"
#include "kafka/hints.h"

const struct partitions *assignment_partitions(const struct assignment *a)
{
	return &a->partitions;
}

/* ---- the flow ---- */

void assignment_pause(struct assignment *a, bool pause)
{
	pause_shut(&a->pause, pause);
}

bool assignment_is_paused(const struct assignment *a)
{
	return a->pause.shut;
}

bool assignment_is_pausing(const struct assignment *a)
{
	return a->pause.pausing;
}

bool assignment_is_busy(const struct assignment *a)
{
	return worker_pending(a->worker) > 0;
}

void assignment_done(struct assignment *a, struct partition *p)
{
	if (p->done)
		return;
	p->done = true;
	pause_apply(&a->pause);
}

static struct ends ends_of(const struct assignment *a)
{
	return (struct ends){.known = assignment_is_known(a) &&
				      (a->opt.cfg->exit_at_end || a->closed),
			     .late = a->closed,
			     .group = a->group};
}

bool assignment_ended(const struct assignment *a)
{
	const struct ends ends = ends_of(a);

	return ends_reached(&ends, &a->partitions);
}

int64_t assignment_left(const struct assignment *a)
{
	const struct ends ends = ends_of(a);

	return ends_left(&ends, &a->partitions);
}

void assignment_nudge(struct assignment *a, int32_t partition)
{
	pause_nudge(&a->pause, partition);
}

/* ---- without a group ---- */

static bool is_new(const struct partition *p)
{
	return p->known && !p->assigned && !p->done;
}

static void on_assigned(void *ctx, const struct consumer_calls *call)
{
	struct assignment *a = ctx;

	if (call->error)
		assignment_fail(a, "read", rd_kafka_error_string(call->error));
	pause_apply(&a->pause);
}

static void assign_new(struct assignment *a)
{
	rd_kafka_topic_partition_list_t *list = partitions_list(&a->partitions, a->topic, is_new);

	if (list->cnt == 0) {
		rd_kafka_topic_partition_list_destroy(list);
		return;
	}
	for (int i = 0; i < list->cnt; i++) {
		log_debug("topic %s, partition %" PRId32 ": from offset %" PRId64, a->topic,
			  list->elems[i].partition, list->elems[i].offset);
		a->opt.on_assigning(a->opt.ctx, list->elems[i].partition);
		a->partitions.all[list->elems[i].partition].assigned = true;
	}
	assignment_give(a, CONSUMER_CALLS_ASSIGN, list, on_assigned);
}

/* ---- what the look-ups say ---- */

static void learn(struct assignment *a, const struct offset_lookup_result *result)
{
	struct gaps gaps = {0};
	const struct learn_options opt = {.cfg = a->opt.cfg,
					  .resume = &a->resume,
					  .gaps = &gaps,
					  .group = a->group,
					  .closing = result->closing};

	for (size_t i = 0; i < result->n; i++) {
		struct partition *p = partitions_get(&a->partitions, result->partitions[i].id);

		if (p)
			learn_partition(p, &result->partitions[i], &opt);
	}
	gaps_log_starts(&gaps, a->topic);
	if (result->n)
		a->clock = result->clock;
	a->found += result->n;
}

/* All partitions are known for the first time. */
static void begin(struct assignment *a, int32_t n_topic)
{
	char why[512];

	if (range_log_missing(a->topic, a->opt.cfg, n_topic, why, sizeof(why)))
		a->opt.on_failed(a->opt.ctx, why);
	else if (a->resume.n == 0)
		range_log(a->topic, a->opt.cfg, &a->partitions, n_topic, a->clock);
}

static void on_lookup(void *ctx, const struct offset_lookup_result *result)
{
	struct assignment *a = ctx;
	bool changed = result->n || result->err != a->trouble || result->complete != a->complete;

	learn(a, result);
	if (result->complete && !a->complete)
		begin(a, result->n_topic);
	a->complete |= result->complete;
	a->closed |= result->complete && result->closing;
	if (result->err != a->trouble) {
		a->trouble = result->err;
		offset_lookup_log(a->topic, a->opt.cfg->brokers, a->trouble);
	}
	if (result->closing)
		pause_apply(&a->pause);
	/* Until one is known that is not, it is not known what comes first. */
	if (!a->group && (a->complete || !a->opt.cfg->exit_at_end))
		assign_new(a);
	else if (a->complete && !a->subscribed)
		assignment_subscribe(a);
	if (changed)
		a->opt.on_change(a->opt.ctx);
}

/* ---- life ---- */

static void on_flow(void *ctx)
{
	const struct assignment *a = ctx;

	a->opt.on_flow(a->opt.ctx);
}

static int open_pause(struct assignment *a)
{
	int r = worker_new(&a->worker, a->opt.loop, NULL);
	const struct pause_options opt = {
		.worker = a->worker,
		.rk = a->opt.rk,
		.topic = a->topic,
		.partitions = &a->partitions,
		.on_changed = on_flow,
		.on_failed = assignment_not_given,
		.ctx = a,
	};

	pause_init(&a->pause, &opt);
	return r;
}

int assignment_new(struct assignment **out, const struct assignment_options *opt)
{
	struct assignment *a = calloc(1, sizeof(*a));
	const struct offset_lookup_options lookup = {
		.loop = opt->loop,
		.rk = opt->rk,
		.topic = opt->cfg->topic,
		.question = {.offset = opt->cfg->start.offset,
			     .value = opt->cfg->start.value,
			     .range = time_range_of(opt->cfg),
			     .slack_ms = opt->cfg->slack_ms,
			     .partitions = opt->cfg->partitions},
		.on_result = on_lookup,
		.ctx = a,
	};
	int r;

	if (!a)
		return -ENOMEM;
	a->opt = *opt;
	a->group = opt->cfg->start.offset == CONFIG_OFFSET_STORED;
	a->topic = strdup(opt->cfg->topic);
	r = a->topic ? positions_copy(&a->resume, opt->resume, opt->n_resume) : -ENOMEM;
	if (r == 0)
		r = open_pause(a);
	if (r == 0)
		r = offset_lookup_new(&a->lookup, &lookup);
	if (r < 0) {
		assignment_free(a, 0, NULL, NULL);
		return r;
	}
	*out = a;
	return 0;
}

void assignment_close(struct assignment *a)
{
	offset_lookup_close(a->lookup);
}

void assignment_stop(struct assignment *a)
{
	pause_stop(&a->pause);
	offset_lookup_stop(a->lookup);
}

bool assignment_has_subscribed(const struct assignment *a)
{
	return a->subscribed;
}

bool assignment_is_known(const struct assignment *a)
{
	return a->complete && (!a->group || a->joined);
}

rd_kafka_resp_err_t assignment_trouble(const struct assignment *a)
{
	return a->trouble;
}

int assignment_count(const struct assignment *a)
{
	int n = 0;

	for (int32_t i = 0; i < a->partitions.n; i++)
		n += a->partitions.all[i].assigned;
	return n;
}

uint64_t assignment_progress(const struct assignment *a)
{
	return a->found;
}

int64_t assignment_lag(const struct assignment *a, const struct kafkastats *stats)
{
	return lag_of(&a->partitions, a->opt.rk, a->topic, stats);
}

int assignment_positions(const struct assignment *a, struct consumer_position **out)
{
	return positions_after(&a->resume, &a->partitions, a->group, out);
}

/* Without memory the client lives on. */
static bool end_calls(struct assignment *a, unsigned int wait_ms, void (*gone)(void *arg),
		      void *arg)
{
	struct client_users *users = client_users_new(3, gone, arg);

	if (!users) {
		offset_lookup_free(a->lookup, 0, NULL, NULL);
		worker_free(a->worker, 0);
		return false;
	}
	if (offset_lookup_free(a->lookup, wait_ms, client_users_on_gone, users))
		client_users_let_go(users);
	else
		wait_ms = 0;
	if (worker_release(a->worker, wait_ms, client_users_on_gone, users))
		client_users_let_go(users);
	return client_users_let_go(users);
}

bool assignment_free(struct assignment *a, unsigned int wait_ms, void (*gone)(void *arg), void *arg)
{
	bool ended;

	if (!a)
		return true;
	ended = end_calls(a, wait_ms, gone, arg);
	if (a->going)
		rd_kafka_topic_partition_list_destroy(a->going);
	partitions_clear(&a->partitions);
	positions_clear(&a->resume);
	free(a->topic);
	free(a);
	return ended;
}

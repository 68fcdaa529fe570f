/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/assignment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/worker.h"
#include "consumer/consumer_calls.h"
#include "consumer/gaps.h"
#include "consumer/lag.h"
#include "consumer/offset_lookup.h"
#include "consumer/pause.h"
#include "kafka/hints.h"

struct assignment {
	struct assignment_options opt;
	char *topic; /* outlives the settings it came from, as a closing client does */
	struct consumer_position *resume;
	size_t n_resume;
	struct offset_lookup *lookup;
	struct worker *worker; /* rkcalls, all of them */
	struct partitions partitions;
	struct pause pause;
	bool group;
	bool complete;               /* all partitions there are, are known */
	bool subscribed;             /* group: asked to join */
	bool joined;                 /* group: has been assigned something, or nothing */
	rd_kafka_resp_err_t trouble; /* what the last look-up said */
	uint64_t found;              /* partitions, over all look-ups */
};

const struct partitions *assignment_partitions(const struct assignment *a)
{
	return &a->partitions;
}

static void fail(struct assignment *a, const char *what, const char *why)
{
	char text[512];

	snprintf(text, sizeof(text), "cannot %s topic %s: %s", what, a->topic, why);
	log_error("%s", text);
	a->opt.on_failed(a->opt.ctx, text);
}

static void on_not_given(void *ctx, int r)
{
	fail(ctx, "read", strerror(-r));
}

/* `list` is handed over; what librdkafka says comes to `done`. */
static void give(struct assignment *a, enum consumer_calls_kind kind,
		 rd_kafka_topic_partition_list_t *list,
		 void (*done)(void *ctx, const struct consumer_calls *call))
{
	const struct consumer_calls call = {
		.kind = kind, .rk = a->opt.rk, .list = list, .done = done, .ctx = a};
	int r = consumer_calls_give(a->worker, &call);

	if (r < 0)
		on_not_given(a, r);
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
	pause_settle(&a->pause);
}

/* cfg->exit_at_end waits for it. */
static bool is_awaited(const struct assignment *a, const struct partition *p)
{
	return !p->done && (a->group ? p->assigned : p->known && !p->added);
}

bool assignment_ended(const struct assignment *a)
{
	if (!assignment_is_settled(a))
		return false;
	for (int32_t i = 0; i < a->partitions.n; i++)
		if (is_awaited(a, &a->partitions.all[i]))
			return false;
	return true;
}

int64_t assignment_left(const struct assignment *a)
{
	int64_t left = 0;

	if (!assignment_is_settled(a))
		return -1;
	for (int32_t i = 0; i < a->partitions.n; i++) {
		const struct partition *p = &a->partitions.all[i];

		if (!is_awaited(a, p))
			continue;
		if (p->next < 0)
			return -1;
		left += p->end - p->next;
	}
	return left;
}

static bool is_unstored(const struct partition *p)
{
	return p->assigned && p->next >= 0 && p->next != p->stored;
}

void assignment_store(struct assignment *a)
{
	rd_kafka_topic_partition_list_t *list;

	if (!a->group)
		return;
	list = partitions_list(&a->partitions, a->topic, is_unstored);
	if (list->cnt)
		rd_kafka_offsets_store(a->opt.rk, list);
	for (int i = 0; i < list->cnt; i++)
		if (!list->elems[i].err)
			a->partitions.all[list->elems[i].partition].stored = list->elems[i].offset;
	rd_kafka_topic_partition_list_destroy(list);
}

/* ---- without a group ---- */

static int64_t resume_at(const struct assignment *a, int32_t partition)
{
	for (size_t i = 0; i < a->n_resume; i++)
		if (a->resume[i].partition == partition)
			return a->resume[i].offset;
	return -1;
}

/* Who goes on for another consumer reads a partition that one did not know from its beginning. */
static int64_t start_of(const struct assignment *a, const struct offset_lookup_partition *found)
{
	int64_t offset = resume_at(a, found->id);

	if (offset >= 0)
		return offset;
	return a->n_resume ? found->low : found->start;
}

static void learn(struct assignment *a, const struct offset_lookup_partition *found)
{
	struct partition *p = partitions_get(&a->partitions, found->id);

	if (!p || p->known)
		return;
	p->known = true;
	p->added = found->added;
	if (a->n_resume == 0)
		gaps_log_start(a->topic, found, a->group);
	if (a->opt.cfg->exit_at_end)
		p->end = found->added ? 0 : found->high;
	if (a->group)
		return;
	p->next = start_of(a, found);
	p->done = p->next >= p->end;
}

static bool is_new(const struct partition *p)
{
	return p->known && !p->assigned && !p->done;
}

static void on_assigned(void *ctx, const struct consumer_calls *call)
{
	struct assignment *a = ctx;

	if (call->error)
		fail(a, "read", rd_kafka_error_string(call->error));
	pause_settle(&a->pause);
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
		a->partitions.all[list->elems[i].partition].assigned = true;
	}
	give(a, CONSUMER_CALLS_ASSIGN, list, on_assigned);
}

/* ---- with a group ---- */

static void on_subscribed(void *ctx, const struct consumer_calls *call)
{
	if (call->error)
		fail(ctx, "subscribe to", rd_kafka_error_string(call->error));
}

static void subscribe(struct assignment *a)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

	offset_lookup_stop(a->lookup);
	rd_kafka_topic_partition_list_add(list, a->topic, RD_KAFKA_PARTITION_UA);
	a->subscribed = true;
	give(a, CONSUMER_CALLS_SUBSCRIBE, list, on_subscribed);
}

static void gain(struct assignment *a, rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt; i++) {
		rd_kafka_topic_partition_t *elem = &list->elems[i];
		struct partition *p = partitions_get(&a->partitions, elem->partition);
		int64_t resume = resume_at(a, elem->partition);

		if (!p)
			continue;
		if (!p->known && a->opt.cfg->exit_at_end)
			p->end = 0;
		p->assigned = true;
		p->done = false;
		p->next = resume;
		p->stored = -1;
		if (resume >= 0)
			elem->offset = resume;
	}
	/* Later on the group knows better. */
	a->n_resume = 0;
	a->joined = true;
}

static void lose(struct assignment *a, const rd_kafka_topic_partition_list_t *list)
{
	if (!rd_kafka_assignment_lost(a->opt.rk))
		a->opt.on_losing(a->opt.ctx);
	for (int i = 0; i < list->cnt; i++) {
		struct partition *p = partitions_find(&a->partitions, list->elems[i].partition);

		if (p)
			p->assigned = false;
	}
	a->opt.on_lost(a->opt.ctx);
}

static void log_group(const char *text)
{
	const struct hint hint = hints_behind(text, ": ");

	log_warn("group: %s%s%s", text, hint.mark, hint.advice);
}

static void log_rebalance(const struct assignment *a, const char *what,
			  const rd_kafka_topic_partition_list_t *list)
{
	char text[256] = "";
	size_t n = 0;

	for (int i = 0; i < list->cnt && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%" PRId32, i ? ", " : ": ",
				      list->elems[i].partition);
	log_info("group: %s %d partition(s) of topic %s%s", what, list->cnt, a->topic, text);
}

static void on_rebalanced(void *ctx, const struct consumer_calls *call)
{
	struct assignment *a = ctx;

	if (call->error)
		log_group(rd_kafka_error_string(call->error));
	pause_settle(&a->pause);
}

void assignment_rebalance(struct assignment *a, rd_kafka_resp_err_t err,
			  rd_kafka_topic_partition_list_t *list)
{
	bool gained = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;

	if (!gained && err != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
		log_group(rd_kafka_err2str(err));
	log_rebalance(a, gained ? "reading" : "leaving", list);
	if (gained)
		gain(a, list);
	else
		lose(a, list);
	give(a, gained ? CONSUMER_CALLS_GAIN : CONSUMER_CALLS_LOSE,
	     rd_kafka_topic_partition_list_copy(list), on_rebalanced);
	a->opt.on_change(a->opt.ctx);
}

/* ---- what the look-ups say ---- */

static void on_lookup(void *ctx, const struct offset_lookup_result *result)
{
	struct assignment *a = ctx;
	bool changed = result->n || result->err != a->trouble || result->complete != a->complete;

	for (size_t i = 0; i < result->n; i++)
		learn(a, &result->partitions[i]);
	a->found += result->n;
	a->complete |= result->complete;
	if (result->err != a->trouble) {
		a->trouble = result->err;
		offset_lookup_log(a->topic, a->opt.cfg->brokers, a->trouble);
	}
	if (!a->group)
		assign_new(a);
	else if (a->complete && !a->subscribed)
		subscribe(a);
	if (changed)
		a->opt.on_change(a->opt.ctx);
}

/* ---- life ---- */

static int copy_resume(struct assignment *a)
{
	if (a->opt.n_resume == 0)
		return 0;
	a->resume = calloc(a->opt.n_resume, sizeof(*a->resume));
	if (!a->resume)
		return -ENOMEM;
	memcpy(a->resume, a->opt.resume, a->opt.n_resume * sizeof(*a->resume));
	a->n_resume = a->opt.n_resume;
	return 0;
}

static void on_flow(void *ctx)
{
	const struct assignment *a = ctx;

	a->opt.on_flow(a->opt.ctx);
}

static int open_gate(struct assignment *a)
{
	int r = worker_new(&a->worker, a->opt.loop, NULL);
	const struct pause_options opt = {
		.worker = a->worker,
		.rk = a->opt.rk,
		.topic = a->topic,
		.partitions = &a->partitions,
		.on_changed = on_flow,
		.on_failed = on_not_given,
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
		.offset = opt->cfg->start.offset,
		.offset_value = opt->cfg->start.value,
		.on_result = on_lookup,
		.ctx = a,
	};
	int r;

	if (!a)
		return -ENOMEM;
	a->opt = *opt;
	a->group = opt->cfg->start.offset == CONFIG_OFFSET_STORED;
	a->topic = strdup(opt->cfg->topic);
	r = a->topic ? copy_resume(a) : -ENOMEM;
	if (r == 0)
		r = open_gate(a);
	if (r == 0)
		r = offset_lookup_new(&a->lookup, &lookup);
	if (r < 0) {
		assignment_free(a, 0);
		return r;
	}
	*out = a;
	return 0;
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

bool assignment_is_settled(const struct assignment *a)
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

/* What it was to resume at counts where it has not come to reading yet. */
int assignment_positions(const struct assignment *a, struct consumer_position **out)
{
	struct consumer_position *all =
		calloc((size_t)a->partitions.n + a->n_resume + 1, sizeof(*all));
	int n = 0;

	if (!all)
		return -ENOMEM;
	for (int32_t i = 0; i < a->partitions.n; i++)
		if (a->partitions.all[i].next >= 0)
			all[n++] = (struct consumer_position){i, a->partitions.all[i].next};
	for (size_t i = 0; i < a->n_resume; i++) {
		const struct partition *p = partitions_find(&a->partitions, a->resume[i].partition);

		if (!p || p->next < 0)
			all[n++] = a->resume[i];
	}
	*out = all;
	return n;
}

bool assignment_has_ended(struct assignment *a)
{
	assignment_stop(a);
	worker_stop(a->worker);
	return offset_lookup_has_ended(a->lookup) && worker_have_ended(a->worker);
}

bool assignment_free(struct assignment *a, unsigned int wait_ms)
{
	bool gone;

	if (!a)
		return true;
	if (a->worker)
		worker_stop(a->worker);
	gone = offset_lookup_free(a->lookup, wait_ms);
	gone = worker_free(a->worker, gone ? wait_ms : 0) && gone;
	partitions_clear(&a->partitions);
	free(a->resume);
	free(a->topic);
	free(a);
	return gone;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "assignment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "lookup.h"

struct assignment {
	struct assignment_options opt;
	char *topic; /* outlives the settings it came from, as a closing client does */
	struct consumer_position *resume;
	size_t n_resume;
	struct lookup *lookup;
	struct partitions partitions;
	bool group;
	bool complete;   /* all partitions there are, are known */
	bool subscribed; /* group: asked to join */
	bool joined;     /* group: has been assigned something, or nothing */
	bool paused;
	rd_kafka_resp_err_t trouble; /* what the last look-up said */
	uint64_t found;              /* partitions, over all look-ups */
};

const struct partitions *assignment_partitions(const struct assignment *a)
{
	return &a->partitions;
}

static void fail(struct assignment *a, const char *what, const char *why)
{
	log_error("cannot %s topic %s: %s", what, a->topic, why);
	a->opt.on_failed(a->opt.ctx);
}

/* ---- the flow ---- */

static bool is_flowing(const struct partition *p)
{
	return p->assigned && !p->done;
}

bool assignment_is_paused(const struct assignment *a)
{
	return a->paused;
}

void assignment_pause(struct assignment *a, bool pause)
{
	rd_kafka_topic_partition_list_t *list =
		partitions_list(&a->partitions, a->topic, is_flowing);

	if (list->cnt && pause)
		rd_kafka_pause_partitions(a->opt.rk, list);
	else if (list->cnt)
		rd_kafka_resume_partitions(a->opt.rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	a->paused = pause;
}

void assignment_guard(struct assignment *a)
{
	for (int32_t i = 0; i < a->partitions.n; i++)
		a->partitions.all[i].guard = a->partitions.all[i].next;
}

void assignment_done(struct assignment *a, struct partition *p)
{
	rd_kafka_topic_partition_list_t *list;

	if (p->done)
		return;
	p->done = true;
	if (!p->assigned)
		return;
	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, a->topic, (int32_t)(p - a->partitions.all));
	rd_kafka_pause_partitions(a->opt.rk, list);
	rd_kafka_topic_partition_list_destroy(list);
}

bool assignment_ended(const struct assignment *a)
{
	if (!a->complete || (a->group && !a->joined))
		return false;
	for (int32_t i = 0; i < a->partitions.n; i++) {
		const struct partition *p = &a->partitions.all[i];

		if (a->group ? p->assigned && !p->done : p->known && !p->added && !p->done)
			return false;
	}
	return true;
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
static int64_t start_of(const struct assignment *a, const struct lookup_partition *found)
{
	int64_t offset = resume_at(a, found->id);

	if (offset >= 0)
		return offset;
	return a->n_resume ? found->low : found->start;
}

static void learn(struct assignment *a, const struct lookup_partition *found)
{
	struct partition *p = partitions_get(&a->partitions, found->id);

	if (!p || p->known)
		return;
	p->known = true;
	p->added = found->added;
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

static void assign_new(struct assignment *a)
{
	rd_kafka_topic_partition_list_t *list = partitions_list(&a->partitions, a->topic, is_new);
	rd_kafka_error_t *error = list->cnt ? rd_kafka_incremental_assign(a->opt.rk, list) : NULL;

	for (int i = 0; i < list->cnt; i++) {
		log_debug("topic %s, partition %" PRId32 ": from offset %" PRId64, a->topic,
			  list->elems[i].partition, list->elems[i].offset);
		a->partitions.all[list->elems[i].partition].assigned = true;
	}
	if (error)
		fail(a, "read", rd_kafka_error_string(error));
	else if (list->cnt && a->paused)
		rd_kafka_pause_partitions(a->opt.rk, list);
	rd_kafka_error_destroy(error);
	rd_kafka_topic_partition_list_destroy(list);
}

/* ---- with a group ---- */

static void subscribe(struct assignment *a)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t err;

	lookup_stop(a->lookup);
	rd_kafka_topic_partition_list_add(list, a->topic, RD_KAFKA_PARTITION_UA);
	err = rd_kafka_subscribe(a->opt.rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	a->subscribed = true;
	if (err)
		fail(a, "subscribe to", rd_kafka_err2str(err));
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
		p->guard = 0;
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

static void apply_rebalance(struct assignment *a, const rd_kafka_topic_partition_list_t *list,
			    bool gained)
{
	const char *protocol = rd_kafka_rebalance_protocol(a->opt.rk);

	if (protocol && !strcmp(protocol, "COOPERATIVE")) {
		rd_kafka_error_t *error = gained ? rd_kafka_incremental_assign(a->opt.rk, list)
						 : rd_kafka_incremental_unassign(a->opt.rk, list);

		if (error)
			log_warn("group: %s", rd_kafka_error_string(error));
		rd_kafka_error_destroy(error);
	} else {
		rd_kafka_assign(a->opt.rk, gained ? list : NULL);
	}
}

void assignment_rebalance(struct assignment *a, rd_kafka_resp_err_t err,
			  rd_kafka_topic_partition_list_t *list)
{
	bool gained = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;

	if (!gained && err != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
		log_warn("group: %s", rd_kafka_err2str(err));
	log_rebalance(a, gained ? "reading" : "leaving", list);
	if (gained)
		gain(a, list);
	else
		lose(a, list);
	apply_rebalance(a, list, gained);
	if (gained && a->paused)
		rd_kafka_pause_partitions(a->opt.rk, list);
	a->opt.on_change(a->opt.ctx);
}

/* ---- what the look-ups say ---- */

static void log_trouble(const struct assignment *a)
{
	const char *topic = a->topic;

	switch (a->trouble) {
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
		break; /* the client reports its connections itself, the others pass */
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		log_debug("topic %s is there", topic);
		break;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		log_warn("topic %s does not exist on %s; waiting for it", topic,
			 a->opt.cfg->brokers);
		break;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		log_warn("no permission to read topic %s; waiting for it (an ACL that allows "
			 "Describe and Read is needed)",
			 topic);
		break;
	default:
		log_warn("topic %s: %s; trying again", topic, rd_kafka_err2str(a->trouble));
	}
}

static void on_lookup(void *ctx, const struct lookup_result *result)
{
	struct assignment *a = ctx;
	bool changed = result->n || result->err != a->trouble || result->complete != a->complete;

	for (size_t i = 0; i < result->n; i++)
		learn(a, &result->partitions[i]);
	a->found += result->n;
	a->complete |= result->complete;
	if (result->err != a->trouble) {
		a->trouble = result->err;
		log_trouble(a);
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

int assignment_new(struct assignment **out, const struct assignment_options *opt)
{
	struct assignment *a = calloc(1, sizeof(*a));
	const struct lookup_options lookup = {
		.loop = opt->loop,
		.rk = opt->rk,
		.topic = opt->cfg->topic,
		.offset = opt->cfg->offset,
		.offset_value = opt->cfg->offset_value,
		.on_result = on_lookup,
		.ctx = a,
	};
	int r;

	if (!a)
		return -ENOMEM;
	a->opt = *opt;
	a->group = opt->cfg->offset == CONFIG_OFFSET_STORED;
	a->topic = strdup(opt->cfg->topic);
	r = a->topic ? copy_resume(a) : -ENOMEM;
	if (r == 0)
		r = lookup_new(&a->lookup, &lookup);
	if (r < 0) {
		assignment_free(a, 0);
		return r;
	}
	*out = a;
	return 0;
}

void assignment_set_config(struct assignment *a, const struct config *cfg)
{
	a->opt.cfg = cfg;
}

void assignment_stop(struct assignment *a)
{
	lookup_stop(a->lookup);
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

int64_t assignment_lag(const struct assignment *a)
{
	int64_t lag = -1;

	for (int32_t i = 0; i < a->partitions.n; i++) {
		const struct partition *p = &a->partitions.all[i];
		int64_t low, high;

		if (!p->assigned || p->next < 0 ||
		    rd_kafka_get_watermark_offsets(a->opt.rk, a->topic, i, &low, &high) || high < 0)
			continue;
		lag = (lag < 0 ? 0 : lag) + (high > p->next ? high - p->next : 0);
	}
	return lag;
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

bool assignment_free(struct assignment *a, unsigned int wait_ms)
{
	bool gone;

	if (!a)
		return true;
	gone = lookup_free(a->lookup, wait_ms);
	partitions_clear(&a->partitions);
	free(a->resume);
	free(a->topic);
	free(a);
	return gone;
}

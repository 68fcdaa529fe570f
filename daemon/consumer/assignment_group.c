/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was taken is stored, for librdkafka to commit from time to time. Where being written does
 * not make it safe (marks.h), it is committed by calls of ours instead, when it is safe:
 *
 *	event                           what follows
 *	-----                           ------------
 *	assignment_mark()               the positions are marked
 *	assignment_commit()             a commit of the marks is given to the worker
 *	it is answered                  on_committed(); what was refused is given again next time
 *	the group takes partitions      on_losing(): nothing is unsafe: librdkafka is told at once.
 *	                                Else they are going: nothing more is taken of them, and
 *	                                librdkafka is told behind the commit of all that was.
 *	                                Until then the group waits
 *	they are lost already           librdkafka is told at once, nothing is committed
 */
#include "consumer/assignment_group.h"

#include <string.h>

#include "consumer/assignment_impl.h"
#include "consumer/consumer_calls.h"
#include "consumer/group_log.h"
#include "consumer/marks.h"

static void on_rebalanced(void *ctx, const struct consumer_calls *call)
{
	struct assignment *a = ctx;

	if (call->error)
		group_log_trouble(rd_kafka_error_string(call->error));
	pause_apply(&a->pause);
}

void assignment_let_go(struct assignment *a)
{
	rd_kafka_topic_partition_list_t *list = a->going;

	if (!list)
		return;
	a->going = NULL;
	marks_forget(&a->partitions);
	assignment_give(a, CONSUMER_CALLS_LOSE, list, on_rebalanced);
}

/* ---- what the group may know ---- */

static bool is_unstored(const struct partition *p)
{
	return p->assigned && p->next >= 0 && partition_position(p) != p->stored;
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

void assignment_mark(struct assignment *a)
{
	marks_take(&a->partitions);
}

static void on_committed(void *ctx, const struct consumer_calls *call)
{
	struct assignment *a = ctx;

	if (call->error)
		marks_give_again(&a->partitions, call->list);
	if (call->error && !a->refused)
		group_log_uncommitted(a->topic, rd_kafka_error_string(call->error));
	a->refused = call->error;
	a->opt.on_committed(a->opt.ctx);
	pause_apply(&a->pause); /* what was wanted meanwhile */
}

/* Who says that nothing is to be committed means these commits too. */
static bool commits(const struct assignment *a)
{
	char value[8];
	size_t size = sizeof(value);

	return rd_kafka_conf_get(rd_kafka_conf(a->opt.rk), "enable.auto.commit", value, &size) !=
		       RD_KAFKA_CONF_OK ||
	       strcmp(value, "false") != 0;
}

bool assignment_commit(struct assignment *a)
{
	rd_kafka_topic_partition_list_t *list;
	bool given;

	if (!a->group)
		return false;
	list = marks_give(&a->partitions, a->topic);
	given = list->cnt && commits(a);
	if (given)
		assignment_give(a, CONSUMER_CALLS_COMMIT, list, on_committed);
	else
		rd_kafka_topic_partition_list_destroy(list);
	if (marks_are_given(&a->partitions))
		assignment_let_go(a);
	return given;
}

/* ---- what it gives and takes ---- */

static void on_subscribed(void *ctx, const struct consumer_calls *call)
{
	if (call->error)
		assignment_fail(ctx, "subscribe to", rd_kafka_error_string(call->error));
}

void assignment_subscribe(struct assignment *a)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

	offset_lookup_stop(a->lookup);
	rd_kafka_topic_partition_list_add(list, a->topic, RD_KAFKA_PARTITION_UA);
	a->subscribed = true;
	assignment_give(a, CONSUMER_CALLS_SUBSCRIBE, list, on_subscribed);
}

static void gain(struct assignment *a, rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt; i++) {
		rd_kafka_topic_partition_t *elem = &list->elems[i];
		struct partition *p = partitions_get(&a->partitions, elem->partition);
		int64_t resume = positions_find(&a->resume, elem->partition);

		if (!p)
			continue;
		if (!p->known && a->opt.cfg->exit_at_end)
			p->end = 0;
		p->assigned = true;
		p->done = false;
		p->next = resume;
		p->stored = p->marked = -1;
		if (resume >= 0)
			elem->offset = resume;
	}
	/* Later on the group knows better. */
	positions_clear(&a->resume);
	a->joined = true;
	assignment_give(a, CONSUMER_CALLS_GAIN, rd_kafka_topic_partition_list_copy(list),
			on_rebalanced);
}

static void lose(struct assignment *a, const rd_kafka_topic_partition_list_t *list)
{
	bool lost = rd_kafka_assignment_lost(a->opt.rk);
	bool waits = !lost && a->opt.on_losing(a->opt.ctx);

	for (int i = 0; i < list->cnt; i++) {
		struct partition *p = partitions_find(&a->partitions, list->elems[i].partition);

		if (!p)
			continue;
		if (p->assigned && waits)
			marks_freeze(p);
		p->assigned = false;
	}
	a->opt.on_lost(a->opt.ctx);
	a->going = rd_kafka_topic_partition_list_copy(list);
	if (!waits)
		assignment_let_go(a);
}

void assignment_rebalance(struct assignment *a, rd_kafka_resp_err_t err,
			  rd_kafka_topic_partition_list_t *list)
{
	bool gained = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;

	if (!gained && err != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
		group_log_trouble(rd_kafka_err2str(err));
	group_log_rebalance(a->topic, gained, list);
	assignment_let_go(a); /* what went before, if it still waits */
	if (gained)
		gain(a, list);
	else
		lose(a, list);
	a->opt.on_change(a->opt.ctx);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All partitions are asked about at once: librdkafka's look-up by time takes a list, and the
 * broker's request has a time of -2 for the first offset and of -1 for the end. Where that fails
 * they are asked about one by one, so that one without a leader does not hold up the others.
 *
 * The time a call may take starts short, so that a stop need not wait for it, and doubles with
 * each one that timed out: a cluster that is far away is found too.
 */
#include "consumer/offset_query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/partition_set.h"

#define TIMEOUT_MIN_MS 500
#define TIMEOUT_MAX_MS 8000
#define COORDINATOR_MS 2000 /* to find who knows what a group has committed, and ask */

/*
 * Lets the next call take longer when this one timed out. A request that gets no answer ends
 * with "Bad message format" in 2.0.2, whatever the reason; the client reports its connections
 * itself.
 */
static rd_kafka_resp_err_t judge(struct offset_query *q, rd_kafka_resp_err_t err)
{
	if (err == RD_KAFKA_RESP_ERR__BAD_MSG || err == RD_KAFKA_RESP_ERR__RESOLVE)
		return RD_KAFKA_RESP_ERR__TRANSPORT;
	if (err == RD_KAFKA_RESP_ERR__TIMED_OUT && q->timeout_ms < TIMEOUT_MAX_MS)
		q->timeout_ms *= 2;
	return err;
}

static bool is_cancelled(const struct offset_query *q)
{
	return atomic_load(&q->cancelled);
}

/* ---- offsets ---- */

static rd_kafka_topic_partition_list_t *list_of(const struct offset_query *q,
						const struct offset_lookup_partition *ps, size_t n)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, q->topic, ps[i].id);
	return list;
}

/* Into `offsets`, of each the first record that is not older than `ms`; -1: there is none. */
static rd_kafka_resp_err_t offsets_for_time(struct offset_query *q,
					    const struct offset_lookup_partition *ps, size_t n,
					    int64_t ms, int64_t *offsets)
{
	rd_kafka_topic_partition_list_t *list = list_of(q, ps, n);
	rd_kafka_resp_err_t err;

	for (size_t i = 0; i < n; i++)
		list->elems[i].offset = ms;
	err = rd_kafka_offsets_for_times(q->rk, list, q->timeout_ms);
	for (size_t i = 0; i < n && !err; i++) {
		err = list->elems[i].err;
		offsets[i] = list->elems[i].offset;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return judge(q, err);
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

static void resolve_start(const struct offset_query *q, struct offset_lookup_partition *p)
{
	const struct offset_question *asked = &q->asked;

	p->start = p->low;
	p->end = p->high;
	p->wanted = -1;
	if (p->added)
		return;
	if (asked->offset == CONFIG_OFFSET_END)
		p->start = p->high;
	else if (asked->offset == CONFIG_OFFSET_ABSOLUTE)
		p->start = p->wanted = asked->value;
	else if (asked->offset == CONFIG_OFFSET_TAIL)
		p->start = p->high - clamp(asked->value, 0, p->high);
	p->start = clamp(p->start, p->low, p->high);
}

/* ---- a range of time ---- */

static bool has_from(const struct offset_question *asked)
{
	return asked->range.from_us != INT64_MIN;
}

static bool has_to(const struct offset_question *asked)
{
	return asked->range.to_us != INT64_MAX;
}

/* What the broker stamped can be found by its time of arrival alone, which is not the capture's. */
static bool is_stamped_by_sender(const struct offset_query *q)
{
	return q->clock == TOPIC_CLOCK_SENDER;
}

static rd_kafka_resp_err_t learn_clock(struct offset_query *q)
{
	rd_kafka_resp_err_t err;

	if (q->knows_clock || (!has_from(&q->asked) && !has_to(&q->asked)))
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	err = judge(q, topic_clock_ask(q->rk, q->topic, q->timeout_ms, &q->clock));
	/* Who does not answer twice is not asked a third time: not to know it is safe. */
	if (err == RD_KAFKA_RESP_ERR__TIMED_OUT && q->clock_is_late)
		err = RD_KAFKA_RESP_ERR_NO_ERROR;
	q->clock_is_late |= err == RD_KAFKA_RESP_ERR__TIMED_OUT;
	q->knows_clock = !err;
	return err;
}

/* Where the look-up of `from` starts; INT64_MIN: at the beginning. */
static int64_t first_ms(const struct offset_query *q)
{
	int64_t ms = q->asked.range.from_us / 1000;

	if (is_stamped_by_sender(q))
		return ms;
	if (q->asked.slack_ms >= (uint64_t)ms)
		return INT64_MIN;
	return ms - (int64_t)q->asked.slack_ms;
}

/* Starts at the first record that is not older; where there is none, at the end. */
static rd_kafka_resp_err_t start_at(struct offset_query *q, struct offset_lookup_partition *ps,
				    size_t n, int64_t ms, int64_t *offsets)
{
	rd_kafka_resp_err_t err = offsets_for_time(q, ps, n, ms, offsets);

	for (size_t i = 0; i < n && !err; i++)
		if (!ps[i].added)
			ps[i].start = offsets[i] < 0 ? ps[i].high
						     : clamp(offsets[i], ps[i].low, ps[i].high);
	return err;
}

/*
 * The time stamp of a block is its latest: the first record that is stamped late enough is read as
 * well, as a block can hold packets from before.
 */
static rd_kafka_resp_err_t find_last(struct offset_query *q, struct offset_lookup_partition *ps,
				     size_t n, int64_t *offsets)
{
	const struct offset_question *asked = &q->asked;
	rd_kafka_resp_err_t err;

	if (!has_to(asked) || !is_stamped_by_sender(q) || asked->slack_ms == CONFIG_SLACK_ALL)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	err = offsets_for_time(q, ps, n,
			       (asked->range.to_us + 999) / 1000 + (int64_t)asked->slack_ms,
			       offsets);
	for (size_t i = 0; i < n && !err; i++) {
		bool found = offsets[i] >= ps[i].low && offsets[i] < ps[i].high;

		ps[i].late_end = found;
		if (found)
			ps[i].end = offsets[i] + 1;
		else
			ps[i].end = offsets[i] < 0 ? ps[i].high
						   : clamp(offsets[i], ps[i].low, ps[i].high);
	}
	return err;
}

/* ---- all of it ---- */

static rd_kafka_resp_err_t find_watermarks(struct offset_query *q,
					   struct offset_lookup_partition *ps, size_t n,
					   int64_t *offsets)
{
	rd_kafka_resp_err_t err = offsets_for_time(q, ps, n, RD_KAFKA_OFFSET_BEGINNING, offsets);

	for (size_t i = 0; i < n && !err; i++)
		ps[i].low = offsets[i];
	if (err || is_cancelled(q))
		return err;
	err = offsets_for_time(q, ps, n, RD_KAFKA_OFFSET_END, offsets);
	for (size_t i = 0; i < n && !err; i++) {
		ps[i].high = offsets[i];
		resolve_start(q, &ps[i]);
	}
	return err;
}

static rd_kafka_resp_err_t find_start(struct offset_query *q, struct offset_lookup_partition *ps,
				      size_t n, int64_t *offsets)
{
	int64_t ms = INT64_MIN;

	if (has_from(&q->asked))
		ms = first_ms(q);
	else if (q->asked.offset == CONFIG_OFFSET_TIME)
		ms = q->asked.value;
	return ms == INT64_MIN ? RD_KAFKA_RESP_ERR_NO_ERROR : start_at(q, ps, n, ms, offsets);
}

static rd_kafka_resp_err_t look_up_with(struct offset_query *q, struct offset_lookup_partition *ps,
					size_t n, int64_t *offsets)
{
	rd_kafka_resp_err_t (*const steps[])(struct offset_query *,
					     struct offset_lookup_partition *, size_t,
					     int64_t *) = {find_watermarks, find_start, find_last};
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !err; i++)
		err = is_cancelled(q) ? RD_KAFKA_RESP_ERR__DESTROY : steps[i](q, ps, n, offsets);
	return err;
}

static rd_kafka_resp_err_t look_up_all(struct offset_query *q, struct offset_lookup_partition *ps,
				       size_t n)
{
	int64_t *offsets = calloc(n, sizeof(*offsets));
	rd_kafka_resp_err_t err =
		offsets ? look_up_with(q, ps, n, offsets) : RD_KAFKA_RESP_ERR__FAIL;

	free(offsets);
	return err;
}

/* Only to tell of what is gone: where it is of no avail, the joining says why. */
static void look_up_committed(struct offset_query *q)
{
	struct offset_lookup_result *r = &q->result;
	rd_kafka_topic_partition_list_t *list = list_of(q, r->partitions, r->n);

	if (!rd_kafka_committed(q->rk, list, COORDINATOR_MS)) {
		for (size_t i = 0; i < r->n; i++)
			if (!list->elems[i].err && list->elems[i].offset >= 0)
				r->partitions[i].wanted = list->elems[i].offset;
	}
	rd_kafka_topic_partition_list_destroy(list);
}

/* ---- partitions ---- */

static bool is_known(const struct offset_query *q, int32_t id)
{
	return id >= 0 && id < q->n_known && q->known[id];
}

static void remember(struct offset_query *q, int32_t id)
{
	if (id >= q->n_known) {
		bool *known = reallocarray(q->known, (size_t)id + 1, sizeof(*known));

		if (!known)
			return; /* asked again, and reported again: harmless */
		memset(known + q->n_known, 0, (size_t)(id + 1 - q->n_known) * sizeof(*known));
		q->known = known;
		q->n_known = id + 1;
	}
	q->known[id] = true;
}

/* Those that are not known yet. Returns how many. */
static size_t list_new(struct offset_query *q, const rd_kafka_metadata_topic_t *topic,
		       struct offset_lookup_partition *ps)
{
	size_t n = 0;

	for (int i = 0; i < topic->partition_cnt; i++) {
		int32_t id = topic->partitions[i].id;

		if (!is_known(q, id) && partition_set_has(q->asked.partitions, id))
			ps[n++] = (struct offset_lookup_partition){.id = id,
								   .added = id >= q->n_first};
	}
	return n;
}

/* Keeps those of the `n` that answer. Returns the last error. */
static rd_kafka_resp_err_t look_up_each(struct offset_query *q, size_t n)
{
	struct offset_lookup_result *r = &q->result;
	rd_kafka_resp_err_t err, last = RD_KAFKA_RESP_ERR_NO_ERROR;

	for (size_t i = 0; i < n && !is_cancelled(q); i++) {
		err = look_up_all(q, &r->partitions[i], 1);
		if (err)
			last = err;
		else
			r->partitions[r->n++] = r->partitions[i];
	}
	return last;
}

static void look_up_partitions(struct offset_query *q, const rd_kafka_metadata_topic_t *topic)
{
	struct offset_lookup_result *r = &q->result;
	size_t n;

	r->partitions = calloc((size_t)topic->partition_cnt, sizeof(*r->partitions));
	if (!r->partitions) {
		r->err = RD_KAFKA_RESP_ERR__FAIL;
		return;
	}
	if (q->n_first < 0)
		q->n_first = topic->partition_cnt;
	r->n_topic = topic->partition_cnt;
	n = list_new(q, topic, r->partitions);
	if (n == 0) {
		r->complete = true;
		return;
	}
	r->err = learn_clock(q);
	if (r->err)
		return;
	r->clock = q->clock;
	r->err = look_up_all(q, r->partitions, n);
	if (r->err && n > 1)
		r->err = look_up_each(q, n);
	else if (!r->err)
		r->n = n;
	for (size_t i = 0; i < r->n; i++)
		remember(q, r->partitions[i].id);
	if (r->n && q->asked.offset == CONFIG_OFFSET_STORED && !is_cancelled(q))
		look_up_committed(q);
	r->complete = !r->err && !is_cancelled(q);
}

void offset_query_ask(struct offset_query *q)
{
	const struct rd_kafka_metadata *md = NULL;
	struct offset_lookup_result *r = &q->result;

	free(r->partitions);
	*r = (struct offset_lookup_result){.closing = q->closing};
	r->err = judge(q, rd_kafka_metadata(q->rk, 0, q->rkt, &md, q->timeout_ms));
	if (r->err)
		return;
	if (md->topic_cnt != 1)
		r->err = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	else if (md->topics[0].err)
		r->err = md->topics[0].err;
	else if (md->topics[0].partition_cnt == 0)
		r->err = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
	else
		look_up_partitions(q, &md->topics[0]);
	rd_kafka_metadata_destroy(md);
}

void offset_query_close(struct offset_query *q)
{
	if (q->closing)
		return;
	q->closing = true;
	free(q->known);
	q->known = NULL;
	q->n_known = 0;
}

/* ---- life ---- */

int offset_query_new(struct offset_query **out, rd_kafka_t *rk, const char *topic,
		     const struct offset_question *question)
{
	struct offset_query *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->rk = rk;
	q->timeout_ms = TIMEOUT_MIN_MS;
	q->n_first = -1;
	q->asked = *question;
	q->topic = strdup(topic);
	if (question->partitions)
		q->asked.partitions = strdup(question->partitions);
	q->rkt = q->topic && !q->asked.partitions == !question->partitions
			 ? rd_kafka_topic_new(rk, topic, NULL)
			 : NULL;
	if (!q->rkt) {
		log_error("topic %s: %s", topic, rd_kafka_err2str(rd_kafka_last_error()));
		offset_query_free(q);
		return -EINVAL;
	}
	*out = q;
	return 0;
}

void offset_query_free(struct offset_query *q)
{
	if (!q)
		return;
	free(q->result.partitions);
	if (q->rkt)
		rd_kafka_topic_destroy(q->rkt);
	free(q->known);
	free((char *)q->asked.partitions);
	free(q->topic);
	free(q);
}

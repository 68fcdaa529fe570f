/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time a look-up may take starts short, so that a stop need not wait for it, and doubles with
 * each one that timed out: a cluster that is far away is found too.
 */
#include "consumer/offset_lookup.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/thread.h"
#include "kafka/hints.h"

#define TIMEOUT_MIN_MS 500
#define TIMEOUT_MAX_MS 8000
#define COORDINATOR_MS 2000 /* to find who knows what a group has committed, and ask */
#define RETRY_MS       500  /* after an answer that said "not (all) there" */
#define REFRESH_MS     5000 /* once everything is known */

struct offset_lookup {
	struct offset_lookup_options opt;
	ev_async answered;
	pthread_t thread;
	atomic_bool abandoned; /* whoever of free and thread comes second frees the rest */

	pthread_mutex_t lock; /* guards the next four */
	pthread_cond_t wakeup;
	bool stop;
	struct offset_lookup_result *results, **last;

	/* the thread's own */
	rd_kafka_topic_t *rkt;
	int timeout_ms;
	bool *known; /* by partition number */
	int n_known; /* length of known */
	int n_first; /* partitions of the first answer, -1 before it */
};

static void result_free(struct offset_lookup_result *r)
{
	if (!r)
		return;
	free(r->partitions);
	free(r);
}

static bool stopping(struct offset_lookup *l)
{
	bool stop;

	pthread_mutex_lock(&l->lock);
	stop = l->stop;
	pthread_mutex_unlock(&l->lock);
	return stop;
}

static void post(struct offset_lookup *l, struct offset_lookup_result *r)
{
	pthread_mutex_lock(&l->lock);
	if (l->stop) {
		result_free(r);
	} else {
		*l->last = r;
		l->last = &r->next;
		ev_async_send(l->opt.loop, &l->answered);
	}
	pthread_mutex_unlock(&l->lock);
}

static void sleep_unless_stopped(struct offset_lookup *l, unsigned int ms)
{
	uint64_t until = thread_now_ms() + ms;

	pthread_mutex_lock(&l->lock);
	while (!l->stop && thread_now_ms() < until)
		thread_cond_wait(&l->wakeup, &l->lock, until);
	pthread_mutex_unlock(&l->lock);
}

/*
 * Lets the next look-up take longer when this one timed out. A request that gets no answer ends
 * with "Bad message format" in 2.0.2, whatever the reason; the client reports its connections
 * itself.
 */
static rd_kafka_resp_err_t judge(struct offset_lookup *l, rd_kafka_resp_err_t err)
{
	if (err == RD_KAFKA_RESP_ERR__BAD_MSG || err == RD_KAFKA_RESP_ERR__RESOLVE)
		return RD_KAFKA_RESP_ERR__TRANSPORT;
	if (err == RD_KAFKA_RESP_ERR__TIMED_OUT && l->timeout_ms < TIMEOUT_MAX_MS)
		l->timeout_ms *= 2;
	return err;
}

static rd_kafka_resp_err_t offset_for_time(struct offset_lookup *l,
					   struct offset_lookup_partition *p)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *elem =
		rd_kafka_topic_partition_list_add(list, l->opt.topic, p->id);
	rd_kafka_resp_err_t err;

	elem->offset = l->opt.offset_value;
	err = rd_kafka_offsets_for_times(l->opt.rk, list, l->timeout_ms);
	if (!err)
		err = elem->err;
	/* A time past the last record has no offset: that is the end. */
	p->start = elem->offset >= 0 ? elem->offset : p->high;
	rd_kafka_topic_partition_list_destroy(list);
	return err;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

static rd_kafka_resp_err_t resolve_start(struct offset_lookup *l, struct offset_lookup_partition *p)
{
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;

	p->start = p->low;
	p->wanted = -1;
	if (p->added)
		return err;
	switch (l->opt.offset) {
	case CONFIG_OFFSET_BEGIN:
	case CONFIG_OFFSET_STORED:
		break;
	case CONFIG_OFFSET_END:
		p->start = p->high;
		break;
	case CONFIG_OFFSET_ABSOLUTE:
		p->start = p->wanted = l->opt.offset_value;
		break;
	case CONFIG_OFFSET_TAIL:
		p->start = p->high - clamp(l->opt.offset_value, 0, p->high);
		break;
	case CONFIG_OFFSET_TIME:
		err = offset_for_time(l, p);
		break;
	}
	p->start = clamp(p->start, p->low, p->high);
	return err;
}

static rd_kafka_resp_err_t look_up_partition(struct offset_lookup *l,
					     struct offset_lookup_partition *p)
{
	rd_kafka_resp_err_t err;

	p->added = p->id >= l->n_first;
	err = judge(l, rd_kafka_query_watermark_offsets(l->opt.rk, l->opt.topic, p->id, &p->low,
							&p->high, l->timeout_ms));
	return err ? err : judge(l, resolve_start(l, p));
}

static bool is_known(const struct offset_lookup *l, int32_t id)
{
	return id >= 0 && id < l->n_known && l->known[id];
}

static void remember(struct offset_lookup *l, int32_t id)
{
	if (id >= l->n_known) {
		bool *known = reallocarray(l->known, (size_t)id + 1, sizeof(*known));

		if (!known)
			return; /* asked again, and reported again: harmless */
		memset(known + l->n_known, 0, (size_t)(id + 1 - l->n_known) * sizeof(*known));
		l->known = known;
		l->n_known = id + 1;
	}
	l->known[id] = true;
}

/* Only to tell of what is gone: where it is of no avail, the joining says why. */
static void look_up_committed(struct offset_lookup *l, struct offset_lookup_result *r)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)r->n);

	for (size_t i = 0; i < r->n; i++)
		rd_kafka_topic_partition_list_add(list, l->opt.topic, r->partitions[i].id);
	if (!rd_kafka_committed(l->opt.rk, list, COORDINATOR_MS)) {
		for (size_t i = 0; i < r->n; i++)
			if (!list->elems[i].err && list->elems[i].offset >= 0)
				r->partitions[i].wanted = list->elems[i].offset;
	}
	rd_kafka_topic_partition_list_destroy(list);
}

static void look_up_partitions(struct offset_lookup *l, const rd_kafka_metadata_topic_t *topic,
			       struct offset_lookup_result *r)
{
	r->partitions = calloc((size_t)topic->partition_cnt, sizeof(*r->partitions));
	if (!r->partitions) {
		r->err = RD_KAFKA_RESP_ERR__FAIL;
		return;
	}
	if (l->n_first < 0)
		l->n_first = topic->partition_cnt;
	for (int i = 0; i < topic->partition_cnt && !stopping(l); i++) {
		struct offset_lookup_partition *p = &r->partitions[r->n];
		rd_kafka_resp_err_t err;

		p->id = topic->partitions[i].id;
		if (is_known(l, p->id))
			continue;
		err = look_up_partition(l, p);
		if (err) {
			r->err = err;
			continue;
		}
		remember(l, p->id);
		r->n++;
	}
	if (r->n && l->opt.offset == CONFIG_OFFSET_STORED)
		look_up_committed(l, r);
	r->complete = !r->err;
}

static void look_up(struct offset_lookup *l, struct offset_lookup_result *r)
{
	const struct rd_kafka_metadata *md = NULL;

	r->err = judge(l, rd_kafka_metadata(l->opt.rk, 0, l->rkt, &md, l->timeout_ms));
	if (r->err)
		return;
	if (md->topic_cnt != 1)
		r->err = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	else if (md->topics[0].err)
		r->err = md->topics[0].err;
	else if (md->topics[0].partition_cnt == 0)
		r->err = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
	else
		look_up_partitions(l, &md->topics[0], r);
	rd_kafka_metadata_destroy(md);
}

static void offset_lookup_destroy(struct offset_lookup *l)
{
	while (l->results) {
		struct offset_lookup_result *r = l->results;

		l->results = r->next;
		result_free(r);
	}
	if (l->rkt)
		rd_kafka_topic_destroy(l->rkt);
	pthread_cond_destroy(&l->wakeup);
	pthread_mutex_destroy(&l->lock);
	free(l->known);
	free((char *)l->opt.topic);
	free(l);
}

static void *run(void *arg)
{
	struct offset_lookup *l = arg;

	while (!stopping(l)) {
		struct offset_lookup_result *r = calloc(1, sizeof(*r));
		bool complete = false;

		if (r) {
			look_up(l, r);
			complete = r->complete;
			post(l, r);
		}
		sleep_unless_stopped(l, complete ? REFRESH_MS : RETRY_MS);
	}
	if (atomic_exchange(&l->abandoned, true))
		offset_lookup_destroy(l);
	return NULL;
}

static struct offset_lookup_result *take_result(struct offset_lookup *l)
{
	struct offset_lookup_result *r;

	pthread_mutex_lock(&l->lock);
	r = l->stop ? NULL : l->results;
	if (r) {
		l->results = r->next;
		if (!l->results)
			l->last = &l->results;
	}
	pthread_mutex_unlock(&l->lock);
	return r;
}

static void on_answered(struct ev_loop *loop, ev_async *w, int revents)
{
	struct offset_lookup *l = w->data;
	struct offset_lookup_result *r;

	while ((r = take_result(l))) {
		l->opt.on_result(l->opt.ctx, r);
		result_free(r);
	}
}

static int start_thread(struct offset_lookup *l)
{
	int r = thread_cond_init(&l->wakeup);

	if (r < 0)
		return r;
	pthread_mutex_init(&l->lock, NULL);
	l->rkt = rd_kafka_topic_new(l->opt.rk, l->opt.topic, NULL);
	if (!l->rkt) {
		log_error("topic %s: %s", l->opt.topic, rd_kafka_err2str(rd_kafka_last_error()));
		return -EINVAL;
	}
	ev_async_start(l->opt.loop, &l->answered);
	return -pthread_create(&l->thread, NULL, run, l);
}

int offset_lookup_new(struct offset_lookup **out, const struct offset_lookup_options *opt)
{
	struct offset_lookup *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->opt = *opt;
	l->opt.topic = strdup(opt->topic);
	l->timeout_ms = TIMEOUT_MIN_MS;
	l->n_first = -1;
	l->last = &l->results;
	ev_async_init(&l->answered, on_answered);
	l->answered.data = l;
	r = l->opt.topic ? start_thread(l) : -ENOMEM;
	if (r) {
		ev_async_stop(opt->loop, &l->answered);
		offset_lookup_destroy(l);
		return r;
	}
	*out = l;
	return 0;
}

void offset_lookup_stop(struct offset_lookup *l)
{
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_signal(&l->wakeup);
	pthread_mutex_unlock(&l->lock);
}

bool offset_lookup_has_ended(const struct offset_lookup *l)
{
	return atomic_load(&l->abandoned);
}

bool offset_lookup_free(struct offset_lookup *l, unsigned int wait_ms)
{
	if (!l)
		return true;
	offset_lookup_stop(l);
	ev_async_stop(l->opt.loop, &l->answered);
	if (thread_join_within(l->thread, wait_ms)) {
		offset_lookup_destroy(l);
		return true;
	}
	thread_abandon(l->thread);
	if (!atomic_exchange(&l->abandoned, true))
		return false;
	offset_lookup_destroy(l);
	return true;
}

void offset_lookup_log(const char *topic, const char *brokers, rd_kafka_resp_err_t err)
{
	const char *text;
	struct hint hint;

	switch (err) {
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
		break; /* the client reports its connections itself, the others pass */
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		log_debug("topic %s is there", topic);
		break;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		log_warn("topic %s does not exist on %s; waiting for it", topic, brokers);
		break;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		log_warn("no permission to read topic %s; waiting for it (an ACL that allows "
			 "Describe and Read is needed)",
			 topic);
		break;
	default:
		text = rd_kafka_err2str(err);
		hint = hints_behind(text, ": ");
		log_warn("topic %s: %s; trying again%s%s", topic, text, hint.mark, hint.advice);
	}
}

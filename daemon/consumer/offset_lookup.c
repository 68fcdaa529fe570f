/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The query goes to the worker with each job and comes back with its answer. A job that never comes
 * back, as the worker was stopped, frees it.
 */
#include "consumer/offset_lookup.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/worker.h"
#include "kafka/hints.h"

#define RETRY_SEC   0.5 /* after an answer that said "not (all) there" */
#define REFRESH_SEC 5.0 /* once everything is known */

struct offset_lookup {
	struct offset_lookup_options opt;
	struct worker *worker;
	struct offset_query *query; /* ours, NULL while it is asked */
	struct offset_query
		*asking; /* the job's meanwhile, to cancel it; good until worker_stop() */
	ev_timer next;
	bool closing;
	bool stopped;
};

/* What a job owns. */
struct question {
	struct offset_query *query;
};

static void on_run(void *arg)
{
	struct question *question = arg;

	offset_query_ask(question->query);
}

static void on_drop(void *arg)
{
	struct question *question = arg;

	offset_query_free(question->query);
	free(question);
}

static void ask_after(struct offset_lookup *l, double seconds)
{
	ev_timer_set(&l->next, seconds, 0);
	ev_timer_start(l->opt.loop, &l->next);
}

/* The ends of a range are asked for until all are known, and then nothing is any more. */
static void ask_next(struct offset_lookup *l, const struct offset_lookup_result *last)
{
	if (l->closing && !last->closing)
		ask_after(l, 0);
	else if (!l->closing || !last->complete)
		ask_after(l, last->complete ? REFRESH_SEC : RETRY_SEC);
}

static void on_done(void *ctx, void *arg)
{
	struct offset_lookup *l = ctx;
	struct question *question = arg;

	l->query = question->query;
	question->query = l->asking = NULL;
	if (l->stopped)
		return;
	ask_next(l, &l->query->result);
	l->opt.on_result(l->opt.ctx, &l->query->result);
}

static int ask(struct offset_lookup *l)
{
	struct question *question = calloc(1, sizeof(*question));
	const struct worker_job job = {.run = on_run,
				       .done = on_done,
				       .drop = on_drop,
				       .arg = question};
	int r;

	if (!question)
		return -ENOMEM;
	if (l->closing)
		offset_query_close(l->query);
	question->query = l->asking = l->query;
	l->query = NULL;
	r = worker_add(l->worker, &job);
	if (r < 0)
		l->asking = NULL; /* dropped, query and all */
	return r;
}

/* Where no thread is to be had, or no memory, the query is lost: that was logged. */
static void on_next(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct offset_lookup *l = w->data;

	if (ask(l) < 0 && l->query)
		ask_after(l, RETRY_SEC);
}

int offset_lookup_new(struct offset_lookup **out, const struct offset_lookup_options *opt)
{
	struct offset_lookup *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->opt = *opt;
	ev_timer_init(&l->next, on_next, 0, 0);
	l->next.data = l;
	r = worker_new(&l->worker, opt->loop, l);
	if (r == 0)
		r = offset_query_new(&l->query, opt->rk, opt->topic, &opt->question);
	if (r == 0)
		r = ask(l);
	if (r < 0) {
		offset_lookup_free(l, 0, NULL, NULL);
		return r;
	}
	*out = l;
	return 0;
}

void offset_lookup_close(struct offset_lookup *l)
{
	if (l->stopped || l->closing)
		return;
	l->closing = true;
	if (!l->query)
		return; /* being asked, or lost */
	ev_timer_stop(l->opt.loop, &l->next);
	ask_after(l, 0);
}

void offset_lookup_stop(struct offset_lookup *l)
{
	l->stopped = true;
	ev_timer_stop(l->opt.loop, &l->next);
	if (l->asking)
		atomic_store(&l->asking->cancelled, true);
}

bool offset_lookup_free(struct offset_lookup *l, unsigned int wait_ms, void (*gone)(void *arg),
			void *arg)
{
	bool ended;

	if (!l)
		return true;
	offset_lookup_stop(l);
	offset_query_free(l->query);
	ended = worker_release(l->worker, wait_ms, gone, arg);
	free(l);
	return ended;
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

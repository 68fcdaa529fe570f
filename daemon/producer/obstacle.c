/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/obstacle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/worker.h"
#include "kafka/replicas.h"

struct obstacle {
	struct worker *worker;
	char words[256];
	bool outdated; /* what is being asked is of before obstacle_forget() */
};

struct question {
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic; /* a reference of its own */
	char words[256];
};

static void run(void *arg)
{
	struct question *q = arg;

	replicas_ask(q->rk, q->topic, q->words, sizeof(q->words));
}

static void done(void *ctx, void *arg)
{
	const struct question *q = arg;
	struct obstacle *o = ctx;

	if (!o->outdated)
		snprintf(o->words, sizeof(o->words), "%s", q->words);
	o->outdated = false;
}

static void drop(void *arg)
{
	struct question *q = arg;

	if (q->topic)
		rd_kafka_topic_destroy(q->topic);
	free(q);
}

void obstacle_ask(struct obstacle *o, rd_kafka_t *rk, const char *topic)
{
	struct worker_job job = {.run = run, .done = done, .drop = drop};
	struct question *q;

	if (worker_pending(o->worker) > 0)
		return;
	q = calloc(1, sizeof(*q));
	if (!q)
		return;
	q->rk = rk;
	q->topic = rd_kafka_topic_new(rk, topic, NULL);
	job.arg = q;
	if (q->topic)
		worker_add(o->worker, &job);
	else
		drop(q);
}

const char *obstacle_words(const struct obstacle *o)
{
	return o->words;
}

void obstacle_forget(struct obstacle *o)
{
	*o->words = '\0';
	o->outdated = worker_pending(o->worker) > 0;
}

int obstacle_new(struct obstacle **out, struct ev_loop *loop)
{
	struct obstacle *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	r = worker_new(&o->worker, loop, o);
	if (r < 0) {
		free(o);
		return r;
	}
	*out = o;
	return 0;
}

bool obstacle_free(struct obstacle *o, unsigned int wait_ms, void (*gone)(void *arg), void *arg)
{
	bool ended;

	if (!o)
		return true;
	ended = worker_release(o->worker, wait_ms, gone, arg);
	free(o);
	return ended;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/thread.h"

struct item {
	struct item *next;
	struct worker_job worker_job;
};

struct list {
	struct item *first, **last;
};

struct worker {
	struct ev_loop *loop;
	void *ctx;
	ev_async ran;
	pthread_t thread;
	bool started;
	size_t pending;          /* the loop's own */
	atomic_bool left;        /* see thread_leave() */
	void (*gone)(void *arg); /* set before the loop's side has left */
	void *gone_arg;

	pthread_mutex_t lock; /* guards the next three */
	pthread_cond_t wakeup;
	bool stop;
	struct list todo, finished;
};

static void list_init(struct list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void list_append(struct list *l, struct item *it)
{
	it->next = NULL;
	*l->last = it;
	l->last = &it->next;
}

static struct item *list_take(struct list *l)
{
	struct item *it = l->first;

	if (it)
		l->first = it->next;
	if (!l->first)
		l->last = &l->first;
	return it;
}

static void errand_drop(const struct worker_job *worker_job)
{
	if (worker_job->drop)
		worker_job->drop(worker_job->arg);
}

static void item_free(struct item *it)
{
	errand_drop(&it->worker_job);
	free(it);
}

static void list_clear(struct list *l)
{
	struct item *it;

	while ((it = list_take(l)))
		item_free(it);
}

static void worker_destroy(struct worker *e)
{
	list_clear(&e->todo);
	list_clear(&e->finished);
	pthread_cond_destroy(&e->wakeup);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

/* ---- the thread ---- */

/* Waits for the next one; NULL: it is to end. */
static struct item *wait_for_next(struct worker *e)
{
	struct item *it;

	pthread_mutex_lock(&e->lock);
	while (!e->stop && !e->todo.first)
		pthread_cond_wait(&e->wakeup, &e->lock);
	it = e->stop ? NULL : list_take(&e->todo);
	pthread_mutex_unlock(&e->lock);
	return it;
}

/* A stopped ev_async must not be sent to, nor one whose loop is gone. */
static void post(struct worker *e, struct item *it)
{
	bool stop;

	pthread_mutex_lock(&e->lock);
	stop = e->stop;
	if (!stop) {
		list_append(&e->finished, it);
		ev_async_send(e->loop, &e->ran);
	}
	pthread_mutex_unlock(&e->lock);
	if (stop)
		item_free(it);
}

static void *run(void *arg)
{
	struct worker *e = arg;
	struct item *it;

	while ((it = wait_for_next(e))) {
		it->worker_job.run(it->worker_job.arg);
		post(e, it);
	}
	if (!thread_leave(&e->left))
		return NULL;
	if (e->gone)
		e->gone(e->gone_arg);
	worker_destroy(e);
	return NULL;
}

/* ---- the loop ---- */

static struct item *take_finished(struct worker *e)
{
	struct item *it;

	pthread_mutex_lock(&e->lock);
	it = e->stop ? NULL : list_take(&e->finished);
	pthread_mutex_unlock(&e->lock);
	return it;
}

static void on_ran(struct ev_loop *loop, ev_async *w, int revents)
{
	struct worker *e = w->data;
	struct item *it;

	while ((it = take_finished(e))) {
		e->pending--;
		if (it->worker_job.done)
			it->worker_job.done(e->ctx, it->worker_job.arg);
		item_free(it);
	}
}

int worker_new(struct worker **out, struct ev_loop *loop, void *ctx)
{
	struct worker *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->loop = loop;
	e->ctx = ctx;
	list_init(&e->todo);
	list_init(&e->finished);
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->wakeup, NULL);
	ev_async_init(&e->ran, on_ran);
	e->ran.data = e;
	ev_async_start(loop, &e->ran);
	*out = e;
	return 0;
}

static int start(struct worker *e)
{
	int r;

	if (e->started)
		return 0;
	r = thread_start(&e->thread, run, e);
	if (r < 0)
		log_error("cannot start a thread: %s", strerror(-r));
	e->started = r == 0;
	return r;
}

static int enqueue(struct worker *e, const struct worker_job *worker_job)
{
	struct item *it;
	int r;

	if (e->stop) /* which only this thread sets */
		return -ECANCELED;
	r = start(e);
	if (r < 0)
		return r;
	it = malloc(sizeof(*it));
	if (!it)
		return -ENOMEM;
	it->worker_job = *worker_job;
	pthread_mutex_lock(&e->lock);
	list_append(&e->todo, it);
	pthread_cond_signal(&e->wakeup);
	pthread_mutex_unlock(&e->lock);
	e->pending++;
	return 0;
}

int worker_add(struct worker *e, const struct worker_job *worker_job)
{
	int r = enqueue(e, worker_job);

	if (r < 0)
		errand_drop(worker_job);
	return r;
}

size_t worker_pending(const struct worker *e)
{
	return e->pending;
}

void worker_stop(struct worker *e)
{
	struct list dropped;
	struct item *it;

	list_init(&dropped);
	ev_async_stop(e->loop, &e->ran);
	pthread_mutex_lock(&e->lock);
	e->stop = true;
	while ((it = list_take(&e->todo)))
		list_append(&dropped, it);
	while ((it = list_take(&e->finished)))
		list_append(&dropped, it);
	pthread_cond_signal(&e->wakeup);
	pthread_mutex_unlock(&e->lock);
	e->pending = 0;
	list_clear(&dropped);
}

bool worker_release(struct worker *e, unsigned int wait_ms, void (*gone)(void *arg), void *arg)
{
	if (!e)
		return true;
	worker_stop(e);
	e->gone = gone;
	e->gone_arg = arg;
	if (e->started && !thread_join_or_leave(e->thread, wait_ms, &e->left))
		return false;
	worker_destroy(e);
	return true;
}

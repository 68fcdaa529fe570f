/* SPDX-License-Identifier: Apache-2.0 */
#include "base/errands.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/thread.h"

struct item {
	struct item *next;
	struct errand errand;
};

struct list {
	struct item *first, **last;
};

struct errands {
	struct ev_loop *loop;
	void *ctx;
	ev_async ran;
	pthread_t thread;
	bool started;
	size_t pending;        /* the loop's own */
	atomic_bool abandoned; /* by free or thread; whoever comes second frees the rest */

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

static void errand_drop(const struct errand *errand)
{
	if (errand->drop)
		errand->drop(errand->arg);
}

static void item_free(struct item *it)
{
	errand_drop(&it->errand);
	free(it);
}

static void list_clear(struct list *l)
{
	struct item *it;

	while ((it = list_take(l)))
		item_free(it);
}

static void errands_destroy(struct errands *e)
{
	list_clear(&e->todo);
	list_clear(&e->finished);
	pthread_cond_destroy(&e->wakeup);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

/* ---- the thread ---- */

/* Waits for the next one; NULL: it is to end. */
static struct item *wait_for_next(struct errands *e)
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
static void post(struct errands *e, struct item *it)
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
	struct errands *e = arg;
	struct item *it;

	while ((it = wait_for_next(e))) {
		it->errand.run(it->errand.arg);
		post(e, it);
	}
	if (atomic_exchange(&e->abandoned, true))
		errands_destroy(e);
	return NULL;
}

/* ---- the loop ---- */

static struct item *take_finished(struct errands *e)
{
	struct item *it;

	pthread_mutex_lock(&e->lock);
	it = e->stop ? NULL : list_take(&e->finished);
	pthread_mutex_unlock(&e->lock);
	return it;
}

static void on_ran(struct ev_loop *loop, ev_async *w, int revents)
{
	struct errands *e = w->data;
	struct item *it;

	while ((it = take_finished(e))) {
		e->pending--;
		if (it->errand.done)
			it->errand.done(e->ctx, it->errand.arg);
		item_free(it);
	}
}

int errands_new(struct errands **out, struct ev_loop *loop, void *ctx)
{
	struct errands *e = calloc(1, sizeof(*e));

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

static int start(struct errands *e)
{
	int r;

	if (e->started)
		return 0;
	r = -pthread_create(&e->thread, NULL, run, e);
	if (r < 0)
		log_error("cannot start a thread: %s", strerror(-r));
	e->started = r == 0;
	return r;
}

static int enqueue(struct errands *e, const struct errand *errand)
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
	it->errand = *errand;
	pthread_mutex_lock(&e->lock);
	list_append(&e->todo, it);
	pthread_cond_signal(&e->wakeup);
	pthread_mutex_unlock(&e->lock);
	e->pending++;
	return 0;
}

int errands_add(struct errands *e, const struct errand *errand)
{
	int r = enqueue(e, errand);

	if (r < 0)
		errand_drop(errand);
	return r;
}

size_t errands_pending(const struct errands *e)
{
	return e->pending;
}

void errands_stop(struct errands *e)
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

bool errands_have_ended(const struct errands *e)
{
	return !e->started || atomic_load(&e->abandoned);
}

bool errands_free(struct errands *e, unsigned int wait_ms)
{
	if (!e)
		return true;
	errands_stop(e);
	if (!e->started || thread_join_within(e->thread, wait_ms)) {
		errands_destroy(e);
		return true;
	}
	thread_abandon(e->thread);
	if (!atomic_exchange(&e->abandoned, true))
		return false;
	errands_destroy(e);
	return true;
}

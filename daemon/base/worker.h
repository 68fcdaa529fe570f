/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that may wait for long, such as librdkafka's that wait for its own threads: one helper
 * thread runs them in the order they were given, and the loop is told of the end of each.
 *
 * The thread starts with the first job. Everything here is called from the loop's thread.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

struct worker;

struct worker_job {
	/* On the helper thread. May touch what `arg` owns, and what is made for several threads. */
	void (*run)(void *arg);
	/*
	 * On the loop, after run(); NULL: nobody need be told. It may give further jobs, but not
	 * free them all. Not called any more after worker_stop().
	 */
	void (*done)(void *ctx, void *arg);
	/* Frees `arg`, on either thread, once: after done(), or in place of it. NULL is legal. */
	void (*drop)(void *arg);
	void *arg;
};

/* `ctx` is handed to each done(). Returns 0 or -ENOMEM. */
int worker_new(struct worker **out, struct ev_loop *loop, void *ctx);

/*
 * Queues one behind those that wait; it is copied, and its `arg` is the queue's from here on.
 * Returns 0 or -errno: it was dropped, and will not be run.
 */
int worker_add(struct worker *e, const struct worker_job *worker_job);

/* How many were given and are not yet done, the one that runs included. */
size_t worker_pending(const struct worker *e);

/* Those that have not begun are dropped, done() is called no more, later ones are refused. */
void worker_stop(struct worker *e);

/*
 * Stops, and frees it after waiting at most `wait_ms` for the job that runs. Returns true when
 * the thread is gone; false: it ends with that job, and what the job uses must live until then:
 * the thread calls gone(arg) as its last act. NULL is legal, for the worker (true) and for gone().
 */
bool worker_release(struct worker *e, unsigned int wait_ms, void (*gone)(void *arg), void *arg);

static inline bool worker_free(struct worker *e, unsigned int wait_ms)
{
	return worker_release(e, wait_ms, NULL, NULL);
}

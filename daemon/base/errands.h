/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that may wait for long, such as librdkafka's that wait for its own threads: one helper
 * thread runs them in the order they were given, and the loop is told of the end of each.
 *
 * The thread starts with the first errand. Everything here is called from the loop's thread.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

struct errands;

struct errand {
	/* On the helper thread. May touch what `arg` owns, and what is made for several threads. */
	void (*run)(void *arg);
	/*
	 * On the loop, after run(); NULL: nobody need be told. It may give further errands, but not
	 * free them all. Not called any more after errands_stop().
	 */
	void (*done)(void *ctx, void *arg);
	/* Frees `arg`, on either thread, once: after done(), or in place of it. NULL is legal. */
	void (*drop)(void *arg);
	void *arg;
};

/* `ctx` is handed to each done(). Returns 0 or -ENOMEM. */
int errands_new(struct errands **out, struct ev_loop *loop, void *ctx);

/*
 * Queues one behind those that wait; it is copied, and its `arg` is the queue's from here on.
 * Returns 0 or -errno: it was dropped, and will not be run.
 */
int errands_add(struct errands *e, const struct errand *errand);

/* How many were given and are not yet done, the one that runs included. */
size_t errands_pending(const struct errands *e);

/* Those that have not begun are dropped, done() is called no more, later ones are refused. */
void errands_stop(struct errands *e);

/* After errands_stop(): true once errands_free() need not wait for the thread. */
bool errands_have_ended(const struct errands *e);

/*
 * Stops, and frees it after waiting at most `wait_ms` for the errand that runs. Returns true when
 * the thread is gone; false: it ends with that errand, and what the errand uses must live until
 * then. NULL is legal (true).
 */
bool errands_free(struct errands *e, unsigned int wait_ms);

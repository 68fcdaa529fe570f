/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One librdkafka queue on the event loop.
 *
 * librdkafka writes an eventfd when the queue goes from empty to filled, and not again until it
 * was drained. So the eventfd is read first and the queue drained after; who stops early because
 * his batch is full says so and is called again.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* Embedded in its owner; fields are private. */
struct queuewatch {
	struct ev_loop *loop;
	rd_kafka_queue_t *queue;
	ev_io io;
	ev_timer rest;
	ev_check check;
	unsigned int served; /* in that iteration of the loop */
	bool hurried;
	int fd;
	bool (*on_ready)(void *ctx);
	void *ctx;
};

/*
 * Starts to watch. `on_ready` drains a bounded batch and returns true when more may be left; it
 * is called once at the start too. It must not stop the watch from within. The queue is borrowed
 * until queuewatch_stop(). After it was drained it is left alone for `rest` seconds (0: it is
 * not), as each time costs both sides a system call and a wake-up, or until the loop wakes for
 * something else, which it then precedes. Returns 0 or -errno.
 */
int queuewatch_start(struct queuewatch *w, struct ev_loop *loop, rd_kafka_queue_t *queue,
		     double rest, bool (*on_ready)(void *ctx), void *ctx);

/* The same for one more queue; who closes it first calls rd_kafka_queue_io_event_enable(…, -1, …).
 */
void queuewatch_add(struct queuewatch *w, rd_kafka_queue_t *queue);

/* Somebody waits for what comes next: it is served at once. */
void queuewatch_hurry(struct queuewatch *w);

/* While paused nothing is called; what comes meanwhile is not forgotten. */
void queuewatch_pause(struct queuewatch *w, bool paused);

/* Stops and closes the eventfd. Legal on a zeroed struct, and twice. */
void queuewatch_stop(struct queuewatch *w);

/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/queuewatch.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"

/* librdkafka ignores the error of a write that is not exactly this long. */
static const uint64_t one = 1;

static void kick(struct queuewatch *w)
{
	/* Fails only when the counter is full, and then the fd is readable anyway. */
	ssize_t n = write(w->fd, &one, sizeof(one));

	(void)n;
}

static void wake(struct queuewatch *w)
{
	ev_timer_stop(w->loop, &w->rest);
	ev_io_start(w->loop, &w->io);
}

static void serve(struct queuewatch *w)
{
	uint64_t count;
	ssize_t n = read(w->fd, &count, sizeof(count));

	(void)n;
	w->served = ev_iteration(w->loop);
	if (w->on_ready(w->ctx)) {
		kick(w);
		if (ev_is_active(&w->rest))
			wake(w);
	} else if (!w->hurried && w->rest.repeat > 0) {
		ev_io_stop(w->loop, &w->io);
		ev_timer_again(w->loop, &w->rest);
	}
	w->hurried = false;
}

static void on_io(struct ev_loop *loop, ev_io *io, int revents)
{
	serve(io->data);
}

static void on_rested(struct ev_loop *loop, ev_timer *timer, int revents)
{
	wake(timer->data);
}

/*
 * The loop is awake, so that it costs no wake-up of its own. Not when it woke because the rest is
 * over: serving would begin another, and so for ever on a queue that stays empty.
 */
static void on_check(struct ev_loop *loop, ev_check *check, int revents)
{
	struct queuewatch *w = check->data;

	if (ev_is_active(&w->rest) && !ev_is_pending(&w->rest) && w->served != ev_iteration(loop))
		serve(w);
}

int queuewatch_start(struct queuewatch *w, struct ev_loop *loop, rd_kafka_queue_t *queue,
		     double rest, bool (*on_ready)(void *ctx), void *ctx)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0) {
		int r = -errno;

		log_error("Cannot watch a queue of the Kafka client: %s", strerror(-r));
		return r;
	}
	*w = (struct queuewatch){
		.loop = loop, .queue = queue, .fd = fd, .on_ready = on_ready, .ctx = ctx};
	ev_io_init(&w->io, on_io, fd, EV_READ);
	ev_timer_init(&w->rest, on_rested, 0., rest);
	ev_check_init(&w->check, on_check);
	/* Before what the loop woke for: packets then get memory that was in use just now. */
	ev_set_priority(&w->check, 1);
	w->io.data = w->rest.data = w->check.data = w;
	ev_io_start(loop, &w->io);
	if (rest > 0)
		ev_check_start(loop, &w->check);
	rd_kafka_queue_io_event_enable(queue, fd, &one, sizeof(one));
	kick(w);
	return 0;
}

void queuewatch_add(struct queuewatch *w, rd_kafka_queue_t *queue)
{
	rd_kafka_queue_io_event_enable(queue, w->fd, &one, sizeof(one));
	kick(w);
}

void queuewatch_hurry(struct queuewatch *w)
{
	w->hurried = true;
	if (ev_is_active(&w->rest))
		wake(w);
}

void queuewatch_pause(struct queuewatch *w, bool paused)
{
	if (!w->queue)
		return;
	ev_timer_stop(w->loop, &w->rest);
	if (paused)
		ev_io_stop(w->loop, &w->io);
	else
		ev_io_start(w->loop, &w->io);
}

void queuewatch_stop(struct queuewatch *w)
{
	if (!w->queue)
		return;
	rd_kafka_queue_io_event_enable(w->queue, -1, NULL, 0);
	ev_io_stop(w->loop, &w->io);
	ev_timer_stop(w->loop, &w->rest);
	ev_check_stop(w->loop, &w->check);
	close(w->fd);
	w->queue = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/thread.h"
#include "deadline.h"
#include "kafka/queuewatch.h"

#define REST_MS    270 /* at the least */
#define REST_S     0.3
#define FOR_EVER_S 3600

struct rig {
	struct ev_loop *loop;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	struct queuewatch watch;
	bool hurried;
	double tick;        /* the loop wakes for something else that often; 0: never */
	unsigned int looks; /* at the queue, the one at the start too */
	unsigned int calls; /* those that found something */
	uint64_t at_ms[3];
	unsigned int ticked; /* in that iteration of the loop */
	bool late;           /* the third call came after the tick that woke the loop */
};

/* Puts something into the queue, at once: what nothing was asked of is an error. */
static void fill(struct rig *r)
{
	rd_kafka_DeleteGroups(r->rk, NULL, 0, NULL, r->queue);
}

/* Drains the queue, notes when, fills it again, and ends the loop at the third time. */
static bool on_ready(void *ctx)
{
	struct rig *r = ctx;
	rd_kafka_event_t *event;
	bool any = false;

	r->looks++;
	if (r->hurried)
		queuewatch_hurry(&r->watch);
	for (; (event = rd_kafka_queue_poll(r->queue, 0)); any = true)
		rd_kafka_event_destroy(event);
	if (!any)
		return false;
	fill(r);
	ev_now_update(r->loop);
	r->at_ms[r->calls++] = thread_now_ms();
	r->late = r->ticked == ev_iteration(r->loop);
	if (r->calls == 3)
		ev_break(r->loop, EVBREAK_ALL);
	return false;
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct rig *r = timer->data;

	r->ticked = ev_iteration(loop);
}

static void open_rig(struct rig *r, double rest)
{
	char why[256];

	r->loop = ev_loop_new(EVFLAG_AUTO);
	r->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
	assert_non_null(r->rk);
	r->queue = rd_kafka_queue_new(r->rk);
	assert_int_equal(queuewatch_start(&r->watch, r->loop, r->queue, rest, on_ready, r), 0);
}

static void close_rig(struct rig *r)
{
	queuewatch_stop(&r->watch);
	queuewatch_stop(&r->watch); /* legal */
	rd_kafka_queue_destroy(r->queue);
	rd_kafka_destroy(r->rk);
	ev_loop_destroy(r->loop);
}

static void run(struct rig *r, double rest)
{
	ev_timer tick;

	open_rig(r, rest);
	fill(r);
	alarm(DEADLINE_S);
	ev_timer_init(&tick, on_tick, 0., r->tick);
	tick.data = r;
	if (r->tick > 0)
		ev_timer_again(r->loop, &tick);
	ev_run(r->loop, 0);
	close_rig(r);
}

static void a_drained_queue_is_left_alone_for_a_while(void **state)
{
	struct rig r = {0};

	run(&r, REST_S);
	/* Once libev wakes for the descriptor though it is not watched any more. */
	assert_true(r.at_ms[1] - r.at_ms[0] >= REST_MS || r.at_ms[2] - r.at_ms[1] >= REST_MS);
}

static void who_waits_is_served_at_once(void **state)
{
	struct rig r = {.hurried = true};

	run(&r, FOR_EVER_S);
}

static void a_loop_that_is_awake_looks_first(void **state)
{
	struct rig r = {.tick = 0.01};

	run(&r, FOR_EVER_S);
	assert_false(r.late);
}

static void end(struct ev_loop *loop, ev_timer *timer, int revents)
{
	ev_break(loop, EVBREAK_ALL);
}

static void an_empty_queue_wakes_nobody(void **state)
{
	struct rig r = {0};
	ev_timer timer;

	open_rig(&r, 0.01);
	ev_timer_init(&timer, end, 0.5, 0.);
	ev_timer_start(r.loop, &timer);
	ev_run(r.loop, 0);
	assert_int_equal(r.looks, 1); /* 50 for one that looks again and again */
	close_rig(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_drained_queue_is_left_alone_for_a_while),
		cmocka_unit_test(who_waits_is_served_at_once),
		cmocka_unit_test(a_loop_that_is_awake_looks_first),
		cmocka_unit_test(an_empty_queue_wakes_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

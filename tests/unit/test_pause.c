/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions that are stopped and restarted, with a worker that does what a test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "consumer/consumer_calls.h"
#include "consumer/pause.h"

/* ---- the worker, of which one call at a time is asked ---- */

static struct {
	struct consumer_calls call; /* the one on its way */
	bool others;                /* another's call is on its way */
	int refuses;                /* -errno of the next; 0: it is taken */
	char asked[256];            /* all that was asked for: "pause 0 2, resume 1" */
	int changed, failed;        /* how often that was told; and what */
} world;

size_t worker_pending(const struct worker *e)
{
	return world.others + (world.call.list != NULL);
}

int consumer_calls_give(struct worker *worker, const struct consumer_calls *call)
{
	size_t n = strlen(world.asked);

	assert_int_equal(worker_pending(worker), 0);
	if (world.refuses) {
		rd_kafka_topic_partition_list_destroy(call->list);
		return world.refuses;
	}
	n += (size_t)snprintf(world.asked + n, sizeof(world.asked) - n, "%s%s", n > 0 ? ", " : "",
			      call->kind == CONSUMER_CALLS_PAUSE    ? "pause"
			      : call->kind == CONSUMER_CALLS_RESUME ? "resume"
								    : "?");
	for (int i = 0; i < call->list->cnt; i++) {
		assert_string_equal(call->list->elems[i].topic, "pcap");
		n += (size_t)snprintf(world.asked + n, sizeof(world.asked) - n, " %d",
				      call->list->elems[i].partition);
	}
	world.call = *call;
	return 0;
}

/* The call that is on its way ends. */
static void end_call(void)
{
	const struct consumer_calls call = world.call;

	assert_non_null(call.list);
	world.call.list = NULL;
	call.done(call.ctx, &call);
	rd_kafka_topic_partition_list_destroy(call.list);
}

/* What was asked for since the last time. */
static void assert_asked(const char *what)
{
	assert_string_equal(world.asked, what);
	world.asked[0] = '\0';
}

/* ---- a consumer's partitions ---- */

struct rig {
	struct partitions partitions;
	struct pause pause;
};

static struct rig rig;

static void on_changed(void *ctx)
{
	assert_ptr_equal(ctx, &rig);
	world.changed++;
}

static void on_failed(void *ctx, int r)
{
	assert_ptr_equal(ctx, &rig);
	world.failed = r;
}

static int open_rig(void **state)
{
	const struct pause_options opt = {.topic = "pcap",
					  .partitions = &rig.partitions,
					  .on_changed = on_changed,
					  .on_failed = on_failed,
					  .ctx = &rig};

	memset(&world, 0, sizeof(world));
	memset(&rig, 0, sizeof(rig));
	pause_init(&rig.pause, &opt);
	return 0;
}

static int close_rig(void **state)
{
	if (world.call.list)
		rd_kafka_topic_partition_list_destroy(world.call.list);
	partitions_clear(&rig.partitions);
	return 0;
}

static struct partition *add(int32_t id)
{
	struct partition *p = partitions_get(&rig.partitions, id);

	assert_non_null(p);
	p->assigned = true;
	return p;
}

/* ---- tests ---- */

/* Each state of a partition, and whether all are to stop: what is asked of it then. */
static void test_each_state(void **state)
{
	static const struct {
		bool shut, assigned, paused, done;
		const char *asked;
	} cases[] = {
		{false, false, false, false, ""},       {false, false, false, true, ""},
		{false, false, true, false, ""},        {false, false, true, true, ""},
		{false, true, false, false, ""},        {false, true, false, true, "pause 0"},
		{false, true, true, false, "resume 0"}, {false, true, true, true, ""},
		{true, false, false, false, ""},        {true, false, false, true, ""},
		{true, false, true, false, ""},         {true, false, true, true, ""},
		{true, true, false, false, "pause 0"},  {true, true, false, true, "pause 0"},
		{true, true, true, false, ""},          {true, true, true, true, ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool asks = cases[i].asked[0] != '\0';
		struct partition *p;

		open_rig(NULL);
		p = add(0);
		p->assigned = cases[i].assigned;
		p->paused = cases[i].paused;
		p->done = cases[i].done;
		pause_shut(&rig.pause, cases[i].shut);
		assert_asked(cases[i].asked);
		assert_int_equal(p->paused, cases[i].paused != asks);
		/* Nobody may fetch meanwhile, but for what is at its end. */
		assert_int_equal(rig.pause.pausing, asks && cases[i].shut);
		if (asks)
			end_call();
		assert_false(rig.pause.pausing);
		assert_int_equal(world.changed, asks);
		pause_apply(&rig.pause);
		assert_asked("");
		close_rig(NULL);
	}
}

static void test_all_that_flow_stop_and_go_on(void **state)
{
	add(0);
	add(1)->assigned = false;
	add(2);
	add(3)->paused = add(3)->done = true;
	pause_shut(&rig.pause, true);
	assert_asked("pause 0 2");
	end_call();
	pause_shut(&rig.pause, false);
	assert_asked("resume 0 2");
	end_call();
	assert_int_equal(world.changed, 2);
}

/* One that is stopped and restarted drops what was fetched of it. */
static void test_a_stop_and_go_meanwhile_is_none(void **state)
{
	add(0);
	world.others = true;
	pause_shut(&rig.pause, true);
	pause_shut(&rig.pause, false);
	world.others = false;
	pause_apply(&rig.pause);
	assert_asked("");
}

static void test_what_was_wanted_meanwhile_follows(void **state)
{
	add(0);
	world.others = true;
	pause_shut(&rig.pause, true);
	assert_asked("");
	world.others = false;
	pause_apply(&rig.pause);
	assert_asked("pause 0");
	pause_shut(&rig.pause, false);
	assert_asked("");
	assert_true(rig.pause.pausing);
	end_call();
	assert_asked("resume 0");
	assert_false(rig.pause.pausing);
	pause_shut(&rig.pause, true);
	end_call();
	assert_asked("pause 0");
	assert_true(rig.pause.pausing);
}

static void test_those_that_are_held_go_on_before_others_stop(void **state)
{
	add(0)->done = true;
	add(1)->paused = true;
	pause_apply(&rig.pause);
	assert_asked("resume 1");
	end_call();
	assert_asked("pause 0");
	assert_false(rig.pause.pausing);
	end_call();
	assert_asked("");
}

/* By a rebalance: its flag outlasts an assignment, as librdkafka's does. */
static void test_partitions_that_come_and_go(void **state)
{
	struct partition *p = add(0);

	pause_shut(&rig.pause, true);
	end_call();
	assert_asked("pause 0");
	p->assigned = false;
	pause_shut(&rig.pause, false);
	assert_asked("");
	p->assigned = true;
	pause_apply(&rig.pause);
	assert_asked("resume 0");
	end_call();
	pause_shut(&rig.pause, true);
	end_call();
	add(1);
	pause_apply(&rig.pause);
	assert_asked("pause 0, pause 1");
}

/* The end of one is found while it flows. */
static void test_one_that_is_taken_to_its_end_stops(void **state)
{
	add(0);
	add(1);
	pause_apply(&rig.pause);
	assert_asked("");
	add(1)->done = true;
	pause_apply(&rig.pause);
	assert_asked("pause 1");
	end_call();
	pause_shut(&rig.pause, true);
	assert_asked("pause 0");
	end_call();
	pause_shut(&rig.pause, false);
	assert_asked("resume 0");
}

static void test_what_cannot_be_asked_for_is_told(void **state)
{
	add(0);
	world.refuses = -ENOMEM;
	pause_shut(&rig.pause, true);
	assert_int_equal(world.failed, -ENOMEM);
	assert_int_equal(world.changed, 0);
}

static void test_nothing_is_asked_for_after_the_end(void **state)
{
	add(0);
	pause_shut(&rig.pause, true);
	assert_asked("pause 0");
	pause_stop(&rig.pause);
	pause_shut(&rig.pause, false);
	end_call();
	assert_asked("");
	pause_apply(&rig.pause);
	assert_asked("");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_state),
		CASE(test_all_that_flow_stop_and_go_on),
		CASE(test_a_stop_and_go_meanwhile_is_none),
		CASE(test_what_was_wanted_meanwhile_follows),
		CASE(test_those_that_are_held_go_on_before_others_stop),
		CASE(test_partitions_that_come_and_go),
		CASE(test_one_that_is_taken_to_its_end_stops),
		CASE(test_what_cannot_be_asked_for_is_told),
		CASE(test_nothing_is_asked_for_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

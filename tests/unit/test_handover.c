/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture/handover.h"

struct capture {
	struct capture_counters counters;
	bool running, stopped, empty, freed;
	bool stands_by, adopts;      /* adopts: another one's filter */
	const struct capture *after; /* its turn came as this one left */
	int samples;
	uint64_t losses; /* that no packet has told */
	const struct annotation_options *origin;
};

static ev_timer *started, *repeated;

static struct {
	const struct capture *older, *newer;
	int calls;
} handed_over;

void ev_timer_start(struct ev_loop *loop, ev_timer *w)
{
	started = w;
}

void ev_timer_stop(struct ev_loop *loop, ev_timer *w)
{
	if (w == repeated)
		repeated = NULL;
	else
		started = NULL;
}

void ev_timer_again(struct ev_loop *loop, ev_timer *w)
{
	repeated = w;
}

void ev_now_update(struct ev_loop *loop)
{
}

void capture_run(struct capture *c)
{
	c->running = true;
}

void capture_stop(struct capture *c)
{
	c->stopped = true;
}

bool capture_is_empty(struct capture *c)
{
	return c->stopped && c->empty;
}

void capture_hand_over(struct capture *older, struct capture *newer)
{
	assert_false(older->stopped);
	handed_over.older = older;
	handed_over.newer = newer;
	handed_over.calls++;
}

bool capture_stands_by(const struct capture *c)
{
	return c->stands_by;
}

void capture_take_turn(struct capture *c)
{
	assert_false(c->running);
	c->stands_by = false;
}

void capture_leave(struct capture *c, struct capture *next)
{
	assert_false(c->freed);
	if (!next || !next->stands_by)
		return;
	capture_take_turn(next);
	next->after = c;
}

bool capture_adopt(struct capture *c, struct capture *fresh)
{
	assert_true(fresh->stands_by);
	return c->adopts;
}

uint64_t capture_take_losses(struct capture *c)
{
	uint64_t packets = c->losses;

	c->losses = 0;
	return packets;
}

void capture_add_losses(struct capture *c, uint64_t packets)
{
	assert_false(c->running);
	c->losses += packets;
}

void capture_annotate(struct capture *c, const struct annotation_options *origin)
{
	c->origin = origin;
}

void capture_sample(struct capture *c)
{
	c->samples++;
}

void capture_read_counters(const struct capture *c, struct capture_counters *out)
{
	*out = c->counters;
}

void capture_free(struct capture *c)
{
	c->freed = true;
}

static int set_up(void **state)
{
	memset(&handed_over, 0, sizeof(handed_over));
	return 0;
}

static void test_a_cut_is_told_to_both(void **state)
{
	struct capture a = {.running = false}, b = {.running = false};
	struct handover h;

	handover_init(&h, NULL);
	handover_add(&h, &a, false);
	assert_int_equal(handed_over.calls, 0);
	handover_add(&h, &b, true);
	assert_int_equal(handed_over.calls, 1);
	assert_ptr_equal(handed_over.older, &a);
	assert_ptr_equal(handed_over.newer, &b);
	handover_clear(&h);
}

static void test_without_a_cut_nothing_is_handed_over(void **state)
{
	struct capture a = {.running = false}, b = {.running = false};
	struct handover h;

	handover_init(&h, NULL);
	handover_add(&h, &a, false);
	handover_add(&h, &b, false);
	assert_int_equal(handed_over.calls, 0);
	handover_clear(&h);
}

/* Parked, as Kafka takes nothing: the older one ends all the same, and takes nothing more. */
static void test_the_older_one_is_ended_though_nothing_is_taken(void **state)
{
	struct capture a = {.running = false}, b = {.running = false};
	struct handover h;

	handover_init(&h, NULL);
	handover_add(&h, &a, false);
	handover_add(&h, &b, true);
	assert_non_null(started);
	assert_false(a.stopped);
	started->cb(NULL, started, EV_TIMER);
	assert_true(a.stopped);
	assert_false(b.stopped);
	assert_false(a.running || b.running);
	handover_run(&h);
	assert_true(a.running);
	assert_false(b.running);
	handover_next(&h);
	assert_true(a.freed && b.running);
	assert_ptr_equal(handover_newest(&h), &b);
	handover_clear(&h);
}

/* One alone is ended by nobody, and runs when its turn comes, unless nothing is taken. */
static void test_the_next_runs_as_the_one_before_did(void **state)
{
	struct capture a = {.running = false}, b = {.running = false}, c = {.running = false};
	struct handover h;

	started = NULL;
	handover_init(&h, NULL);
	handover_run(&h);
	handover_add(&h, &a, false);
	assert_true(a.running);
	assert_null(started);
	handover_add(&h, &b, true);
	assert_non_null(started);
	assert_false(b.running);
	handover_pause(&h);
	handover_next(&h);
	assert_false(b.running);
	handover_run(&h);
	assert_true(b.running);
	handover_add(&h, &c, true);
	handover_next(&h);
	assert_true(c.running);
	handover_clear(&h);
}

/* Each keeps a ring of memory, so that a third has to wait. */
static void test_there_is_room_for_two(void **state)
{
	struct capture a = {.running = false}, b = {.running = false};
	struct handover h;

	handover_init(&h, NULL);
	assert_true(handover_has_room(&h, true));
	handover_add(&h, &a, false);
	assert_true(handover_has_room(&h, false));
	handover_add(&h, &b, true);
	assert_false(handover_has_room(&h, false));
	/* The second is lost, but has something to hand over; then it has not. */
	b.stopped = true;
	assert_false(handover_has_room(&h, true));
	b.empty = true;
	b.counters.received = 7;
	assert_true(handover_has_room(&h, true));
	assert_true(b.freed);
	assert_ptr_equal(handover_newest(&h), &a);
	handover_clear(&h);
}

static void test_counters_are_those_of_all(void **state)
{
	struct capture a = {.counters = {.received = 1, .passed = 3, .dropped_kernel = 2}};
	struct capture b = {.counters = {.received = 10, .passed = 10, .inexact = true}};
	struct capture_counters sum;
	struct handover h;

	handover_init(&h, NULL);
	handover_add(&h, &a, false);
	handover_add(&h, &b, true);
	for (int i = 0; i < 3; i++) {
		handover_read_counters(&h, &sum);
		assert_int_equal(sum.received, 11);
		assert_int_equal(sum.passed, 13);
		assert_int_equal(sum.dropped_kernel, 2);
		assert_true(sum.inexact);
		if (h.n)
			handover_next(&h);
	}
	handover_clear(&h);
}

/* The kernel's counts have 32 bits: they are looked at also when nobody wants to know them. */
static void test_counters_do_not_wait_for_a_reader(void **state)
{
	struct capture a = {.running = false}, b = {.running = false};
	struct handover h;

	handover_init(&h, NULL);
	assert_null(repeated);
	handover_add(&h, &a, false);
	assert_non_null(repeated);
	handover_add(&h, &b, true);
	repeated->cb(NULL, repeated, EV_TIMER);
	assert_int_equal(a.samples, 1);
	assert_int_equal(b.samples, 1);
	handover_next(&h);
	assert_non_null(repeated);
	handover_next(&h);
	assert_null(repeated);
	handover_clear(&h);
}

/* What no packet of a handle tells any more is the next one's to tell, whenever that comes. */
static void test_losses_go_on_to_the_next_handle(void **state)
{
	struct capture a = {.losses = 3}, b = {.losses = 4}, c = {.losses = 0};
	struct handover h;

	handover_init(&h, NULL);
	handover_run(&h);
	handover_add(&h, &a, false);
	handover_add(&h, &b, true);
	handover_next(&h);
	assert_int_equal(b.losses, 7);
	handover_next(&h);
	handover_add(&h, &c, false);
	assert_int_equal(c.losses, 7);
	handover_clear(&h);
}

/* One that went before its turn is not before the older one, which is still read. */
static void test_losses_do_not_go_to_an_older_handle(void **state)
{
	struct capture a = {.losses = 0}, b = {.losses = 4, .empty = true}, c = {.losses = 0};
	struct handover h;

	handover_init(&h, NULL);
	handover_add(&h, &a, false);
	handover_add(&h, &b, true);
	b.stopped = true;
	assert_true(handover_has_room(&h, true));
	assert_int_equal(a.losses, 0);
	handover_add(&h, &c, false);
	assert_int_equal(c.losses, 4);
	handover_clear(&h);
}

/* In a group there is no moment to cut at: the older one takes all until it leaves. */
static void test_one_that_stands_by_begins_when_the_older_leaves(void **state)
{
	struct capture a = {.running = false}, b = {.stands_by = true};
	struct handover h;

	handover_init(&h, NULL);
	handover_run(&h);
	handover_add(&h, &a, false);
	started = NULL;
	handover_add(&h, &b, true);
	assert_int_equal(handed_over.calls, 0);
	assert_null(started);
	assert_true(a.stopped && b.stands_by);
	assert_false(b.stopped || b.running);
	handover_next(&h);
	assert_true(a.freed && b.running);
	assert_ptr_equal(b.after, &a);
	handover_clear(&h);
}

static void test_one_that_stands_by_and_has_nobody_before_it_begins(void **state)
{
	struct capture b = {.stands_by = true};
	struct handover h;

	handover_init(&h, NULL);
	handover_run(&h);
	handover_add(&h, &b, false);
	assert_true(b.running);
	assert_false(b.stands_by);
	handover_clear(&h);
}

static void test_a_filter_alone_needs_no_other_handle(void **state)
{
	struct capture a = {.adopts = true}, b = {.stands_by = true};
	struct handover h;

	handover_init(&h, NULL);
	handover_run(&h);
	handover_add(&h, &a, false);
	handover_add(&h, &b, true);
	assert_true(b.freed);
	assert_false(a.stopped);
	assert_ptr_equal(handover_newest(&h), &a);
	assert_true(handover_has_room(&h, false));
	handover_clear(&h);
}

static void test_all_handles_are_annotated(void **state)
{
	struct capture a = {.running = false}, b = {.running = false}, c = {.running = false};
	struct handover h;

	handover_init(&h, NULL);
	handover_interface_changed(&h, 1); /* nobody wants to know */
	handover_add(&h, &a, false);
	assert_null(a.origin);
	handover_add(&h, &b, true);
	handover_annotate(&h, true);
	assert_ptr_equal(a.origin, &h.origin);
	assert_ptr_equal(b.origin, &h.origin);
	assert_ptr_equal(h.origin.host, h.host);
	assert_true(strlen(h.host) > 0);
	assert_non_null(h.origin.names);
	handover_interface_changed(&h, 1);
	handover_next(&h);
	handover_add(&h, &c, true);
	assert_ptr_equal(c.origin, b.origin);
	handover_annotate(&h, false);
	assert_null(b.origin);
	assert_null(c.origin);
	handover_clear(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_cut_is_told_to_both, set_up),
		cmocka_unit_test_setup(test_without_a_cut_nothing_is_handed_over, set_up),
		cmocka_unit_test(test_the_older_one_is_ended_though_nothing_is_taken),
		cmocka_unit_test(test_the_next_runs_as_the_one_before_did),
		cmocka_unit_test(test_there_is_room_for_two),
		cmocka_unit_test(test_counters_are_those_of_all),
		cmocka_unit_test(test_all_handles_are_annotated),
		cmocka_unit_test_setup(test_one_that_stands_by_begins_when_the_older_leaves,
				       set_up),
		cmocka_unit_test(test_one_that_stands_by_and_has_nobody_before_it_begins),
		cmocka_unit_test(test_a_filter_alone_needs_no_other_handle),
		cmocka_unit_test(test_losses_go_on_to_the_next_handle),
		cmocka_unit_test(test_losses_do_not_go_to_an_older_handle),
		cmocka_unit_test(test_counters_do_not_wait_for_a_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

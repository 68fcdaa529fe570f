/* SPDX-License-Identifier: Apache-2.0 */
/* A live capture over one handle that does nothing by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>

#include "capture/capture.h"
#include "capture/linkwatch.h"
#include "capture/live_capture.h"
#include "capture/opening.h"

struct capture {
	int runs;
};

/* What stands around it, as a test says that it is. */
static struct {
	struct capture capture;
	struct capture_options opened; /* what the last opening was for */
	opening_fn on_opened;
	void *opening;
	int answer; /* of opening_start() */
	int begun;
} world;

int opening_new(struct opening **out, struct ev_loop *loop, opening_fn on_opened, void *ctx)
{
	world.on_opened = on_opened;
	world.opening = ctx;
	return 0;
}

int opening_start(struct opening *o, const struct capture_options *opt, int dlt)
{
	world.opened = *opt;
	world.begun++;
	return world.answer;
}

bool opening_is_pending(const struct opening *o)
{
	return false;
}

void opening_forget(struct opening *o)
{
}

void opening_free(struct opening *o)
{
}

bool linkwatch_is(const struct linkwatch_event *event, const char *name)
{
	return false;
}

int linkwatch_new(struct linkwatch **out, struct ev_loop *loop,
		  void (*on_link)(void *ctx, const struct linkwatch_event *event), void *ctx)
{
	return 0;
}

void linkwatch_free(struct linkwatch *w)
{
}

void capture_run(struct capture *c)
{
	c->runs++;
}

void capture_stop(struct capture *c)
{
}

void capture_hand_over(struct capture *older, struct capture *newer)
{
}

enum capture_link capture_look(const struct capture *c)
{
	return CAPTURE_LINK_UP;
}

bool capture_is_away(int r)
{
	return r == CAPTURE_E_MISSING;
}

int capture_errno(int r)
{
	return -ENODEV;
}

int capture_index(const struct capture *c)
{
	return 1;
}

bool capture_has_parked(const struct capture *c)
{
	return false;
}

bool capture_is_empty(struct capture *c)
{
	return false;
}

int capture_dlt(const struct capture *c)
{
	return 1;
}

const char *capture_link_name(const struct capture *c)
{
	return "Ethernet";
}

void capture_read_counters(struct capture *c, struct capture_counters *out)
{
	*out = (struct capture_counters){.received = 0};
}

void capture_free(struct capture *c)
{
}

/* ---- who has the live capture ---- */

static int sink_without_memory(void *ctx, const struct packet *pkt)
{
	return -ENOMEM;
}

static void on_opened(void *ctx, int err)
{
	assert_int_equal(err, 0);
}

static void on_state(void *ctx, const char *text)
{
}

static void ignore_error(void *ctx, int err)
{
}

static void count_end(void *ctx)
{
	int *ends = ctx;

	(*ends)++;
}

static char eth0[] = "eth0", filter[] = "host a", none[] = "";

static struct live_capture *open_tap(struct ev_loop *loop, const struct config *cfg, int *ends)
{
	const struct live_capture_options opt = {
		.loop = loop,
		.cfg = cfg,
		.wait = true,
		.sink = sink_without_memory,
		.on_opened = on_opened,
		.on_state = on_state,
		.on_error = ignore_error,
		.on_stopped = count_end,
		.ctx = ends,
	};
	struct live_capture *t = NULL;

	assert_int_equal(live_capture_new(&t, &opt), 0);
	return t;
}

static void tell_opened(int r)
{
	struct opening_result result = {.r = r, .capture = r ? NULL : &world.capture};

	world.on_opened(world.opening, &result);
}

static void refuse_a_reload_while_it_waits(int answer, int expected)
{
	const struct config cfg = {.interface = eth0, .filter = none};
	const struct config next = {.interface = eth0, .filter = filter};
	struct ev_loop *loop = ev_loop_new(0);
	int ends = 0, begun;
	struct live_capture *t = open_tap(loop, &cfg, &ends);
	char why[160] = "";

	tell_opened(CAPTURE_E_MISSING);
	world.answer = answer;
	assert_int_equal(live_capture_reload(t, &next, why, sizeof(why)), expected);
	assert_true(why[0]);
	begun = world.begun;
	world.answer = 0;
	ev_run(loop, 0); /* until nothing is left that could wake it */
	assert_int_equal(world.begun, begun + 1);
	assert_string_equal(world.opened.filter, none);
	live_capture_free(t);
	ev_loop_destroy(loop);
}

/* The interface is waited for all the same. */
static void test_a_reload_that_cannot_begin_ends_no_waiting(void **state)
{
	refuse_a_reload_while_it_waits(-ENOMEM, -ENOMEM);
	refuse_a_reload_while_it_waits(OPENING_E_BUSY, -EBUSY);
}

/* Only the packet is lost: what is in the ring is read at the end, and the end does not wait. */
static void test_what_the_sink_failed_for_is_read_on_at_the_end(void **state)
{
	const struct config cfg = {.interface = eth0, .filter = none};
	const struct packet pkt = {.caplen = 0};
	struct ev_loop *loop = ev_loop_new(0);
	int ends = 0;
	struct live_capture *t = open_tap(loop, &cfg, &ends);

	world.capture = (struct capture){.runs = 0};
	tell_opened(0);
	live_capture_run(t);
	assert_int_equal(world.capture.runs, 1);
	assert_int_equal(world.opened.sink(world.opened.ctx, &pkt), -ENOMEM);
	world.opened.on_error(world.opened.ctx, -ENOMEM);
	live_capture_stop(t);
	assert_int_equal(world.capture.runs, 2);
	/* Once more: what is left cannot be handed on either. */
	assert_int_equal(world.opened.sink(world.opened.ctx, &pkt), -ENOMEM);
	world.opened.on_error(world.opened.ctx, -ENOMEM);
	ev_run(loop, 0);
	assert_int_equal(ends, 1);
	live_capture_free(t);
	ev_loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_reload_that_cannot_begin_ends_no_waiting),
		cmocka_unit_test(test_what_the_sink_failed_for_is_read_on_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

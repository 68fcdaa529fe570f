/* SPDX-License-Identifier: Apache-2.0 */
/* An interface through its life, over handles, timers and events that do as a test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "capture/capture.h"
#include "capture/capture_error.h"
#include "capture/linkwatch.h"
#include "capture/live_capture.h"
#include "capture/opening.h"
#include "lines.h"

#define HANDLES 4
#define TIMERS  8

struct capture {
	struct capture_counters counters;
	const struct capture *older; /* that it took over from */
	int runs;
	bool stopped, freed, annotated;
};

/* What stands around it, as a test says that it is, and what its owner is told. */
static struct {
	struct capture handles[HANDLES];
	size_t opened;
	struct capture_options opening; /* what the last opening was for */
	opening_fn on_opening;
	void *live;
	int answer; /* of opening_start() */
	int opening_dlt, begun, forgotten;
	bool pending;
	void (*on_link)(void *ctx, const struct linkwatch_event *event);
	enum capture_link look;
	int dlt;
	ev_timer *timers[TIMERS];
	size_t n_timers;
	/* the owner */
	int sink, opens, err, reloads, reload_err, fails, errors, ends;
	char state[160], why[320];
} world;

/* ---- timers: none runs by itself ---- */

void ev_timer_stop(struct ev_loop *loop, ev_timer *w)
{
	for (size_t i = 0; i < world.n_timers; i++)
		if (world.timers[i] == w)
			world.timers[i] = world.timers[--world.n_timers];
}

void ev_timer_start(struct ev_loop *loop, ev_timer *w)
{
	ev_timer_stop(loop, w);
	assert_true(world.n_timers < TIMERS);
	world.timers[world.n_timers++] = w;
}

/* Only looks at the counters now and then. */
void ev_timer_again(struct ev_loop *loop, ev_timer *w)
{
}

void ev_now_update(struct ev_loop *loop)
{
}

/* Lets the next timer fire. Returns its delay in ms; -1: there is none. */
static int fire(void)
{
	ev_timer *next = NULL;
	double delay;

	for (size_t i = 0; i < world.n_timers; i++)
		if (!next || world.timers[i]->at < next->at)
			next = world.timers[i];
	if (!next)
		return -1;
	delay = next->at;
	ev_timer_stop(NULL, next);
	next->cb(NULL, next, EV_TIMER);
	return (int)(delay * 1000);
}

/* ---- below it ---- */

int opening_new(struct opening **out, struct ev_loop *loop, opening_fn on_opened, void *ctx)
{
	world.on_opening = on_opened;
	world.live = ctx;
	return 0;
}

int opening_start(struct opening *o, const struct capture_options *opt, int dlt)
{
	world.opening = *opt;
	world.opening_dlt = dlt;
	world.begun++;
	world.pending |= world.answer == 0;
	return world.answer;
}

bool opening_is_pending(const struct opening *o)
{
	return world.pending;
}

void opening_forget(struct opening *o)
{
	world.forgotten += world.pending;
	world.pending = false;
}

void opening_free(struct opening *o)
{
}

bool linkwatch_is(const struct linkwatch_event *event, const char *name)
{
	return event->index == 1;
}

int linkwatch_new(struct linkwatch **out, struct ev_loop *loop,
		  void (*on_link)(void *ctx, const struct linkwatch_event *event), void *ctx)
{
	world.on_link = on_link;
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
	c->stopped = true;
}

bool capture_stands_by(const struct capture *c)
{
	return false;
}

void capture_take_turn(struct capture *c)
{
}

void capture_leave(struct capture *c, struct capture *next)
{
}

bool capture_adopt(struct capture *c, struct capture *fresh)
{
	return false;
}

void capture_hand_over(struct capture *older, struct capture *newer)
{
	newer->older = older;
}

enum capture_link capture_look(const struct capture *c)
{
	return world.look;
}

bool capture_is_away(int r)
{
	return r == CAPTURE_E_MISSING || r == CAPTURE_E_DOWN;
}

int capture_errno(int r)
{
	return r == CAPTURE_E_PERMISSION ? -EPERM : -ENODEV;
}

int capture_index(const struct capture *c)
{
	return 7;
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
	return world.dlt;
}

const char *capture_link_name(const struct capture *c)
{
	return "Ethernet";
}

uint64_t capture_take_losses(struct capture *c)
{
	return 0;
}

void capture_add_losses(struct capture *c, uint64_t packets)
{
	assert_int_equal(packets, 0);
}

void capture_annotate(struct capture *c, const struct annotation_options *origin)
{
	c->annotated = origin;
}

void capture_sample(struct capture *c)
{
}

void capture_read_counters(const struct capture *c, struct capture_counters *out)
{
	*out = c->counters;
}

void capture_free(struct capture *c)
{
	c->freed = true;
}

/* ---- above it ---- */

static int sink(void *ctx, const struct packet *pkt)
{
	return world.sink;
}

static void on_opened(void *ctx, int err)
{
	world.opens++;
	world.err = err;
}

static void on_reloaded(void *ctx, int err, const char *why)
{
	world.reloads++;
	world.reload_err = err;
	snprintf(world.why, sizeof(world.why), "%s", why);
}

static void on_state(void *ctx, const char *text)
{
	snprintf(world.state, sizeof(world.state), "%s", text);
}

static void on_failed(void *ctx, const char *why)
{
	world.fails++;
	snprintf(world.why, sizeof(world.why), "%s", why);
}

static void on_error(void *ctx, int err)
{
	world.errors++;
}

static void on_stopped(void *ctx)
{
	world.ends++;
}

/* ---- what happens ---- */

static char eth0[] = "eth0", filter[] = "host a", none[] = "";
static const struct config cfg = {.interface = eth0, .filter = none};
static const struct config annotated = {.interface = eth0, .filter = none, .annotate = true};
static const struct config other = {.interface = eth0, .filter = filter};

static struct live_capture *begin(bool wait)
{
	const struct live_capture_options opt = {
		.cfg = &cfg,
		.wait = wait,
		.sink = sink,
		.on_opened = on_opened,
		.on_reloaded = on_reloaded,
		.on_state = on_state,
		.on_failed = on_failed,
		.on_error = on_error,
		.on_stopped = on_stopped,
	};
	struct live_capture *t = NULL;

	memset(&world, 0, sizeof(world));
	world.dlt = 1;
	assert_int_equal(live_capture_new(&t, &opt), 0);
	return t;
}

/* The opening has ended; returns the handle. */
static struct capture *tell_opened(int r)
{
	struct opening_result result = {.r = r, .why = "eth0: no such device"};
	struct capture *fresh = NULL;

	if (r == 0)
		result.capture = fresh = &world.handles[world.opened++];
	world.pending = false;
	world.on_opening(world.live, &result);
	if (r == 0)
		assert_null(result.capture);
	return fresh;
}

static struct live_capture *begin_capturing(void)
{
	struct live_capture *t = begin(true);

	tell_opened(0);
	live_capture_run(t);
	assert_true(live_capture_is_capturing(t));
	return t;
}

/* The kernel tells of an interface: 1 has the name, 7 is the index of the handle. */
static void tell_link(int index)
{
	const struct linkwatch_event event = {.message = "", .index = index, .now.index = index};

	world.on_link(world.live, &event);
}

/* Of our interface, but that it is not there. */
static void tell_absence(void)
{
	const struct linkwatch_event event = {.message = "", .index = 1};

	world.on_link(world.live, &event);
}

/* The first handle was stopped, and has been read empty. */
static void tell_stopped(void)
{
	world.opening.on_stopped(world.opening.ctx);
}

static int reload(struct live_capture *t, const struct config *to)
{
	return live_capture_reload(t, to, world.why, sizeof(world.why));
}

/* ---- the first opening ---- */

static void test_the_first_opening(void **state)
{
	struct live_capture *t = begin(true);

	assert_false(live_capture_is_capturing(t));
	tell_opened(0);
	assert_string_equal(world.state, "capturing on eth0");
	assert_true(live_capture_is_capturing(t));
	assert_int_equal(world.opens, 1);
	assert_int_equal(world.err, 0);
	assert_int_equal(world.handles[0].runs, 0);
	live_capture_run(t);
	assert_int_equal(world.handles[0].runs, 1);
	assert_int_equal(fire(), -1);
	live_capture_free(t);
	assert_true(world.handles[0].freed);
}

static void test_what_is_waited_for_at_the_start(void **state)
{
	static const struct {
		bool wait;
		int r, err;
		const char *state;
	} rows[] = {
		{true, CAPTURE_E_MISSING, 0, "waiting for interface eth0"},
		{true, CAPTURE_E_DOWN, 0, "waiting, as it is down, for interface eth0"},
		{true, CAPTURE_E_NAME, 0, "waiting, as it cannot be opened, for interface eth0"},
		{true, CAPTURE_E_PERMISSION, -EPERM, ""},
		{false, CAPTURE_E_MISSING, -ENODEV, ""},
		{false, CAPTURE_E_NAME, -ENODEV, ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct live_capture *t = begin(rows[i].wait);

		tell_opened(rows[i].r);
		assert_int_equal(world.opens, 1);
		assert_int_equal(world.err, rows[i].err);
		assert_string_equal(world.state, rows[i].state);
		/* It is tried again after a second, then two. */
		assert_int_equal(fire(), rows[i].err ? -1 : 1000);
		assert_int_equal(world.begun, rows[i].err ? 1 : 2);
		if (!rows[i].err) {
			tell_opened(rows[i].r);
			assert_int_equal(fire(), 2000);
		}
		live_capture_free(t);
	}
}

static void test_a_service_starts_though_the_opening_takes_long(void **state)
{
	struct live_capture *t = begin(true);

	assert_int_equal(fire(), 5000);
	assert_int_equal(world.opens, 1);
	assert_int_equal(world.err, 0);
	assert_string_equal(world.state, "opening interface eth0");
	tell_opened(0);
	assert_int_equal(world.opens, 1);
	assert_string_equal(world.state, "capturing on eth0");
	live_capture_free(t);
}

/* In a fanout group two of one instance are not to share what comes. */
static void test_what_follows_in_a_group_stands_by(void **state)
{
	struct config grouped = {.interface = eth0, .filter = none, .fanout = 8};
	struct live_capture *t = begin_capturing();

	assert_int_equal(reload(t, &grouped), LIVE_CAPTURE_E_PENDING);
	assert_int_equal(world.opening.fanout, 8);
	assert_false(world.opening.stand_by); /* the older one is in no group */
	tell_opened(0);
	tell_stopped();
	assert_int_equal(reload(t, &cfg), LIVE_CAPTURE_E_PENDING);
	assert_true(world.opening.stand_by);
	tell_opened(0);
	tell_stopped();
	assert_int_equal(reload(t, &grouped), LIVE_CAPTURE_E_PENDING);
	assert_false(world.opening.stand_by);
	live_capture_free(t);
}

/* ---- the interface goes and comes ---- */

static void test_a_link_that_is_down_keeps_its_handle(void **state)
{
	struct live_capture *t = begin_capturing();

	world.look = CAPTURE_LINK_DOWN;
	tell_link(2); /* another interface */
	assert_string_equal(world.state, "capturing on eth0");
	tell_link(1);
	assert_string_equal(world.state, "waiting, as it is down, for interface eth0");
	world.look = CAPTURE_LINK_UP;
	tell_link(1);
	assert_string_equal(world.state, "capturing on eth0");
	assert_false(world.handles[0].stopped);
	assert_int_equal(world.begun, 1);
	live_capture_free(t);
}

static void lose(enum capture_link look)
{
	if (look == CAPTURE_LINK_UP) {
		world.opening.on_lost(world.opening.ctx, "The interface went down");
		return;
	}
	world.look = look;
	tell_link(7); /* renamed: the event has its new name */
	world.look = CAPTURE_LINK_UP;
}

static void test_an_interface_that_is_lost_is_opened_again(void **state)
{
	static const enum capture_link how[] = {CAPTURE_LINK_UP, CAPTURE_LINK_GONE,
						CAPTURE_LINK_CHANGED};

	for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		struct live_capture *t = begin_capturing();

		lose(how[i]);
		assert_true(world.handles[0].stopped);
		assert_false(live_capture_is_capturing(t));
		assert_string_equal(world.state, "waiting for interface eth0");
		assert_int_equal(fire(), 500); /* so soon after it was opened */
		assert_int_equal(world.begun, 2);
		tell_opened(0);
		assert_true(live_capture_is_capturing(t));
		assert_string_equal(world.state, "capturing on eth0");
		/* The old one is read first; it takes nothing that comes now. */
		assert_null(world.handles[1].older);
		assert_int_equal(world.handles[1].runs, 0);
		tell_stopped();
		assert_true(world.handles[0].freed);
		assert_int_equal(world.handles[1].runs, 1);
		live_capture_free(t);
	}
}

static void test_without_waiting_a_lost_interface_is_the_end(void **state)
{
	struct live_capture *t = begin(false);

	tell_opened(0);
	live_capture_run(t);
	lose(CAPTURE_LINK_GONE);
	assert_int_equal(world.fails, 1);
	assert_string_equal(world.why, "eth0: The interface disappeared");
	assert_int_equal(fire(), -1);
	live_capture_free(t);
}

static void test_an_interface_that_comes_is_opened_at_once(void **state)
{
	struct live_capture *t = begin(true);

	tell_opened(CAPTURE_E_MISSING);
	tell_link(2);
	tell_absence(); /* as it was when it was tried */
	assert_int_equal(world.begun, 1);
	tell_link(1);
	assert_int_equal(world.begun, 2);
	tell_opened(CAPTURE_E_MISSING);
	assert_int_equal(fire(), 1000);
	assert_int_equal(world.begun, 3);
	/* Its own opening causes events, too: one at a time. */
	tell_link(1);
	assert_int_equal(world.begun, 3);
	tell_opened(0);
	assert_true(live_capture_is_capturing(t));
	live_capture_free(t);
}

static void test_what_became_of_it_while_it_was_opened(void **state)
{
	struct live_capture *t = begin(true);

	world.look = CAPTURE_LINK_DOWN;
	tell_opened(0);
	assert_string_equal(world.state, "waiting, as it is down, for interface eth0");
	live_capture_free(t);
}

static void test_a_lost_handle_that_is_read_empty_is_not_the_end(void **state)
{
	struct live_capture *t = begin_capturing();

	lose(CAPTURE_LINK_GONE);
	tell_stopped();
	while (world.begun < 2 || fire() >= 0)
		fire();
	assert_int_equal(world.ends, 0);
	tell_opened(0);
	assert_int_equal(world.handles[1].runs, 1);
	live_capture_free(t);
}

/* Once each, and with what is another. */
static void test_the_log_tells_that_it_went_and_that_it_is_back(void **state)
{
	struct live_capture *t = begin_capturing();

	lines_catch();
	world.look = CAPTURE_LINK_DOWN;
	tell_link(1);
	lose(CAPTURE_LINK_GONE);
	fire();
	assert_int_equal(world.opening_dlt, 1);
	tell_opened(CAPTURE_E_MISSING);
	assert_int_equal(lines_with("waiting for the interface"), 1);
	assert_int_equal(lines_with("eth0: the interface is down; waiting"), 1);
	fire();
	world.dlt = 12;
	tell_opened(0);
	assert_int_equal(lines_with("is back, capturing; its link type is now Ethernet\n"), 1);
	lose(CAPTURE_LINK_GONE);
	tell_stopped();
	while (world.begun < 4)
		assert_true(fire() >= 0);
	assert_int_equal(world.opening_dlt, 12);
	tell_opened(0);
	assert_int_equal(lines_with("waiting for the interface"), 2);
	assert_int_equal(lines_with("eth0: the interface is back, capturing\n"), 1);
	lines_release();
	live_capture_free(t);
}

static void test_the_first_link_type_is_no_change(void **state)
{
	struct live_capture *t = begin(true);

	lines_catch();
	tell_opened(CAPTURE_E_MISSING);
	fire();
	assert_int_equal(world.opening_dlt, 1); /* until it is known */
	tell_opened(0);
	assert_int_equal(lines_with("eth0: the interface is back, capturing\n"), 1);
	lines_release();
	live_capture_free(t);
}

/* Each keeps a ring of memory: a third handle waits until the first is read empty. */
static void test_two_lost_handles_are_read_before_a_third_is_opened(void **state)
{
	struct live_capture *t = begin_capturing();

	lose(CAPTURE_LINK_GONE);
	fire();
	tell_opened(0);
	lose(CAPTURE_LINK_GONE);
	fire(); /* the grace of the first, which was stopped before */
	while (world.begun == 2 && !strstr(world.state, "Kafka"))
		assert_true(fire() >= 0);
	assert_string_equal(world.state, "waiting until Kafka takes more, for interface eth0");
	assert_int_equal(world.begun, 2);
	tell_stopped();
	fire();
	assert_int_equal(world.begun, 3);
	live_capture_free(t);
}

/* ---- reload ---- */

#define NO_THIRD                                                                                   \
	"eth0: two capture buffers hold packets that Kafka does not take, and there is no third; " \
	"reload again when it takes them"

static void test_a_reload_hands_over(void **state)
{
	struct live_capture *t = begin_capturing();

	assert_int_equal(reload(t, &cfg), 0);
	assert_int_equal(world.begun, 1);
	assert_int_equal(reload(t, &other), LIVE_CAPTURE_E_PENDING);
	assert_string_equal(world.opening.filter, "host a");
	assert_int_equal(world.reloads, 0);
	tell_opened(0);
	assert_int_equal(world.reloads, 1);
	assert_int_equal(world.reload_err, 0);
	assert_ptr_equal(world.handles[1].older, &world.handles[0]);
	assert_int_equal(fire(), 20); /* the grace */
	assert_true(world.handles[0].stopped);
	/* The older one is on its way out: what it tells of the interface is old. */
	world.opening.on_lost(world.opening.ctx, "The interface went down");
	assert_string_equal(world.state, "capturing on eth0");
	tell_stopped();
	assert_int_equal(world.handles[1].runs, 1);
	live_capture_free(t);
}

static void test_a_reload_that_annotates_needs_no_handle(void **state)
{
	struct live_capture *t = begin_capturing();

	assert_false(world.handles[0].annotated);
	assert_int_equal(reload(t, &annotated), 0);
	assert_int_equal(world.begun, 1);
	assert_true(world.handles[0].annotated);
	assert_int_equal(reload(t, &other), LIVE_CAPTURE_E_PENDING);
	tell_opened(0);
	assert_false(world.handles[0].annotated || world.handles[1].annotated);
	live_capture_free(t);
}

static void test_a_reload_needs_the_clock_of_the_host(void **state)
{
	const struct config adapter = {.interface = eth0,
				       .filter = none,
				       .time_stamp_type = CONFIG_TIME_STAMP_ADAPTER};
	struct live_capture *t = begin_capturing();

	assert_int_equal(reload(t, &adapter), -EINVAL);
	assert_string_equal(world.why,
			    "time-stamp-type adapter: its clock is not the host's, by which a "
			    "reload changes over from one capture to the next; restart the "
			    "instance");
	assert_int_equal(world.begun, 1);
	/* What waits for its interface has nothing to change over from. */
	world.look = CAPTURE_LINK_GONE;
	tell_link(1);
	assert_int_equal(reload(t, &adapter), LIVE_CAPTURE_E_PENDING);
	live_capture_free(t);
}

static void test_a_reload_that_cannot_open_changes_nothing(void **state)
{
	struct live_capture *t = begin_capturing();

	assert_int_equal(reload(t, &other), LIVE_CAPTURE_E_PENDING);
	tell_opened(CAPTURE_E_PERMISSION);
	assert_int_equal(world.reload_err, -EPERM);
	assert_string_equal(world.why, "eth0: no such device");
	assert_true(live_capture_is_capturing(t));
	assert_false(world.handles[0].stopped);
	/* The settings are those of before. */
	lose(CAPTURE_LINK_GONE);
	fire();
	assert_string_equal(world.opening.filter, "");
	live_capture_free(t);
}

static void test_a_reload_that_fails_ends_no_waiting(void **state)
{
	static char eth1[] = "eth1";
	const struct config elsewhere = {.interface = eth1, .filter = filter};
	struct live_capture *t = begin(true);

	tell_opened(CAPTURE_E_MISSING);
	assert_int_equal(reload(t, &other), LIVE_CAPTURE_E_PENDING);
	tell_opened(CAPTURE_E_PERMISSION);
	assert_int_equal(world.reload_err, -EPERM);
	assert_true(fire() >= 0);
	assert_string_equal(world.opening.filter, "");
	tell_opened(CAPTURE_E_MISSING);
	/* Another interface is not waited for before it was there. */
	assert_int_equal(reload(t, &elsewhere), LIVE_CAPTURE_E_PENDING);
	tell_opened(CAPTURE_E_MISSING);
	assert_int_equal(world.reload_err, -ENODEV);
	assert_true(fire() >= 0);
	assert_string_equal(world.opening.interface, "eth0");
	tell_opened(CAPTURE_E_MISSING);
	/* One that changes nothing has it looked for at once: somebody may have mended it. */
	assert_int_equal(reload(t, &cfg), 0);
	assert_true(fire() <= 500);
	live_capture_free(t);
}

/* It went meanwhile, and is waited for with the new settings. */
static void test_a_reload_while_the_interface_is_away(void **state)
{
	struct live_capture *t = begin_capturing();

	assert_int_equal(reload(t, &other), LIVE_CAPTURE_E_PENDING);
	tell_opened(CAPTURE_E_MISSING);
	assert_int_equal(world.reload_err, 0);
	assert_true(world.handles[0].stopped);
	assert_string_equal(world.state, "waiting for interface eth0");
	assert_int_equal(fire(), 1000);
	assert_string_equal(world.opening.filter, "host a");
	live_capture_free(t);
}

static void test_a_filter_that_is_wrong_is_refused_without_an_interface(void **state)
{
	struct opening_result result = {.r = CAPTURE_E_MISSING, .filter_fault = "syntax error"};
	struct live_capture *t = begin_capturing();

	assert_int_equal(reload(t, &other), LIVE_CAPTURE_E_PENDING);
	world.on_opening(world.live, &result);
	assert_int_equal(world.reload_err, -EINVAL);
	assert_string_equal(world.why, "syntax error");
	assert_false(world.handles[0].stopped);
	live_capture_free(t);
}

static void test_a_reload_waits_for_room(void **state)
{
	struct live_capture *t = begin_capturing();
	const struct packet pkt = {.caplen = 0};

	assert_int_equal(reload(t, &other), LIVE_CAPTURE_E_PENDING);
	tell_opened(0);
	assert_int_equal(reload(t, &cfg), LIVE_CAPTURE_E_PENDING);
	assert_int_equal(world.begun, 2);
	tell_stopped();
	fire();
	fire();
	assert_int_equal(world.begun, 3);
	assert_string_equal(world.opening.filter, "");
	tell_opened(0);
	assert_int_equal(world.reloads, 2);
	/* Nothing is read now, so that there will be no room. */
	world.sink = PACKET_E_FULL;
	assert_int_equal(world.opening.sink(world.opening.ctx, &pkt), PACKET_E_FULL);
	assert_int_equal(reload(t, &other), -EBUSY);
	assert_string_equal(world.why, NO_THIRD);
	/* Nor is the next one read. */
	tell_stopped();
	assert_int_equal(world.handles[2].runs, 0);
	live_capture_run(t);
	assert_int_equal(world.handles[2].runs, 1);
	live_capture_free(t);
}

/* It came back while Kafka took nothing: nothing was reloaded, and there is no room all the same.
 */
static void test_a_reload_after_a_return_in_an_outage_says_what_to_do(void **state)
{
	struct live_capture *t = begin_capturing();
	const struct packet pkt = {.caplen = 0};

	world.sink = PACKET_E_FULL;
	assert_int_equal(world.opening.sink(world.opening.ctx, &pkt), PACKET_E_FULL);
	lose(CAPTURE_LINK_GONE);
	fire();
	tell_opened(0);
	assert_int_equal(reload(t, &other), -EBUSY);
	assert_string_equal(world.why, NO_THIRD);
	/* What needs no third one is applied. */
	assert_int_equal(reload(t, &annotated), 0);
	world.sink = 0;
	live_capture_run(t);
	tell_stopped();
	assert_int_equal(reload(t, &other), LIVE_CAPTURE_E_PENDING);
	live_capture_free(t);
}

static void test_a_reload_that_is_cancelled(void **state)
{
	struct live_capture *t = begin_capturing();

	live_capture_cancel_reload(t);
	assert_int_equal(reload(t, &other), LIVE_CAPTURE_E_PENDING);
	live_capture_cancel_reload(t);
	assert_int_equal(world.forgotten, 1);
	assert_int_equal(fire(), -1);
	lose(CAPTURE_LINK_GONE);
	fire();
	assert_string_equal(world.opening.filter, "");
	/* One that waits goes on waiting. */
	assert_int_equal(reload(t, &other), LIVE_CAPTURE_E_PENDING);
	live_capture_cancel_reload(t);
	assert_true(fire() >= 0);
	assert_string_equal(world.opening.filter, "");
	live_capture_free(t);
}

/* The interface is waited for all the same. */
static void test_a_reload_that_cannot_begin_ends_no_waiting(void **state)
{
	struct live_capture *t = begin(true);
	int begun;

	tell_opened(CAPTURE_E_MISSING);
	world.answer = -ENOMEM;
	assert_int_equal(reload(t, &other), -ENOMEM);
	assert_true(world.why[0]);
	begun = world.begun;
	world.answer = 0;
	assert_true(fire() >= 0);
	assert_int_equal(world.begun, begun + 1);
	assert_string_equal(world.opening.filter, "");
	assert_int_equal(fire(), -1);
	live_capture_free(t);
}

/* Reloads close upon each other, each of which gives up the opening before it. */
static void test_a_reload_waits_for_an_opening_that_was_given_up(void **state)
{
	struct live_capture *t = begin(true);

	tell_opened(CAPTURE_E_MISSING);
	fire();
	assert_true(world.pending);
	world.answer = OPENING_E_BUSY;
	assert_int_equal(reload(t, &other), LIVE_CAPTURE_E_PENDING);
	assert_false(world.pending); /* that one is for the settings of before */
	assert_int_equal(fire(), 100);
	assert_int_equal(world.reloads, 0);
	world.answer = 0;
	assert_int_equal(fire(), 100);
	assert_string_equal(world.opening.filter, other.filter);
	tell_opened(0);
	assert_int_equal(world.reloads, 1);
	assert_int_equal(world.reload_err, 0);
	live_capture_free(t);
}

/* ---- the end ---- */

static void test_a_stop_reads_all_handles_empty(void **state)
{
	struct live_capture *t = begin_capturing();

	assert_int_equal(reload(t, &other), LIVE_CAPTURE_E_PENDING);
	tell_opened(0);
	live_capture_stop(t);
	assert_true(world.handles[0].stopped && world.handles[1].stopped);
	tell_stopped();
	assert_int_equal(world.handles[1].runs, 1);
	tell_stopped();
	assert_int_equal(world.ends, 0); /* not from within */
	while (fire() >= 0)
		;
	assert_int_equal(world.ends, 1);
	live_capture_free(t);
}

static void test_a_stop_ends_the_waiting(void **state)
{
	struct live_capture *t = begin(true);

	tell_opened(CAPTURE_E_MISSING);
	fire();
	live_capture_stop(t);
	assert_int_equal(world.forgotten, 1);
	tell_link(1);
	while (fire() >= 0)
		;
	assert_int_equal(world.begun, 2);
	assert_int_equal(world.ends, 1);
	live_capture_free(t);
}

/* Only the packet is lost: what is in the ring is read at the end, and the end does not wait. */
static void test_what_the_sink_failed_for_is_read_on_at_the_end(void **state)
{
	const struct packet pkt = {.caplen = 0};
	struct live_capture *t = begin_capturing();

	assert_int_equal(world.handles[0].runs, 1);
	world.sink = -ENOMEM;
	assert_int_equal(world.opening.sink(world.opening.ctx, &pkt), -ENOMEM);
	world.opening.on_error(world.opening.ctx, -ENOMEM);
	assert_int_equal(world.errors, 1);
	live_capture_stop(t);
	assert_int_equal(world.handles[0].runs, 2);
	/* Once more: what is left cannot be handed on either. */
	assert_int_equal(world.opening.sink(world.opening.ctx, &pkt), -ENOMEM);
	world.opening.on_error(world.opening.ctx, -ENOMEM);
	assert_int_equal(fire(), 0);
	assert_int_equal(world.ends, 1);
	live_capture_free(t);
}

/* ---- counters ---- */

static void test_counters_of_a_whole_life(void **state)
{
	struct live_capture *t = begin_capturing();
	struct capture_counters sum;

	world.handles[0].counters =
		(struct capture_counters){.received = 5, .passed = 7, .dropped_kernel = 2};
	lose(CAPTURE_LINK_GONE);
	fire();
	tell_opened(0);
	world.handles[1].counters = (struct capture_counters){.received = 10, .passed = 10};
	for (int i = 0; i < 3; i++) {
		live_capture_read_counters(t, &sum);
		assert_int_equal(sum.received, 15);
		assert_int_equal(sum.passed, 17);
		assert_int_equal(sum.dropped_kernel, 2);
		if (i == 1)
			tell_stopped(); /* the first is closed */
	}
	live_capture_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_opening),
		cmocka_unit_test(test_what_is_waited_for_at_the_start),
		cmocka_unit_test(test_a_service_starts_though_the_opening_takes_long),
		cmocka_unit_test(test_what_follows_in_a_group_stands_by),
		cmocka_unit_test(test_a_link_that_is_down_keeps_its_handle),
		cmocka_unit_test(test_an_interface_that_is_lost_is_opened_again),
		cmocka_unit_test(test_without_waiting_a_lost_interface_is_the_end),
		cmocka_unit_test(test_an_interface_that_comes_is_opened_at_once),
		cmocka_unit_test(test_what_became_of_it_while_it_was_opened),
		cmocka_unit_test(test_a_lost_handle_that_is_read_empty_is_not_the_end),
		cmocka_unit_test(test_the_log_tells_that_it_went_and_that_it_is_back),
		cmocka_unit_test(test_the_first_link_type_is_no_change),
		cmocka_unit_test(test_two_lost_handles_are_read_before_a_third_is_opened),
		cmocka_unit_test(test_a_reload_hands_over),
		cmocka_unit_test(test_a_reload_that_annotates_needs_no_handle),
		cmocka_unit_test(test_a_reload_needs_the_clock_of_the_host),
		cmocka_unit_test(test_a_reload_that_cannot_open_changes_nothing),
		cmocka_unit_test(test_a_reload_that_fails_ends_no_waiting),
		cmocka_unit_test(test_a_reload_while_the_interface_is_away),
		cmocka_unit_test(test_a_filter_that_is_wrong_is_refused_without_an_interface),
		cmocka_unit_test(test_a_reload_waits_for_room),
		cmocka_unit_test(test_a_reload_after_a_return_in_an_outage_says_what_to_do),
		cmocka_unit_test(test_a_reload_that_is_cancelled),
		cmocka_unit_test(test_a_reload_that_cannot_begin_ends_no_waiting),
		cmocka_unit_test(test_a_reload_waits_for_an_opening_that_was_given_up),
		cmocka_unit_test(test_a_stop_reads_all_handles_empty),
		cmocka_unit_test(test_a_stop_ends_the_waiting),
		cmocka_unit_test(test_what_the_sink_failed_for_is_read_on_at_the_end),
		cmocka_unit_test(test_counters_of_a_whole_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

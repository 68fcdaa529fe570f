/* SPDX-License-Identifier: Apache-2.0 */
/* How an instance ends, with a side of which the test says what it does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/app.h"
#include "app/role.h"
#include "base/log.h"
#include "config/run_end.h"
#include "deadline.h"

static struct {
	int made;         /* what new() returns */
	bool is_done;     /* all of the input was taken */
	bool fails;       /* reports a failure at once */
	bool ends;        /* stops when it is told to */
	bool keeps;       /* nothing is lost when it is abandoned */
	bool reader_gone; /* in place of a failure */
	int finished;     /* the status of the account */
	int abandoned;    /* how often */
	int completed;    /* likewise */
	struct role_events events;
	ev_timer failure;
	FILE *said; /* in place of stderr */
	int stderr_fd;
} world;

static void on_failure(struct ev_loop *loop, ev_timer *w, int revents)
{
	world.events.on_done(world.events.ctx, world.reader_gone ? ROLE_STATUS_NO_READER : 1);
}

static int role_new(struct role **out, const struct role_options *opt)
{
	world.events = opt->events;
	ev_timer_init(&world.failure, on_failure, 0., 0.);
	if (world.fails)
		ev_timer_start(opt->loop, &world.failure);
	*out = (struct role *)&world;
	return world.made;
}

static void role_complete(struct role *s)
{
	world.completed++;
}

static void role_stop(struct role *s)
{
	if (world.ends)
		world.events.on_stopped(world.events.ctx);
}

static bool role_may_leave(struct role *s)
{
	return world.keeps;
}

static void role_abandon(struct role *s)
{
	world.abandoned++;
	world.events.on_stopped(world.events.ctx);
}

static uint64_t role_progress(const struct role *s)
{
	return 0;
}

static bool role_is_done(const struct role *s)
{
	return world.is_done;
}

static void role_waiting_for(const struct role *s, char *buf, size_t size)
{
	snprintf(buf, size, "the moon");
}

static int role_finish(struct role *s, bool interrupted)
{
	log_info("finished");
	if (world.finished)
		log_error("lost");
	return world.finished;
}

static void role_free(struct role *s)
{
}

const struct role_ops producer_role_ops = {
	.new = role_new,
	.complete = role_complete,
	.stop = role_stop,
	.may_leave = role_may_leave,
	.abandon = role_abandon,
	.progress = role_progress,
	.is_done = role_is_done,
	.waiting_for = role_waiting_for,
	.finish = role_finish,
	.free = role_free,
};
const struct role_ops consumer_role_ops;

/* Runs an instance that stalls after 50 ms, and may take ten minutes to stop. */
static int run(void)
{
	static const struct config cfg = {.max_packets = 1,
					  .stall_timeout_ms = 50,
					  .shutdown_timeout_ms = 600000};

	return app_run(&cfg, NULL, NULL);
}

static void assert_last_line(const char *want)
{
	char line[512] = "";

	rewind(world.said);
	while (fgets(line, sizeof(line), world.said))
		;
	assert_string_equal(line, want);
}

static void a_failed_start_has_a_reason(void **state)
{
	world.made = -ENOMEM;
	assert_int_equal(run(), 1);
	assert_last_line("ERROR:root:Cannot start: Cannot allocate memory\n");
}

static void a_stalled_run_that_is_cut_short_fails(void **state)
{
	assert_int_equal(run(), 1);
	assert_int_equal(world.abandoned, 1);
	assert_last_line("ERROR:root:Given up, waited for the moon\n");
}

static void a_stalled_run_that_has_kept_all_it_was_to_take_has_not_failed(void **state)
{
	world.is_done = true;
	assert_int_equal(run(), 0);
	assert_last_line("INFO:root:finished\n");
}

static void what_is_lost_is_the_last_line_of_a_stalled_run(void **state)
{
	world.finished = 1;
	assert_int_equal(run(), 1);
	assert_last_line("ERROR:root:lost\n");
}

static void a_stop_that_has_kept_all_does_not_wait(void **state)
{
	world.fails = world.keeps = true;
	world.finished = 1;
	assert_int_equal(run(), 1);
	assert_int_equal(world.abandoned, 1);
	assert_last_line("ERROR:root:lost\n");
}

static void a_run_that_has_an_end_does_not_go_on_for_a_reader_that_is_gone(void **state)
{
	static const struct config cfg = {.max_packets = 1,
					  .stall_timeout_ms = 600000,
					  .shutdown_timeout_ms = 50};

	world.fails = world.reader_gone = true;
	assert_int_equal(app_run(&cfg, NULL, NULL), 0);
	assert_int_equal(world.abandoned, 1);
	assert_last_line("INFO:root:finished\n");
}

static void a_run_ends_when_its_time_is_over(void **state)
{
	static char text[] = "duration:0.01";
	static const struct config cfg = {.autostop = text,
					  .stall_timeout_ms = 600000,
					  .shutdown_timeout_ms = 600000};

	world.ends = true;
	assert_int_equal(app_run(&cfg, NULL, NULL), 0);
	assert_int_equal(world.completed, 1);
	assert_int_equal(world.abandoned, 0);
	assert_last_line("INFO:root:finished\n");
}

static void what_has_an_end_may_stall(void **state)
{
	static char text[] = "@1";
	struct config cfg = {.stall_timeout_ms = 50};

	assert_false(run_end_is_set(&cfg));
	cfg.from.text = text; /* ahead: exit_at_end is not set */
	assert_false(run_end_is_set(&cfg));
	cfg.to.text = text;
	assert_true(run_end_is_set(&cfg));
}

static int open_world(void **state)
{
	alarm(DEADLINE_S); /* ten minutes are too long */
	memset(&world, 0, sizeof(world));
	world.said = tmpfile();
	world.stderr_fd = dup(STDERR_FILENO);
	return !world.said || dup2(fileno(world.said), STDERR_FILENO) < 0;
}

static int close_world(void **state)
{
	dup2(world.stderr_fd, STDERR_FILENO);
	close(world.stderr_fd);
	return fclose(world.said);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_failed_start_has_a_reason),
		CASE(what_has_an_end_may_stall),
		CASE(a_run_ends_when_its_time_is_over),
		CASE(a_stalled_run_that_is_cut_short_fails),
		CASE(a_stalled_run_that_has_kept_all_it_was_to_take_has_not_failed),
		CASE(what_is_lost_is_the_last_line_of_a_stalled_run),
		CASE(a_stop_that_has_kept_all_does_not_wait),
		CASE(a_run_that_has_an_end_does_not_go_on_for_a_reader_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

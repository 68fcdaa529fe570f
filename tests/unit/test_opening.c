/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>
#include <time.h>

#include "base/thread.h"
#include "capture/opening.h"
#include "deadline.h"
#include "packet/filter.h"

static sem_t begun, answer; /* of the name service, which hangs until a test says so */

bool netdev_find(const char *name, struct netdev *out)
{
	return false;
}

int capture_new(struct capture **out, const struct capture_options *opt, char *why, size_t size)
{
	sem_post(&begun);
	while (sem_wait(&answer) < 0)
		continue;
	return CAPTURE_E_NAME;
}

void capture_free(struct capture *c)
{
}

int filter_check(const char *expression, int dlt, char *why, size_t size)
{
	return 0;
}

static void on_opened(void *ctx, struct opening_result *result)
{
	int *opened = ctx;

	assert_int_equal(result->r, CAPTURE_E_NAME); /* as capture_new() says */
	(*opened)++;
}

static int start(struct opening *o)
{
	static const struct capture_options opt = {.interface = "eth0", .filter = "host a"};

	return opening_start(o, &opt, 1);
}

static void wait_for(sem_t *what)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DEADLINE_S;
	assert_int_equal(sem_timedwait(what, &until), 0);
}

static void start_and_forget(struct opening *o)
{
	assert_int_equal(start(o), 0);
	wait_for(&begun);
	opening_forget(o);
}

/* A thread that was forgotten tells nobody when it ends. */
static void start_once_there_is_room(struct opening *o)
{
	const struct timespec between_tries = {.tv_nsec = 1000000};
	const time_t deadline = time(NULL) + DEADLINE_S;
	int r;

	while ((r = start(o)) == OPENING_E_BUSY) {
		assert_true(time(NULL) < deadline);
		nanosleep(&between_tries, NULL);
	}
	assert_int_equal(r, 0);
}

/* Each of them holds a ring of memory until its filter is compiled. */
static void test_two_that_hang_are_enough(void **state)
{
	struct ev_loop *loop = ev_loop_new(0);
	struct opening *o = NULL;
	int opened = 0;

	assert_int_equal(opening_new(&o, loop, on_opened, &opened), 0);
	start_and_forget(o);
	start_and_forget(o);
	assert_int_equal(start(o), OPENING_E_BUSY);
	assert_false(opening_is_pending(o));
	sem_post(&answer);
	start_once_there_is_room(o);
	assert_true(opening_is_pending(o));
	sem_post(&answer);
	sem_post(&answer);
	while (opened == 0)
		ev_run(loop, EVRUN_ONCE);
	assert_int_equal(opened, 1);
	/* What is done with holds nothing any more. */
	while (opened < 4) {
		if (!opening_is_pending(o)) {
			start_once_there_is_room(o);
			sem_post(&answer);
		}
		ev_run(loop, EVRUN_ONCE);
	}
	opening_free(o);
	ev_loop_destroy(loop);
}

/* What it refuses, the one that is on its way does not suffer. */
static void test_one_that_is_awaited_goes_on(void **state)
{
	struct ev_loop *loop = ev_loop_new(0);
	struct opening *o = NULL;
	int opened = 0;

	assert_int_equal(opening_new(&o, loop, on_opened, &opened), 0);
	start_and_forget(o);
	assert_int_equal(start(o), 0);
	wait_for(&begun);
	assert_int_equal(start(o), OPENING_E_BUSY);
	assert_true(opening_is_pending(o));
	sem_post(&answer);
	sem_post(&answer);
	while (opened == 0)
		ev_run(loop, EVRUN_ONCE);
	opening_free(o);
	ev_loop_destroy(loop);
}

/* A thread of this test that still waits for its answer would take the next one's. */
static int wait_for_all(void **state)
{
	const struct timespec between_looks = {.tv_nsec = 1000000};
	const time_t deadline = time(NULL) + DEADLINE_S;

	while (!thread_may_exit()) {
		if (time(NULL) >= deadline)
			return -1;
		nanosleep(&between_looks, NULL);
	}
	return 0;
}

static int prepare(void **state)
{
	return sem_init(&begun, 0, 0) + sem_init(&answer, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_two_that_hang_are_enough, prepare,
						wait_for_all),
		cmocka_unit_test_setup_teardown(test_one_that_is_awaited_goes_on, prepare,
						wait_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

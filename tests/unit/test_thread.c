/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <semaphore.h>
#include <time.h>

#include "base/thread.h"
#include "deadline.h"

#define MANY 20 /* more than the first room for them */

static sem_t go;

static void *wait_for_go(void *arg)
{
	sem_wait(&go);
	return NULL;
}

static pthread_t start(void)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, wait_for_go, NULL), 0);
	return thread;
}

static int setup(void **state)
{
	return sem_init(&go, 0, 0);
}

static int teardown(void **state)
{
	return sem_destroy(&go);
}

static void wait_may_exit(void)
{
	time_t deadline = time(NULL) + DEADLINE_S;

	while (!thread_may_exit())
		assert_true(time(NULL) < deadline);
}

/* ---- memory of two ---- */

static struct {
	atomic_bool left;
	atomic_int frees; /* by the thread */
} both;

static void *use_both(void *arg)
{
	sem_wait(&go);
	atomic_fetch_add(&both.frees, thread_leave(&both.left));
	return NULL;
}

static pthread_t start_both(void)
{
	pthread_t thread;

	atomic_store(&both.left, false);
	atomic_store(&both.frees, 0);
	assert_int_equal(thread_start(&thread, use_both, NULL), 0);
	return thread;
}

static void test_of_a_thread_that_ends_the_owner_frees(void **state)
{
	pthread_t thread = start_both();

	sem_post(&go);
	assert_true(thread_join_or_leave(thread, DEADLINE_S * 1000, &both.left));
	assert_int_equal(both.frees, 0);
	assert_true(thread_may_exit());
}

static void test_a_thread_that_is_left_frees(void **state)
{
	pthread_t thread = start_both();

	assert_false(thread_join_or_leave(thread, 0, &both.left));
	assert_false(thread_may_exit());
	sem_post(&go);
	wait_may_exit();
	assert_int_equal(both.frees, 1);
}

/* It has said its last word, and is not gone: it needs nothing more. */
static void test_of_a_thread_that_has_left_the_owner_frees(void **state)
{
	pthread_t thread = start();

	atomic_store(&both.left, true);
	assert_true(thread_join_or_leave(thread, 0, &both.left));
	sem_post(&go);
	wait_may_exit();
}

static void test_a_wait_has_an_end(void **state)
{
	pthread_t thread = start();

	assert_false(thread_join_within(thread, 0));
	assert_false(thread_join_within(thread, 10));
	sem_post(&go);
	assert_true(thread_join_within(thread, DEADLINE_S * 1000));
	assert_true(thread_may_exit());
}

static void test_what_was_abandoned_and_runs_forbids_the_exit(void **state)
{
	thread_abandon(start());
	assert_false(thread_may_exit());
	assert_false(thread_may_exit());
	sem_post(&go);
	wait_may_exit();
}

static void test_many_are_abandoned(void **state)
{
	for (int i = 0; i < MANY; i++)
		thread_abandon(start());
	for (int i = 0; i < MANY; i++) {
		assert_false(thread_may_exit());
		sem_post(&go);
	}
	wait_may_exit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_of_a_thread_that_ends_the_owner_frees, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_thread_that_is_left_frees, setup, teardown),
		cmocka_unit_test_setup_teardown(test_of_a_thread_that_has_left_the_owner_frees,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_wait_has_an_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_was_abandoned_and_runs_forbids_the_exit,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_are_abandoned, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

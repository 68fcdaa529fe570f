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

#define DEADLINE_S 5
#define MANY       20 /* more than the first room for them */

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
		cmocka_unit_test_setup_teardown(test_a_wait_has_an_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_was_abandoned_and_runs_forbids_the_exit,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_are_abandoned, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

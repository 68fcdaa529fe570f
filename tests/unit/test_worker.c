/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "base/thread.h"
#include "base/worker.h"
#include "deadline.h"

#define MANY 1000

struct rig {
	struct ev_loop *loop;
	struct worker *worker;
	ev_timer deadline;
	sem_t began, go; /* of the jobs that wait */
	pthread_t self;
	int started[MANY], n_started; /* the helper thread's */
	int done[MANY], n_done;       /* the loop's */
	int stop_after;               /* so many done */
	atomic_int n_dropped;
};

struct job {
	struct rig *rig;
	int number;
	bool waits;
};

static void job_run(void *arg)
{
	struct job *j = arg;

	assert_false(pthread_equal(pthread_self(), j->rig->self));
	j->rig->started[j->rig->n_started++] = j->number;
	if (!j->waits)
		return;
	sem_post(&j->rig->began);
	sem_wait(&j->rig->go);
}

static void job_done(void *ctx, void *arg)
{
	struct rig *rig = ctx;
	struct job *j = arg;

	assert_ptr_equal(j->rig, rig);
	assert_true(pthread_equal(pthread_self(), rig->self));
	rig->done[rig->n_done++] = j->number;
	if (rig->n_done == rig->stop_after)
		ev_break(rig->loop, EVBREAK_ALL);
}

static void job_drop(void *arg)
{
	struct job *j = arg;

	atomic_fetch_add(&j->rig->n_dropped, 1);
	free(j);
}

static int add(struct rig *rig, int number, bool waits)
{
	struct job *j = malloc(sizeof(*j));
	const struct worker_job worker_job = {job_run, job_done, job_drop, j};

	assert_non_null(j);
	*j = (struct job){rig, number, waits};
	return worker_add(rig->worker, &worker_job);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
	ev_break(loop, EVBREAK_ALL);
}

static void run_until_done(struct rig *rig, int n)
{
	rig->stop_after = n;
	ev_timer_again(rig->loop, &rig->deadline);
	ev_run(rig->loop, 0);
	assert_int_equal(rig->n_done, n);
}

static int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int n = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig->self = pthread_self();
	rig->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(rig->loop);
	ev_timer_init(&rig->deadline, on_deadline, 0., DEADLINE_S);
	sem_init(&rig->began, 0, 0);
	sem_init(&rig->go, 0, 0);
	*state = rig;
	return worker_new(&rig->worker, rig->loop, rig);
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	ev_timer_stop(rig->loop, &rig->deadline);
	ev_loop_destroy(rig->loop);
	sem_destroy(&rig->began);
	sem_destroy(&rig->go);
	free(rig);
	return 0;
}

static void test_they_run_in_order_and_the_loop_is_told(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < MANY; i++)
		assert_int_equal(add(rig, i, false), 0);
	assert_int_equal(worker_pending(rig->worker), MANY);
	run_until_done(rig, MANY);
	assert_int_equal(worker_pending(rig->worker), 0);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(rig->started[i], i);
		assert_int_equal(rig->done[i], i);
	}
	assert_true(worker_free(rig->worker, DEADLINE_S * 1000));
	assert_int_equal(rig->n_dropped, MANY);
}

static void test_the_loop_goes_on_meanwhile(void **state)
{
	struct rig *rig = *state;

	add(rig, 1, true);
	add(rig, 2, false);
	sem_wait(&rig->began);
	ev_run(rig->loop, EVRUN_NOWAIT);
	assert_int_equal(rig->n_done, 0);
	assert_int_equal(worker_pending(rig->worker), 2);
	sem_post(&rig->go);
	run_until_done(rig, 2);
	assert_true(worker_free(rig->worker, DEADLINE_S * 1000));
}

static void test_no_thread_before_the_first(void **state)
{
	struct rig *rig = *state;
	int before = count_threads();

	ev_run(rig->loop, EVRUN_NOWAIT);
	assert_int_equal(count_threads(), before);
	add(rig, 1, true);
	sem_wait(&rig->began);
	assert_int_equal(count_threads(), before + 1);
	sem_post(&rig->go);
	assert_true(worker_free(rig->worker, DEADLINE_S * 1000));
}

static void test_one_that_never_ran_needs_no_wait(void **state)
{
	struct rig *rig = *state;

	assert_true(worker_free(rig->worker, 0));
	assert_true(worker_free(NULL, 0));
}

static void test_what_has_not_begun_is_dropped_when_it_is_stopped(void **state)
{
	struct rig *rig = *state;

	add(rig, 1, true);
	add(rig, 2, false);
	add(rig, 3, false);
	sem_wait(&rig->began);
	worker_stop(rig->worker);
	assert_int_equal(rig->n_dropped, 2);
	assert_int_equal(worker_pending(rig->worker), 0);
	assert_true(add(rig, 4, false) < 0);
	assert_int_equal(rig->n_dropped, 3);
	sem_post(&rig->go);
	assert_true(worker_free(rig->worker, DEADLINE_S * 1000));
	assert_int_equal(rig->n_started, 1);
	assert_int_equal(rig->n_done, 0);
	assert_int_equal(rig->n_dropped, 4);
}

static void test_one_that_hangs_does_not_hold_the_end(void **state)
{
	struct rig *rig = *state;
	time_t deadline;

	add(rig, 1, true);
	add(rig, 2, false);
	sem_wait(&rig->began);
	assert_false(worker_free(rig->worker, 10));
	assert_false(thread_may_exit());
	assert_int_equal(rig->n_dropped, 1);
	sem_post(&rig->go);
	deadline = time(NULL) + DEADLINE_S;
	while (!thread_may_exit())
		assert_true(time(NULL) < deadline);
	assert_int_equal(rig->n_started, 1);
	assert_int_equal(rig->n_done, 0);
	assert_int_equal(rig->n_dropped, 2);
}

static void on_gone(void *arg)
{
	struct rig *rig = arg;

	assert_int_equal(atomic_load(&rig->n_dropped), 1); /* what the job owned is freed by then */
	sem_post(&rig->began);
}

static void test_the_thread_that_was_left_tells_of_its_end(void **state)
{
	struct rig *rig = *state;
	time_t deadline;

	add(rig, 1, true);
	sem_wait(&rig->began);
	assert_false(worker_release(rig->worker, 0, on_gone, rig));
	assert_int_equal(rig->n_dropped, 0);
	sem_post(&rig->go);
	deadline = time(NULL) + DEADLINE_S;
	while (sem_trywait(&rig->began) != 0)
		assert_true(time(NULL) < deadline);
	while (!thread_may_exit())
		assert_true(time(NULL) < deadline);
}

static void give_one_more(void *ctx, void *arg)
{
	add(ctx, 7, false);
}

static void do_nothing(void *arg)
{
}

static void test_the_end_of_one_may_give_another(void **state)
{
	struct rig *rig = *state;
	const struct worker_job first = {do_nothing, give_one_more, NULL, NULL};

	assert_int_equal(worker_add(rig->worker, &first), 0);
	run_until_done(rig, 1);
	assert_int_equal(rig->done[0], 7);
	assert_true(worker_free(rig->worker, DEADLINE_S * 1000));
}

static void stop_all(void *ctx, void *arg)
{
	struct rig *rig = ctx;

	worker_stop(rig->worker);
	ev_break(rig->loop, EVBREAK_ALL);
}

static void test_the_end_of_one_may_stop_all(void **state)
{
	struct rig *rig = *state;
	const struct worker_job first = {do_nothing, stop_all, NULL, NULL};

	worker_add(rig->worker, &first);
	for (int i = 0; i < MANY; i++)
		add(rig, i, false);
	ev_timer_again(rig->loop, &rig->deadline);
	ev_run(rig->loop, 0);
	assert_true(worker_free(rig->worker, DEADLINE_S * 1000));
	assert_int_equal(rig->n_done, 0);
	assert_int_equal(rig->n_dropped, MANY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_they_run_in_order_and_the_loop_is_told),
		TEST(test_the_loop_goes_on_meanwhile),
		TEST(test_no_thread_before_the_first),
		TEST(test_one_that_never_ran_needs_no_wait),
		TEST(test_what_has_not_begun_is_dropped_when_it_is_stopped),
		TEST(test_one_that_hangs_does_not_hold_the_end),
		TEST(test_the_thread_that_was_left_tells_of_its_end),
		TEST(test_the_end_of_one_may_give_another),
		TEST(test_the_end_of_one_may_stop_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

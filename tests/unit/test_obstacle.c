/* SPDX-License-Identifier: Apache-2.0 */
/* The question why a topic takes nothing: on a thread, which may be waited for by nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "deadline.h"
#include "kafka/replicas.h"
#include "producer/obstacle.h"

static struct {
	struct ev_loop *loop;
	struct obstacle *obstacle;
	ev_timer deadline;
	atomic_int questions, handles; /* of the topic: those that are open */
	sem_t began, go, gone;         /* of a question; of all */
	bool hangs;
} world;

/* ---- in place of librdkafka's, and of what asks it ---- */

rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *rk, const char *name, rd_kafka_topic_conf_t *conf)
{
	assert_string_equal(name, "pcap");
	atomic_fetch_add(&world.handles, 1);
	return (rd_kafka_topic_t *)&world;
}

void rd_kafka_topic_destroy(rd_kafka_topic_t *rkt)
{
	atomic_fetch_sub(&world.handles, 1);
}

void replicas_ask(rd_kafka_t *rk, rd_kafka_topic_t *topic, char *buf, size_t size)
{
	sem_post(&world.began);
	if (world.hangs)
		sem_wait(&world.go);
	snprintf(buf, size, "answer %d", atomic_fetch_add(&world.questions, 1) + 1);
}

/* ---- the tests ---- */

static void on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
	fail_msg("no answer");
}

static int open_world(void **state)
{
	world.loop = ev_loop_new(0);
	world.questions = 0;
	world.hangs = false;
	sem_init(&world.began, 0, 0);
	sem_init(&world.go, 0, 0);
	sem_init(&world.gone, 0, 0);
	ev_timer_init(&world.deadline, on_deadline, DEADLINE_S, 0.);
	ev_timer_start(world.loop, &world.deadline);
	return obstacle_new(&world.obstacle, world.loop);
}

static int close_world(void **state)
{
	ev_timer_stop(world.loop, &world.deadline);
	ev_loop_destroy(world.loop);
	return 0;
}

static void ask(void)
{
	obstacle_ask(world.obstacle, NULL, "pcap");
}

static void wait_for(const char *words)
{
	while (strcmp(obstacle_words(world.obstacle), words) != 0)
		ev_run(world.loop, EVRUN_ONCE);
}

static void on_gone(void *arg)
{
	assert_int_equal(world.handles, 0);
	sem_post(arg);
}

static void test_the_last_answer_stays(void **state)
{
	assert_string_equal(obstacle_words(world.obstacle), "");
	ask();
	wait_for("answer 1");
	ask();
	assert_string_equal(obstacle_words(world.obstacle), "answer 1");
	wait_for("answer 2");
	if (!obstacle_free(world.obstacle, DEADLINE_S * 1000, on_gone, &world.gone))
		fail();
	assert_int_equal(world.handles, 0);
}

/* Nor does an answer count that comes when all is well again. */
static void test_what_is_over_is_forgotten(void **state)
{
	ask();
	wait_for("answer 1");
	obstacle_forget(world.obstacle);
	assert_string_equal(obstacle_words(world.obstacle), "");
	world.hangs = true;
	ask();
	sem_wait(&world.began);
	sem_wait(&world.began);
	obstacle_forget(world.obstacle);
	sem_post(&world.go);
	while (world.handles)
		ev_run(world.loop, EVRUN_ONCE);
	assert_string_equal(obstacle_words(world.obstacle), "");
	world.hangs = false;
	ask();
	wait_for("answer 3");
	assert_true(obstacle_free(world.obstacle, DEADLINE_S * 1000, on_gone, &world.gone));
}

static void test_one_question_at_a_time(void **state)
{
	world.hangs = true;
	ask();
	sem_wait(&world.began);
	ask();
	ask();
	assert_int_equal(world.handles, 1);
	sem_post(&world.go);
	wait_for("answer 1");
	assert_int_equal(world.questions, 1);
	assert_true(obstacle_free(world.obstacle, DEADLINE_S * 1000, on_gone, &world.gone));
}

/* The client stays the question's, and its handle is closed before that is told to be over. */
static void test_a_question_that_hangs_is_left(void **state)
{
	world.hangs = true;
	ask();
	sem_wait(&world.began);
	assert_false(obstacle_free(world.obstacle, 0, on_gone, &world.gone));
	assert_int_equal(sem_trywait(&world.gone), -1);
	sem_post(&world.go);
	sem_wait(&world.gone);
}

static void test_none_was_asked(void **state)
{
	assert_true(obstacle_free(world.obstacle, 0, on_gone, &world.gone));
	assert_true(obstacle_free(NULL, 0, on_gone, &world.gone));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_last_answer_stays),  TEST(test_what_is_over_is_forgotten),
		TEST(test_one_question_at_a_time), TEST(test_a_question_that_hangs_is_left),
		TEST(test_none_was_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The look-ups of a consumer, against a librdkafka that answers, refuses, or hangs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "base/thread.h"
#include "consumer/offset_lookup.h"
#include "deadline.h"

#define N_PARTITIONS 3

static struct {
	sem_t began, go;
	bool hangs;        /* the next look-up of offsets */
	int refuses;       /* this partition, -1: none */
	atomic_int calls;  /* of rd_kafka_offsets_for_times() */
	atomic_int topics; /* that are there */
	struct offset_lookup_result result;
	struct offset_lookup_partition partitions[N_PARTITIONS];
	struct ev_loop *loop;
	enum topic_clock clock;
	int clock_calls;
	int clock_hangs; /* so many of these calls time out */
} world;

struct rd_kafka_topic_s *rd_kafka_topic_new(rd_kafka_t *rk, const char *name,
					    rd_kafka_topic_conf_t *conf)
{
	world.topics++;
	return (rd_kafka_topic_t *)&world;
}

void rd_kafka_topic_destroy(rd_kafka_topic_t *rkt)
{
	world.topics--;
}

rd_kafka_resp_err_t rd_kafka_metadata(rd_kafka_t *rk, int all_topics, rd_kafka_topic_t *only,
				      const struct rd_kafka_metadata **out, int timeout_ms)
{
	static rd_kafka_metadata_partition_t partitions[N_PARTITIONS] = {{.id = 0},
									 {.id = 1},
									 {.id = 2}};
	static rd_kafka_metadata_topic_t topic = {.partition_cnt = N_PARTITIONS,
						  .partitions = partitions};
	static const struct rd_kafka_metadata md = {.topic_cnt = 1, .topics = &topic};

	*out = &md;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void rd_kafka_metadata_destroy(const struct rd_kafka_metadata *md)
{
}

/* Partition N has the offsets 10 N to 10 N + 9; a time is an offset. */
rd_kafka_resp_err_t rd_kafka_offsets_for_times(rd_kafka_t *rk,
					       rd_kafka_topic_partition_list_t *list,
					       int timeout_ms)
{
	world.calls++;
	if (world.hangs) {
		sem_post(&world.began);
		sem_wait(&world.go);
	}
	for (int i = 0; i < list->cnt; i++) {
		rd_kafka_topic_partition_t *elem = &list->elems[i];
		int64_t low = (int64_t)elem->partition * 10;

		if (elem->partition == world.refuses)
			return RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
		if (elem->offset == RD_KAFKA_OFFSET_BEGINNING)
			elem->offset = low;
		else if (elem->offset == RD_KAFKA_OFFSET_END || elem->offset >= low + 10)
			elem->offset = elem->offset < 0 ? low + 10 : -1;
		else if (elem->offset < low)
			elem->offset = low;
	}
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t topic_clock_ask(rd_kafka_t *rk, const char *topic, int timeout_ms,
				    enum topic_clock *out)
{
	world.clock_calls++;
	if (world.clock_calls <= world.clock_hangs) {
		*out = TOPIC_CLOCK_UNKNOWN;
		return RD_KAFKA_RESP_ERR__TIMED_OUT;
	}
	*out = world.clock;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_committed(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
				       int timeout_ms)
{
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void on_result(void *ctx, const struct offset_lookup_result *result)
{
	world.result = *result;
	memcpy(world.partitions, result->partitions, result->n * sizeof(*result->partitions));
	ev_break(world.loop, EVBREAK_ALL);
}

static struct offset_lookup *ask(const struct offset_question *question)
{
	const struct offset_lookup_options opt = {.loop = world.loop,
						  .topic = "pcap",
						  .question = *question,
						  .on_result = on_result};
	struct offset_lookup *l = NULL;

	assert_int_equal(offset_lookup_new(&l, &opt), 0);
	return l;
}

static struct offset_lookup *open_lookup(enum config_offset offset, int64_t value)
{
	const struct offset_question question = {.offset = offset,
						 .value = value,
						 .range = {INT64_MIN, INT64_MAX}};

	return ask(&question);
}

static int open_world(void **state)
{
	memset(&world, 0, sizeof(world));
	world.refuses = -1;
	world.loop = ev_loop_new(0);
	sem_init(&world.began, 0, 0);
	sem_init(&world.go, 0, 0);
	return 0;
}

static int close_world(void **state)
{
	ev_loop_destroy(world.loop);
	return 0;
}

static void expect_starts(enum config_offset offset, int64_t value, int calls,
			  const int64_t starts[N_PARTITIONS])
{
	struct offset_lookup *l;

	world.calls = 0;
	l = open_lookup(offset, value);
	ev_run(world.loop, 0);
	assert_true(world.result.complete);
	assert_int_equal(world.result.n, N_PARTITIONS);
	assert_int_equal(world.calls, calls);
	for (int i = 0; i < N_PARTITIONS; i++) {
		assert_int_equal(world.partitions[i].id, i);
		assert_int_equal(world.partitions[i].low, 10 * i);
		assert_int_equal(world.partitions[i].high, 10 * i + 10);
		assert_int_equal(world.partitions[i].start, starts[i]);
	}
	assert_true(offset_lookup_free(l, DEADLINE_S * 1000, NULL, NULL));
	assert_int_equal(world.topics, 0);
}

static void test_all_partitions_are_asked_at_once(void **state)
{
	expect_starts(CONFIG_OFFSET_BEGIN, 0, 2, (const int64_t[]){0, 10, 20});
	expect_starts(CONFIG_OFFSET_STORED, 0, 2, (const int64_t[]){0, 10, 20});
	expect_starts(CONFIG_OFFSET_END, 0, 2, (const int64_t[]){10, 20, 30});
	expect_starts(CONFIG_OFFSET_ABSOLUTE, 15, 2, (const int64_t[]){10, 15, 20});
	expect_starts(CONFIG_OFFSET_TAIL, 3, 2, (const int64_t[]){7, 17, 27});
	expect_starts(CONFIG_OFFSET_TIME, 15, 3, (const int64_t[]){10, 15, 20});
}

/* Times in milliseconds; -1: open. */
static struct offset_question range_of(int64_t from, int64_t to, uint64_t slack)
{
	return (struct offset_question){.offset = CONFIG_OFFSET_BEGIN,
					.range = {from < 0 ? INT64_MIN : from * 1000,
						  to < 0 ? INT64_MAX : to * 1000},
					.slack_ms = slack};
}

static void expect_range(struct offset_question question, const int64_t starts[N_PARTITIONS],
			 const int64_t ends[N_PARTITIONS])
{
	struct offset_lookup *l = ask(&question);

	ev_run(world.loop, 0);
	assert_true(world.result.complete);
	assert_int_equal(world.result.clock, world.clock);
	for (int i = 0; i < N_PARTITIONS; i++) {
		assert_int_equal(world.partitions[i].start, starts[i]);
		assert_int_equal(world.partitions[i].end, ends[i]);
	}
	assert_true(offset_lookup_free(l, DEADLINE_S * 1000, NULL, NULL));
}

/* The record that is found for the end is read too: it can be a block that begins before. */
static void test_a_range_is_read_from_its_look_up_to_that_of_its_end_and_slack(void **state)
{
	expect_range(range_of(15, 17, 0), (const int64_t[]){10, 15, 20},
		     (const int64_t[]){10, 18, 21});
	expect_range(range_of(15, 17, 4), (const int64_t[]){10, 15, 20},
		     (const int64_t[]){10, 20, 22});
	assert_false(world.partitions[1].late_end); /* none was found for the end */
	assert_true(world.partitions[2].late_end);
	expect_range(range_of(15, 17, CONFIG_SLACK_ALL), (const int64_t[]){10, 15, 20},
		     (const int64_t[]){10, 20, 30});
	expect_range(range_of(-1, 17, 0), (const int64_t[]){0, 10, 20},
		     (const int64_t[]){10, 18, 21});
	expect_range(range_of(15, -1, 4), (const int64_t[]){10, 15, 20},
		     (const int64_t[]){10, 20, 30});
	assert_int_equal(world.clock_calls, 5);
}

static void test_what_the_broker_stamps_is_read_from_before_to_the_end(void **state)
{
	world.clock = TOPIC_CLOCK_BROKER;
	expect_range(range_of(15, 17, 4), (const int64_t[]){10, 11, 20},
		     (const int64_t[]){10, 20, 30});
	expect_range(range_of(15, 17, CONFIG_SLACK_ALL), (const int64_t[]){0, 10, 20},
		     (const int64_t[]){10, 20, 30});
	world.clock = TOPIC_CLOCK_UNKNOWN;
	expect_range(range_of(15, 17, 4), (const int64_t[]){10, 11, 20},
		     (const int64_t[]){10, 20, 30});
}

/* Who answers all else, but not that. */
static void test_a_clock_that_is_not_told_is_asked_for_twice(void **state)
{
	const struct offset_question question = range_of(15, 17, 4);
	struct offset_lookup *l;

	world.clock_hangs = 100;
	l = ask(&question);
	ev_run(world.loop, 0);
	assert_int_equal(world.result.err, RD_KAFKA_RESP_ERR__TIMED_OUT);
	ev_run(world.loop, 0);
	assert_true(world.result.complete);
	assert_int_equal(world.result.clock, TOPIC_CLOCK_UNKNOWN);
	assert_int_equal(world.clock_calls, 2);
	assert_int_equal(world.partitions[1].end, 20);
	assert_true(offset_lookup_free(l, DEADLINE_S * 1000, NULL, NULL));
}

static void test_a_range_that_is_over_asks_for_the_end_of_each(void **state)
{
	const struct offset_question question = range_of(15, 17, 4);
	struct offset_lookup *l = ask(&question);

	ev_run(world.loop, 0);
	assert_false(world.result.closing);
	world.refuses = 1;
	offset_lookup_close(l);
	ev_run(world.loop, 0);
	assert_true(world.result.closing);
	assert_false(world.result.complete);
	assert_int_equal(world.result.n, 2);
	assert_int_equal(world.partitions[1].id, 2);
	assert_int_equal(world.partitions[1].end, 22);
	world.refuses = -1;
	ev_run(world.loop, 0);
	assert_true(world.result.closing && world.result.complete);
	assert_int_equal(world.result.n, 1);
	assert_int_equal(world.partitions[0].id, 1);
	assert_int_equal(world.partitions[0].end, 20);
	assert_true(offset_lookup_free(l, DEADLINE_S * 1000, NULL, NULL));
}

/* It is over while the first question is being asked. */
static void test_a_range_that_is_over_at_once_asks_again(void **state)
{
	const struct offset_question question = range_of(15, 17, 4);
	struct offset_lookup *l = ask(&question);

	offset_lookup_close(l);
	ev_run(world.loop, 0);
	assert_false(world.result.closing);
	ev_run(world.loop, 0);
	assert_true(world.result.closing && world.result.complete);
	assert_int_equal(world.result.n, N_PARTITIONS);
	assert_true(offset_lookup_free(l, DEADLINE_S * 1000, NULL, NULL));
}

static void test_only_the_chosen_partitions_are_asked_about(void **state)
{
	struct offset_question question = range_of(-1, -1, 0);
	struct offset_lookup *l;

	question.partitions = "1-7";
	l = ask(&question);
	ev_run(world.loop, 0);
	assert_true(world.result.complete);
	assert_int_equal(world.result.n, 2);
	assert_int_equal(world.result.n_topic, N_PARTITIONS);
	assert_int_equal(world.partitions[0].id, 1);
	assert_int_equal(world.clock_calls, 0); /* which only a range needs */
	assert_true(offset_lookup_free(l, DEADLINE_S * 1000, NULL, NULL));
}

static void test_one_that_refuses_does_not_hold_up_the_others(void **state)
{
	struct offset_lookup *l;

	world.refuses = 1;
	l = open_lookup(CONFIG_OFFSET_BEGIN, 0);
	ev_run(world.loop, 0);
	assert_int_equal(world.result.err, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
	assert_false(world.result.complete);
	assert_int_equal(world.result.n, 2);
	assert_int_equal(world.partitions[1].id, 2);
	world.refuses = -1;
	ev_run(world.loop, 0); /* which is asked again */
	assert_int_equal(world.result.err, 0);
	assert_true(world.result.complete);
	assert_int_equal(world.result.n, 1);
	assert_int_equal(world.partitions[0].id, 1);
	assert_true(offset_lookup_free(l, DEADLINE_S * 1000, NULL, NULL));
}

static void wait_until_began(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += DEADLINE_S;
	assert_int_equal(sem_clockwait(&world.began, CLOCK_MONOTONIC, &until), 0);
}

static void on_gone(void *arg)
{
	assert_int_equal(world.topics, 0);
	sem_post(&world.began);
}

static void test_one_that_hangs_frees_all_when_it_ends(void **state)
{
	time_t deadline = time(NULL) + DEADLINE_S;
	struct offset_lookup *l;

	world.hangs = true;
	l = open_lookup(CONFIG_OFFSET_TIME, 15);
	wait_until_began();
	assert_false(offset_lookup_free(l, 0, on_gone, NULL));
	assert_int_equal(world.topics, 1);
	world.hangs = false;
	sem_post(&world.go);
	wait_until_began();
	/* The call that it was in was the last. */
	assert_int_equal(world.calls, 1);
	while (!thread_may_exit())
		assert_true(time(NULL) < deadline);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(test_all_partitions_are_asked_at_once),
		TEST(test_a_range_is_read_from_its_look_up_to_that_of_its_end_and_slack),
		TEST(test_what_the_broker_stamps_is_read_from_before_to_the_end),
		TEST(test_a_clock_that_is_not_told_is_asked_for_twice),
		TEST(test_a_range_that_is_over_asks_for_the_end_of_each),
		TEST(test_a_range_that_is_over_at_once_asks_again),
		TEST(test_only_the_chosen_partitions_are_asked_about),
		TEST(test_one_that_refuses_does_not_hold_up_the_others),
		TEST(test_one_that_hangs_frees_all_when_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* When packets are due, by a clock that a test sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/pace.h"

#define START 1700000000000000ULL /* µs, of the first packet */
#define NOW   5000000000LL        /* ns, when it is offered */

/* The wait for a packet of `us` after the first, in whole microseconds, `now` after it was due. */
static int64_t wait_us(struct pace *p, int64_t us, uint16_t nanos, int64_t now)
{
	const struct packet pkt = {.time_us = START + (uint64_t)us, .nanos = nanos};

	return (int64_t)(pace_wait(p, &pkt, NOW + now * 1000) * 1e6 + 0.5);
}

static void test_without_a_pace_all_is_due(void **state)
{
	struct pace p = {.factor = 0};

	assert_int_equal(wait_us(&p, 0, 0, 0), 0);
	assert_int_equal(wait_us(&p, 3600000000, 0, 0), 0);
}

static void test_packets_come_as_far_apart_as_their_time_stamps(void **state)
{
	struct pace p = {.factor = 1};

	assert_int_equal(wait_us(&p, 0, 0, 0), 0);
	assert_int_equal(wait_us(&p, 1000, 0, 10), 990);
	assert_int_equal(wait_us(&p, 1000, 0, 1000), 0);
	/* The first was late: the second is not, for that. */
	assert_int_equal(wait_us(&p, 5000, 0, 3000), 2000);
	assert_int_equal(wait_us(&p, 3600000000, 0, 5000), 3600000000 - 5000);
}

static void test_ten_times_as_fast(void **state)
{
	struct pace p = {.factor = 10};

	wait_us(&p, 0, 0, 0);
	assert_int_equal(wait_us(&p, 1000, 0, 0), 100);
	assert_int_equal(wait_us(&p, 1000000, 0, 99999), 1);
	assert_int_equal(wait_us(&p, 1000000, 0, 100000), 0);
}

static void test_nanoseconds_count(void **state)
{
	struct pace p = {.factor = 1};

	wait_us(&p, 0, 900, 0);
	assert_int_equal(wait_us(&p, 1, 900, 0), 1);
	assert_true(pace_wait(&p, &(struct packet){.time_us = START + 1, .nanos = 100}, NOW) <
		    0.3e-6);
}

static void test_what_is_out_of_order_changes_no_schedule(void **state)
{
	struct pace p = {.factor = 1};

	wait_us(&p, 0, 0, 0);
	wait_us(&p, 2000000, 0, 2000000);
	assert_int_equal(wait_us(&p, 1000000, 0, 2000000), 0);
	assert_int_equal(wait_us(&p, -1, 0, 2000000), 0); /* a new one: more than a second back */
	assert_int_equal(wait_us(&p, 999999, 0, 2000000), 1000000);
}

/* Two captures joined: the second begins when the first has ended. */
static void test_a_step_back_begins_a_new_schedule(void **state)
{
	struct pace p = {.factor = 1};

	wait_us(&p, 0, 0, 0);
	wait_us(&p, 100000000, 0, 100000000);
	assert_int_equal(wait_us(&p, 50000000, 0, 100000000), 0);
	assert_int_equal(wait_us(&p, 50000500, 0, 100000000), 500);
}

/* The packets before and behind it are decades later. */
static void test_a_packet_without_a_time_is_due_and_changes_no_schedule(void **state)
{
	const struct packet undated = {.time_us = 0};
	struct pace p = {.factor = 1};

	assert_true(pace_wait(&p, &undated, NOW) == 0);
	assert_int_equal(wait_us(&p, 0, 0, 0), 0);
	assert_true(pace_wait(&p, &undated, NOW) == 0);
	assert_int_equal(wait_us(&p, 1000, 0, 0), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_pace_all_is_due),
		cmocka_unit_test(test_packets_come_as_far_apart_as_their_time_stamps),
		cmocka_unit_test(test_ten_times_as_fast),
		cmocka_unit_test(test_nanoseconds_count),
		cmocka_unit_test(test_what_is_out_of_order_changes_no_schedule),
		cmocka_unit_test(test_a_step_back_begins_a_new_schedule),
		cmocka_unit_test(test_a_packet_without_a_time_is_due_and_changes_no_schedule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

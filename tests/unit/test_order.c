/* SPDX-License-Identifier: Apache-2.0 */
/* When packets of a live read go on: the clock is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "consumer/order.h"

#define MAX 64

static struct ev_loop *loop;
static struct order *o;

static struct {
	uint64_t us[MAX];
	size_t n, room;
	int dues;
	bool blocked; /* the owner: it gives nothing */
} world;

/* ---- the clock ---- */

static int64_t ahead_ms;

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	long r = syscall(SYS_clock_gettime, clock, ts);
	int64_t ns = ts->tv_nsec + ahead_ms % 1000 * 1000000;

	ts->tv_sec += ahead_ms / 1000 + ns / 1000000000;
	ts->tv_nsec = ns % 1000000000;
	return (int)r;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;
	int r = clock_gettime(CLOCK_REALTIME, &ts);

	*tv = (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
	return r;
}

/* So much time passes. */
static void pass(int64_t ms)
{
	ahead_ms += ms;
	ev_run(loop, EVRUN_NOWAIT);
}

/* ---- what stands around it ---- */

static int take(void *ctx, const struct packet *pkt)
{
	if (world.n == world.room)
		return PACKET_E_FULL;
	world.us[world.n++] = pkt->time_us;
	return 0;
}

static void on_due(void *ctx)
{
	size_t given;

	world.dues++;
	if (world.blocked)
		return;
	order_give(o, SIZE_MAX, &given);
}

static int open_order(void **state)
{
	const struct order_options opt = {.live = true,
					  .reorder_ms = 50000,
					  .take = take,
					  .on_due = on_due};
	struct order_options with_loop = opt;

	ahead_ms = 0;
	world.n = 0;
	world.room = MAX;
	world.dues = 0;
	world.blocked = false;
	with_loop.loop = loop = ev_loop_new(0);
	return order_new(&o, &with_loop);
}

static int close_order(void **state)
{
	order_free(o);
	ev_loop_destroy(loop);
	return 0;
}

/* Packets of one partition come; then what is due goes. */
static void come(int32_t id, const uint64_t *us, size_t n)
{
	size_t given;

	for (size_t i = 0; i < n; i++) {
		const struct packet pkt = {.time_us = us[i]};

		assert_int_equal(order_push(o, id, &pkt, (int64_t)i), 0);
	}
	ev_now_update(loop);
	assert_int_equal(order_give(o, SIZE_MAX, &given), 0);
}

#define COME(id, ...)                                                                              \
	come(id, (const uint64_t[]){__VA_ARGS__},                                                  \
	     sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void assert_out(const uint64_t *us, size_t n)
{
	assert_int_equal(world.n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(world.us[i], us[i]);
}

#define ASSERT_OUT(...)                                                                            \
	assert_out((const uint64_t[]){__VA_ARGS__},                                                \
		   sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void test_a_packet_waits_its_time_and_no_longer(void **state)
{
	COME(0, 20);
	pass(45000);
	assert_int_equal(world.n, 0);
	pass(6000);
	ASSERT_OUT(20);
	assert_int_equal(order_count(o), 0);
}

static void test_earlier_ones_go_before_it(void **state)
{
	COME(0, 20, 30);
	pass(10000);
	COME(1, 10, 25, 40);
	pass(41000);
	ASSERT_OUT(10, 20, 25, 30);
	pass(10000);
	ASSERT_OUT(10, 20, 25, 30, 40);
}

static void test_what_comes_after_is_late(void **state)
{
	struct order_counts counts;

	COME(0, 20);
	pass(51000);
	COME(1, 15, 30);
	pass(51000);
	ASSERT_OUT(20, 15, 30);
	order_counts(o, &counts);
	assert_int_equal(counts.late, 1);
	assert_int_equal(counts.late_ns, 5000);
}

/* It is not written: only what was lost before it is told. */
static void test_one_that_is_left_out_is_in_order_and_never_late(void **state)
{
	const struct packet husk = {.time_us = 15, .left_out = true};
	struct order_counts counts;

	COME(0, 10, 20);
	assert_int_equal(order_push(o, 1, &husk, 0), 0);
	COME(1, 18);
	pass(51000);
	ASSERT_OUT(10, 15, 18, 20);
	assert_int_equal(order_push(o, 1, &husk, 1), 0);
	pass(51000);
	COME(1, 30);
	pass(51000);
	assert_int_equal(world.n, 6);
	order_counts(o, &counts);
	assert_int_equal(counts.late, 0);
}

static void test_many_batches_wake_the_loop_a_few_times(void **state)
{
	for (uint64_t i = 0; i < MAX; i++) {
		COME(0, 100 + i);
		pass(1000);
	}
	pass(51000);
	assert_int_equal(world.n, MAX);
	assert_in_range(world.dues, 2, 20);
}

/* It goes on where it stopped, although nothing more comes. */
static void test_what_had_no_room_goes_when_there_is(void **state)
{
	COME(0, 10, 20, 30);
	world.room = 1;
	pass(51000);
	ASSERT_OUT(10);
	pass(100000);
	ASSERT_OUT(10);
	world.room = MAX;
	order_resume(o);
	pass(0);
	ASSERT_OUT(10, 20, 30);
}

/* Who was blocked for another reason when they were due. */
static void test_what_was_due_meanwhile_goes_too(void **state)
{
	COME(0, 10, 20);
	world.blocked = true;
	pass(51000);
	assert_int_equal(world.dues, 1);
	assert_int_equal(world.n, 0);
	world.blocked = false;
	order_resume(o);
	pass(0);
	ASSERT_OUT(10, 20);
}

static void test_a_drain_waits_for_nothing(void **state)
{
	COME(0, 20, 30);
	COME(1, 10);
	assert_int_equal(order_drain(o), 0);
	ASSERT_OUT(10, 20, 30);
}

static void test_a_stop_gives_nothing_more(void **state)
{
	COME(0, 20);
	order_stop(o);
	pass(100000);
	assert_int_equal(world.n, 0);
}

static void test_positions_are_before_what_waits(void **state)
{
	struct partition all[2] = {{.assigned = true, .next = 3}, {.assigned = false, .next = 1}};
	const struct partitions ps = {all, 2};

	COME(0, 20, 10, 30);
	COME(1, 5);
	order_mark(o, &ps);
	assert_int_equal(partition_position(&all[0]), 0);
	assert_int_equal(partition_position(&all[1]), 0);
	order_revoke(o, &ps);
	assert_int_equal(order_count(o), 3);
	order_drain(o);
	order_mark(o, &ps);
	assert_int_equal(partition_position(&all[0]), 3);
	ASSERT_OUT(10, 20, 30);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_order, close_order)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_packet_waits_its_time_and_no_longer),
		TEST(test_earlier_ones_go_before_it),
		TEST(test_what_comes_after_is_late),
		TEST(test_one_that_is_left_out_is_in_order_and_never_late),
		TEST(test_many_batches_wake_the_loop_a_few_times),
		TEST(test_what_had_no_room_goes_when_there_is),
		TEST(test_what_was_due_meanwhile_goes_too),
		TEST(test_a_drain_waits_for_nothing),
		TEST(test_a_stop_gives_nothing_more),
		TEST(test_positions_are_before_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

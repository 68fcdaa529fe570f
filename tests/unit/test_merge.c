/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of several partitions into one order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/merge.h"

#define MS      UINT64_C(1000000) /* in ns */
#define NO_END  UINT64_MAX
#define ENOUGH  (64 << 20)
#define MAX_OUT 200000

static struct merge *m;

/* What came out. */
static struct {
	int32_t id;
	int64_t offset;
	uint64_t us;
} out[MAX_OUT];
static size_t n_out;

static void open_merge(bool live, uint64_t window_ns, size_t memory, int32_t lanes)
{
	const struct merge_options opt = {.live = live, .window_ns = window_ns, .memory = memory};

	assert_int_equal(merge_new(&m, &opt), 0);
	for (int32_t i = 0; i < lanes; i++)
		assert_int_equal(merge_open(m, i), 0);
	n_out = 0;
}

static int close_merge(void **state)
{
	merge_free(m);
	m = NULL;
	return 0;
}

static void push(int32_t id, uint64_t us, int64_t offset)
{
	static const uint8_t data[64];
	const struct packet pkt = {.data = data,
				   .caplen = sizeof(data),
				   .wirelen = sizeof(data),
				   .time_us = us};

	assert_int_equal(merge_push(m, id, &pkt, offset), 0);
}

/* Takes what is ready. */
static void take(void)
{
	const struct lane_packet *p;
	int32_t id;

	while ((p = merge_first(m, &id))) {
		assert_true(n_out < MAX_OUT);
		out[n_out].id = id;
		out[n_out].offset = p->offset;
		out[n_out++].us = p->pkt.time_us;
		merge_pop(m);
	}
}

static void end(int32_t lanes)
{
	for (int32_t i = 0; i < lanes; i++)
		merge_end(m, i);
	take();
	assert_int_equal(merge_count(m), 0);
}

static void assert_times(const uint64_t *us, size_t n)
{
	assert_int_equal(n_out, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(out[i].us, us[i]);
}

static void test_a_lane_that_may_bring_an_earlier_one_is_waited_for(void **state)
{
	open_merge(false, 0, ENOUGH, 2);
	push(0, 10, 0);
	push(0, 20, 1);
	take();
	assert_int_equal(n_out, 0);
	push(1, 15, 0);
	take();
	assert_times((uint64_t[]){10, 15}, 2);
	merge_end(m, 1);
	take();
	assert_times((uint64_t[]){10, 15, 20}, 3);
	end(2);
}

static void test_equal_times_keep_partition_and_offset_order(void **state)
{
	open_merge(false, 100 * MS, ENOUGH, 3);
	for (int32_t id = 2; id >= 0; id--) {
		push(id, 7, 0);
		push(id, 9, 1);
		push(id, 7, 2); /* behind a later one: another run */
		push(id, 7, 3);
		push(id, 9, 4);
	}
	end(3);
	assert_int_equal(n_out, 15);
	for (size_t i = 1; i < n_out; i++) {
		assert_true(out[i].us >= out[i - 1].us);
		if (out[i].us == out[i - 1].us)
			assert_true(
				out[i].id > out[i - 1].id ||
				(out[i].id == out[i - 1].id && out[i].offset > out[i - 1].offset));
	}
}

static void test_disorder_within_the_window_is_mended(void **state)
{
	open_merge(false, 3 * MS, ENOUGH, 1);
	push(0, 1000, 0);
	push(0, 4000, 1);
	push(0, 1500, 2); /* 2.5 ms late */
	take();
	assert_times((uint64_t[]){1000}, 1); /* something is 3 ms younger */
	end(1);
	assert_times((uint64_t[]){1000, 1500, 4000}, 3);
}

static void test_what_is_later_than_the_window_goes_on_at_once(void **state)
{
	open_merge(false, 3 * MS, ENOUGH, 1);
	push(0, 1000, 0);
	push(0, 5000, 1);
	push(0, 500, 2);
	push(0, 9000, 3);
	take();
	assert_times((uint64_t[]){1000, 500, 5000}, 3);
	end(1);
	assert_times((uint64_t[]){1000, 500, 5000, 9000}, 4);
}

/* A clock that is a day ahead for one packet sends on what is here, and nothing that comes. */
static void test_one_wrong_clock_does_not_end_the_order(void **state)
{
	const uint64_t day = UINT64_C(86400000000);

	open_merge(false, 10 * MS, ENOUGH, 1);
	push(0, 1000, 0);
	push(0, day, 1);
	for (int64_t i = 0; i < 100; i++)
		push(0, (uint64_t)(2000 + i * 500 + (i % 2 ? 0 : 3000)), 2 + i);
	end(1);
	assert_int_equal(n_out, 102);
	for (size_t i = 1; i < n_out; i++)
		assert_true(out[i].us >= out[i - 1].us);
	assert_int_equal(out[101].us, day);
}

/* The order depends on what is in the partitions, not on when it comes. */
static void feed(const uint64_t *us, size_t n, size_t at_once)
{
	size_t next[2] = {0, 0};

	open_merge(false, 5 * MS, 20000, 2); /* little memory, too */
	while (next[0] < n || next[1] < n) {
		for (int32_t id = 0; id < 2; id++) {
			size_t k = id ? at_once : 1;

			for (; k && next[id] < n; k--, next[id]++)
				push(id, us[2 * next[id] + (size_t)id], (int64_t)next[id]);
			if (next[id] == n)
				merge_end(m, id);
		}
		take();
	}
	end(2);
}

static void test_two_reads_give_the_same(void **state)
{
	enum { N = 2000 };
	static uint64_t us[2 * N];
	static int64_t first[2 * N];

	srand(1);
	for (size_t i = 0; i < 2 * N; i++)
		us[i] = i * 100 + (uint64_t)(rand() % 10000);
	for (size_t at_once = 1; at_once < 200; at_once += 60) {
		feed(us, N, at_once);
		assert_int_equal(n_out, 2 * N);
		for (size_t i = 0; i < n_out; i++) {
			int64_t what = out[i].offset * 2 + out[i].id;

			if (at_once == 1)
				first[i] = what;
			assert_int_equal(first[i], what);
		}
		close_merge(NULL);
	}
}

static void test_memory_is_bounded_and_what_is_first_goes_on(void **state)
{
	const size_t memory = 256 * 1024, each = sizeof(struct lane_packet) + 64;
	int64_t n = 0;

	open_merge(false, NO_END, memory, 2);
	while (merge_wants(m, 0))
		push(0, (uint64_t)(1000 + n), n), n++;
	assert_true(n > 100);
	assert_true((size_t)n * each <= memory / 2 + each);
	/* The other is ahead: it is not given, and not asked for more than its share. */
	take();
	assert_int_equal(n_out, 0);
	for (n = 0; merge_wants(m, 1); n++)
		push(1, (uint64_t)(5000000 + n), n);
	assert_true((size_t)n * each <= memory / 2 + each);
	take();
	assert_true(n_out > 0);
	assert_int_equal(out[0].us, 1000);
	assert_int_equal(out[n_out - 1].id, 0);
	assert_true(merge_wants(m, 0));
	assert_false(merge_wants(m, 1));
	end(2);
}

static void test_200_partitions(void **state)
{
	open_merge(false, 10 * MS, ENOUGH, 200);
	for (int64_t i = 0; i < 500; i++)
		for (int32_t id = 0; id < 200; id++)
			push(id, (uint64_t)(i * 1000 + (id * 7919) % 1000), i);
	end(200);
	assert_int_equal(n_out, 100000);
	for (size_t i = 1; i < n_out; i++)
		assert_true(out[i].us >= out[i - 1].us);
}

static void test_live_gives_what_was_released(void **state)
{
	open_merge(true, 0, ENOUGH, 0);
	push(3, 30, 0);
	push(1, 10, 0);
	push(1, 40, 1);
	take();
	assert_int_equal(n_out, 0);
	merge_release(m, 30 * 1000);
	take();
	assert_times((uint64_t[]){10, 30}, 2);
	push(3, 20, 1); /* too late */
	merge_release(m, 35 * 1000);
	take();
	assert_times((uint64_t[]){10, 30, 20}, 3);
	merge_release(m, NO_END);
	take();
	assert_times((uint64_t[]){10, 30, 20, 40}, 4);
}

static void test_the_lowest_offset_that_waits_is_known(void **state)
{
	int64_t offset;

	open_merge(true, 0, ENOUGH, 0);
	assert_false(merge_first_offset(m, 0, &offset));
	push(0, 50, 7);
	push(0, 10, 8);
	push(0, 60, 9);
	assert_true(merge_first_offset(m, 0, &offset));
	assert_int_equal(offset, 7);
	merge_release(m, 10 * 1000);
	take();
	assert_true(merge_first_offset(m, 0, &offset));
	assert_int_equal(offset, 7); /* 8 went on before it */
	merge_release(m, 50 * 1000);
	take();
	assert_true(merge_first_offset(m, 0, &offset));
	assert_int_equal(offset, 9);
	merge_drop(m, 0);
	assert_false(merge_first_offset(m, 0, &offset));
	assert_int_equal(merge_count(m), 0);
}

static void test_a_copy_has_all_that_the_packet_had(void **state)
{
	uint8_t data[] = "some bytes";
	char host[] = "sensor", interface[] = "eth0";
	struct packet pkt = {.data = data,
			     .caplen = sizeof(data),
			     .wirelen = 99,
			     .time_us = 5,
			     .nanos = 6,
			     .linktype = 113,
			     .host = host,
			     .host_len = 6,
			     .interface = interface,
			     .interface_len = 4,
			     .dropcount = 3};
	const struct lane_packet *p;
	int32_t id;

	open_merge(false, 0, ENOUGH, 1);
	assert_int_equal(merge_push(m, 0, &pkt, 0), 0);
	memset(data, 0, sizeof(data));
	memset(host, 0, sizeof(host));
	memset(interface, 0, sizeof(interface));
	merge_end(m, 0);
	p = merge_first(m, &id);
	assert_int_equal(p->at, 5006);
	assert_memory_equal(p->pkt.data, "some bytes", sizeof(data));
	assert_memory_equal(p->pkt.host, "sensor", 6);
	assert_memory_equal(p->pkt.interface, "eth0", 4);
	assert_int_equal(p->pkt.wirelen, 99);
	assert_int_equal(p->pkt.linktype, 113);
	assert_int_equal(p->pkt.dropcount, 3);
}

static void test_packets_larger_than_a_chunk(void **state)
{
	static uint8_t data[PACKET_MAX_LEN];
	struct packet pkt = {.data = data, .wirelen = sizeof(data)};

	open_merge(false, 0, ENOUGH, 1);
	for (uint64_t i = 0; i < 20; i++) {
		pkt.caplen = i % 2 ? sizeof(data) : 0;
		pkt.time_us = i;
		assert_int_equal(merge_push(m, 0, &pkt, (int64_t)i), 0);
	}
	end(1);
	assert_int_equal(n_out, 20);
	assert_false(merge_is_full(m));
}

#define TEST(f) cmocka_unit_test_teardown(f, close_merge)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_lane_that_may_bring_an_earlier_one_is_waited_for),
		TEST(test_equal_times_keep_partition_and_offset_order),
		TEST(test_disorder_within_the_window_is_mended),
		TEST(test_what_is_later_than_the_window_goes_on_at_once),
		TEST(test_one_wrong_clock_does_not_end_the_order),
		TEST(test_two_reads_give_the_same),
		TEST(test_memory_is_bounded_and_what_is_first_goes_on),
		TEST(test_200_partitions),
		TEST(test_live_gives_what_was_released),
		TEST(test_the_lowest_offset_that_waits_is_known),
		TEST(test_a_copy_has_all_that_the_packet_had),
		TEST(test_packets_larger_than_a_chunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

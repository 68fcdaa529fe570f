/* SPDX-License-Identifier: Apache-2.0 */
/* How far a consumer is behind, with the watermarks and statistics that a test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "consumer/lag.h"

#define MOST 3

static struct {
	int64_t high[MOST]; /* -1: none was fetched yet; -2: librdkafka has no such partition */
	int asked;
} world;

/* In place of librdkafka's. */
rd_kafka_resp_err_t rd_kafka_get_watermark_offsets(rd_kafka_t *rk, const char *topic,
						   int32_t partition, int64_t *low, int64_t *high)
{
	assert_string_equal(topic, "pcap");
	assert_in_range(partition, 0, MOST - 1);
	world.asked++;
	*low = 0;
	*high = world.high[partition];
	return *high == -2 ? RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION : RD_KAFKA_RESP_ERR_NO_ERROR;
}

static struct partition at(int64_t next)
{
	return (struct partition){.assigned = true, .next = next};
}

static int64_t lag(struct partition *all, int32_t n, struct kafkastats_partition *told,
		   int32_t n_told)
{
	const struct partitions ps = {.all = all, .n = n};
	const struct kafkastats stats = {.partitions = told, .n = n_told};

	return lag_of(&ps, NULL, "pcap", &stats);
}

/* All that can be known of one partition, and what follows. */
static void test_each_state(void **state)
{
	static const struct {
		int64_t next, high;
		bool told;
		struct kafkastats_partition stats;
		int64_t lag;
	} cases[] = {
		/* Something was taken: the watermark tells. */
		{10, 15, false, {0, 0, 0}, 5},
		{10, 10, false, {0, 0, 0}, 0},
		{10, 9, false, {0, 0, 0}, 0}, /* older than what was taken since */
		{0, 15, false, {0, 0, 0}, 15},
		{0, 0, false, {0, 0, 0}, 0},     /* there is nothing */
		{10, 15, true, {12, -1, 99}, 5}, /* statistics are older */
		{10, 15, true, {-1, -1, -1}, 5},
		/* A transaction is open: a reader gets what is before it. */
		{10, 15, true, {15, 12, 99}, 2},
		{10, 15, true, {15, 10, 99}, 0},
		{10, 15, true, {15, 0, 99}, 0},
		{10, 20, true, {15, 15, 99}, 10}, /* none was, and it has grown since */
		/* No watermark. */
		{10, -1, false, {0, 0, 0}, -1},
		{10, -1, true, {15, 15, 99}, -1},
		{10, -2, true, {15, 15, 99}, -1},
		/* Nothing was taken: only the group's place tells. */
		{-1, 15, false, {0, 0, 0}, -1},
		{-1, 15, true, {15, 15, 7}, 7},
		{-1, -1, true, {15, 15, 0}, 0},
		{-1, 15, true, {15, 15, -1}, -1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct partition p = at(cases[i].next);
		struct kafkastats_partition told = cases[i].stats;
		int64_t n;

		world.high[0] = cases[i].high;
		n = lag(&p, 1, &told, cases[i].told);
		if (n != cases[i].lag)
			fail_msg("case %zu: %lld", i, (long long)n);
	}
}

/* Of those that are ours and known, and of no other. */
static void test_what_is_known_is_added_up(void **state)
{
	struct partition all[MOST] = {at(10), at(20), at(30)};

	memcpy(world.high, (const int64_t[]){11, 22, 33}, sizeof(world.high));
	assert_int_equal(lag(all, 3, NULL, 0), 6);
	all[1].assigned = false;
	world.asked = 0;
	assert_int_equal(lag(all, 3, NULL, 0), 4);
	assert_int_equal(world.asked, 2);
	world.high[0] = -2;
	assert_int_equal(lag(all, 3, NULL, 0), 3);
	world.high[2] = 30;
	assert_int_equal(lag(all, 3, NULL, 0), 0);
	world.high[2] = -1;
	assert_int_equal(lag(all, 3, NULL, 0), -1);
	all[0].assigned = all[2].assigned = false;
	assert_int_equal(lag(all, 3, NULL, 0), -1);
	assert_int_equal(lag(NULL, 0, NULL, 0), -1);
}

static bool is_none(struct partition *all, int32_t n)
{
	const struct partitions ps = {.all = all, .n = n};
	const struct kafkastats stats = {.n = 0};

	return lag_is_none(&ps, NULL, "pcap", &stats);
}

/* Only what is known of all that are ours. */
static void test_the_end_of_all(void **state)
{
	struct partition all[MOST] = {at(10), at(0), at(30)};

	memcpy(world.high, (const int64_t[]){10, 0, -1}, sizeof(world.high));
	assert_false(is_none(all, 3));
	assert_true(is_none(all, 2));
	all[2].assigned = false;
	assert_true(is_none(all, 3));
	world.high[1] = 1;
	assert_false(is_none(all, 3));
	assert_false(is_none(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_state),
		cmocka_unit_test(test_what_is_known_is_added_up),
		cmocka_unit_test(test_the_end_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

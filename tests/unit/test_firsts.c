/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "producer/firsts.h"

#define FOUR 4           /* partitions */
#define IN_0 0x10000000U /* hashes by their partition of four */
#define IN_3 0xf0000000U

static struct firsts f;

static int begin(void **state)
{
	firsts_reset(&f);
	return 0;
}

static void the_range_of_a_hash_is_spread(void **state)
{
	assert_int_equal(firsts_partition(0, FOUR), 0);
	assert_int_equal(firsts_partition(0x3fffffff, FOUR), 0);
	assert_int_equal(firsts_partition(0x40000000, FOUR), 1);
	assert_int_equal(firsts_partition(UINT32_MAX, FOUR), 3);
	assert_int_equal(firsts_partition(UINT32_MAX, INT32_MAX), INT32_MAX - 1);
}

static void nothing_is_known_before_the_partitions_are(void **state)
{
	assert_int_equal(firsts_check(&f, IN_0, false), FIRSTS_UNKNOWN);
	assert_int_equal(firsts_check(&f, IN_3, true), FIRSTS_UNKNOWN);
}

static void a_risky_packet_waits_for_what_is_before_it(void **state)
{
	firsts_sent(&f, 3, FOUR, false);
	assert_int_equal(firsts_check(&f, IN_3, true), FIRSTS_WAIT);
	assert_int_equal(firsts_check(&f, IN_3, false), FIRSTS_GO);
	assert_int_equal(firsts_check(&f, IN_0, true), FIRSTS_GO);
}

static void all_wait_for_a_risky_packet(void **state)
{
	firsts_sent(&f, 3, FOUR, true);
	firsts_sent(&f, 3, FOUR, false); /* makes it no safer */
	assert_int_equal(firsts_check(&f, IN_3, true), FIRSTS_WAIT);
	assert_int_equal(firsts_check(&f, IN_3, false), FIRSTS_WAIT);
	assert_int_equal(firsts_check(&f, IN_0, false), FIRSTS_GO);
}

static void a_partition_that_has_taken_something_takes_all(void **state)
{
	firsts_sent(&f, 3, FOUR, true);
	firsts_taken(&f, 3);
	assert_int_equal(firsts_check(&f, IN_3, true), FIRSTS_GO);
	firsts_sent(&f, 3, FOUR, true);
	assert_int_equal(firsts_check(&f, IN_3, false), FIRSTS_GO);
	firsts_sent(&f, 0, FOUR, true);
	assert_int_equal(firsts_check(&f, IN_0, false), FIRSTS_WAIT);
}

static void new_partitions_have_taken_nothing(void **state)
{
	firsts_sent(&f, 0, 1, true);
	firsts_taken(&f, 0);
	assert_int_equal(firsts_check(&f, IN_3, true), FIRSTS_GO);
	firsts_sent(&f, 3, FOUR, true);
	assert_int_equal(firsts_check(&f, IN_3, true), FIRSTS_WAIT);
	assert_int_equal(firsts_check(&f, IN_0, true), FIRSTS_GO);
}

static void more_partitions_than_places_share_them(void **state)
{
	firsts_sent(&f, FIRSTS_MAX, FIRSTS_MAX + 1, true);
	assert_int_equal(firsts_check(&f, UINT32_MAX, false), FIRSTS_WAIT);
	assert_int_equal(firsts_check(&f, 0, false), FIRSTS_WAIT);
	firsts_taken(&f, 0);
	assert_int_equal(firsts_check(&f, UINT32_MAX, false), FIRSTS_GO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_range_of_a_hash_is_spread, begin),
		cmocka_unit_test_setup(nothing_is_known_before_the_partitions_are, begin),
		cmocka_unit_test_setup(a_risky_packet_waits_for_what_is_before_it, begin),
		cmocka_unit_test_setup(all_wait_for_a_risky_packet, begin),
		cmocka_unit_test_setup(a_partition_that_has_taken_something_takes_all, begin),
		cmocka_unit_test_setup(new_partitions_have_taken_nothing, begin),
		cmocka_unit_test_setup(more_partitions_than_places_share_them, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producer/first_batch.h"

#define FOUR 4           /* partitions */
#define IN_0 0x10000000U /* hashes by their partition of four */
#define IN_3 0xf0000000U

static struct first_batch f;

static int begin(void **state)
{
	memset(&f, 0, sizeof(f));
	return 0;
}

static void the_range_of_a_hash_is_spread(void **state)
{
	assert_int_equal(first_batch_partition(0, FOUR), 0);
	assert_int_equal(first_batch_partition(0x3fffffff, FOUR), 0);
	assert_int_equal(first_batch_partition(0x40000000, FOUR), 1);
	assert_int_equal(first_batch_partition(UINT32_MAX, FOUR), 3);
	assert_int_equal(first_batch_partition(UINT32_MAX, INT32_MAX), INT32_MAX - 1);
}

static void nothing_is_known_before_the_partitions_are(void **state)
{
	assert_int_equal(first_batch_check(&f, IN_0, false), FIRST_BATCH_UNKNOWN);
	assert_int_equal(first_batch_check(&f, IN_3, true), FIRST_BATCH_UNKNOWN);
}

static void a_risky_packet_waits_for_what_is_before_it(void **state)
{
	first_batch_sent(&f, 3, FOUR, false);
	assert_int_equal(first_batch_check(&f, IN_3, true), FIRST_BATCH_WAIT);
	assert_int_equal(first_batch_check(&f, IN_3, false), FIRST_BATCH_GO);
	assert_int_equal(first_batch_check(&f, IN_0, true), FIRST_BATCH_GO);
}

static void all_wait_for_a_risky_packet(void **state)
{
	first_batch_sent(&f, 3, FOUR, true);
	first_batch_sent(&f, 3, FOUR, false); /* makes it no safer */
	assert_int_equal(first_batch_check(&f, IN_3, true), FIRST_BATCH_WAIT);
	assert_int_equal(first_batch_check(&f, IN_3, false), FIRST_BATCH_WAIT);
	assert_int_equal(first_batch_check(&f, IN_0, false), FIRST_BATCH_GO);
}

static void a_partition_that_has_taken_something_takes_all(void **state)
{
	first_batch_sent(&f, 3, FOUR, true);
	first_batch_taken(&f, 3);
	assert_int_equal(first_batch_check(&f, IN_3, true), FIRST_BATCH_GO);
	first_batch_sent(&f, 3, FOUR, true);
	assert_int_equal(first_batch_check(&f, IN_3, false), FIRST_BATCH_GO);
	first_batch_sent(&f, 0, FOUR, true);
	assert_int_equal(first_batch_check(&f, IN_0, false), FIRST_BATCH_WAIT);
}

static void new_partitions_have_taken_nothing(void **state)
{
	first_batch_sent(&f, 0, 1, true);
	first_batch_taken(&f, 0);
	assert_int_equal(first_batch_check(&f, IN_3, true), FIRST_BATCH_GO);
	first_batch_sent(&f, 3, FOUR, true);
	assert_int_equal(first_batch_check(&f, IN_3, true), FIRST_BATCH_WAIT);
	assert_int_equal(first_batch_check(&f, IN_0, true), FIRST_BATCH_GO);
}

static void more_partitions_than_places_share_them(void **state)
{
	first_batch_sent(&f, FIRST_BATCH_MAX, FIRST_BATCH_MAX + 1, true);
	assert_int_equal(first_batch_check(&f, UINT32_MAX, false), FIRST_BATCH_WAIT);
	assert_int_equal(first_batch_check(&f, 0, false), FIRST_BATCH_WAIT);
	first_batch_taken(&f, 0);
	assert_int_equal(first_batch_check(&f, UINT32_MAX, false), FIRST_BATCH_GO);
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

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "spool/spool_marks.h"

#define SECOND UINT64_C(1000000)

/* 100 packets a second from `from` on, of which those below `below` are delivered. */
static void note(struct spool_marks *m, uint64_t from, uint64_t to, uint64_t below)
{
	for (uint64_t n = from; n < to; n++)
		spool_marks_note(m, n, n * SECOND / 100, below);
}

static void test_a_packet_is_found_to_a_second(void **state)
{
	struct spool_marks m = {0};

	note(&m, 1000, 4000, 0);
	assert_int_equal(m.n, 30);
	assert_int_equal(spool_marks_find(&m, 1000), 10 * SECOND);
	assert_int_equal(spool_marks_find(&m, 2599), 25 * SECOND);
	assert_int_equal(spool_marks_find(&m, 3999), 39 * SECOND);
	assert_int_equal(spool_marks_find(&m, 999), 0);
}

static void test_many_are_found_less_exactly(void **state)
{
	struct spool_marks m = {0};
	uint64_t found;

	note(&m, 0, 360000, 0); /* an hour */
	assert_true(m.n <= SPOOL_MARKS_MAX && m.n > SPOOL_MARKS_MAX / 2 - 1);
	for (uint64_t n = 100; n < 360000; n += 12345) {
		found = spool_marks_find(&m, n);
		assert_true(found <= n * SECOND / 100 && n * SECOND / 100 - found <= m.step_us);
	}
	assert_true(m.step_us <= 128 * SECOND);
}

static void test_what_is_delivered_needs_none(void **state)
{
	struct spool_marks m = {0};

	note(&m, 0, 3000, 0);
	note(&m, 3000, 3101, 2950);
	assert_int_equal(m.n, 3); /* 29, 30 and 31 s */
	assert_int_equal(spool_marks_find(&m, 2950), 29 * SECOND);
}

/* However little time has passed since the last mark. */
static void test_the_first_after_all_is_delivered_is_exact(void **state)
{
	struct spool_marks m = {0};

	note(&m, 0, 360000, 0);
	spool_marks_note(&m, 360000, 3600 * SECOND + 7, 360000);
	assert_int_equal(spool_marks_find(&m, 360000), 3600 * SECOND + 7);
	assert_int_equal(m.n, 1);
	note(&m, 360100, 360400, 360000);
	assert_int_equal(spool_marks_find(&m, 360250), 3602 * SECOND + 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_packet_is_found_to_a_second),
		cmocka_unit_test(test_many_are_found_less_exactly),
		cmocka_unit_test(test_what_is_delivered_needs_none),
		cmocka_unit_test(test_the_first_after_all_is_delivered_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/settled.h"

static int setup(void **state)
{
	return settled_new((struct settled **)state);
}

static int teardown(void **state)
{
	settled_free(*state);
	return 0;
}

static void in_order(void **state)
{
	struct settled *s = *state;

	assert_int_equal(settled_below(s), 0);
	for (uint64_t i = 0; i < 200000; i++) { /* several times around */
		settled_mark(s, i);
		assert_int_equal(settled_below(s), i + 1);
	}
}

static void a_gap_holds_all_up(void **state)
{
	struct settled *s = *state;

	for (uint64_t i = 1; i < 100; i++)
		settled_mark(s, i);
	assert_int_equal(settled_below(s), 0);
	assert_true(settled_has(s, 99));
	assert_false(settled_has(s, 0));
	assert_false(settled_has(s, 100));
	assert_false(settled_has(s, 65536 + 99)); /* the same place in the ring */
	settled_mark(s, 101);
	settled_mark(s, 0);
	assert_int_equal(settled_below(s), 100);
	settled_mark(s, 100);
	assert_int_equal(settled_below(s), 102);
}

/* A permutation of each stretch of 65543 numbers: the first comes last, and holds all up. */
static void any_order(void **state)
{
	struct settled *s = *state;
	const uint64_t n = 65543, step = 12345; /* no common divisor: n is prime */

	for (uint64_t base = 0; base < 5 * n; base += n) {
		for (uint64_t i = 0; i < n; i++) {
			assert_int_equal(settled_below(s), base);
			settled_mark(s, base + (i + 1) * step % n);
		}
		assert_int_equal(settled_below(s), base + n);
	}
}

/* More in flight than there is room for at first; what is settled is kept as it grows. */
static void grows(void **state)
{
	struct settled *s = *state;

	for (uint64_t i = 0; i < 1000; i++)
		settled_mark(s, i);
	for (uint64_t i = 2000; i < 700000; i += 2)
		settled_mark(s, i);
	assert_int_equal(settled_below(s), 1000);
	for (uint64_t i = 1000; i < 2000; i++)
		settled_mark(s, i);
	assert_int_equal(settled_below(s), 2001);
	for (uint64_t i = 2001; i < 700000; i += 2)
		settled_mark(s, i);
	assert_int_equal(settled_below(s), 700000);
}

static void what_is_below_changes_nothing(void **state)
{
	struct settled *s = *state;

	settled_mark(s, 0);
	settled_mark(s, 1);
	settled_mark(s, 0);
	assert_int_equal(settled_below(s), 2);
	settled_mark(s, 65536); /* the place of number 0 in the ring */
	assert_int_equal(settled_below(s), 2);
}

#define SETTLED_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SETTLED_TEST(in_order),
		SETTLED_TEST(a_gap_holds_all_up),
		SETTLED_TEST(any_order),
		SETTLED_TEST(grows),
		SETTLED_TEST(what_is_below_changes_nothing),
	};

	return cmocka_run_group_tests_name("settled", tests, NULL, NULL);
}

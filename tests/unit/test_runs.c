/* SPDX-License-Identifier: Apache-2.0 */
/* Which packets of the producer are in the spool, and under which numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/runs.h"

static void add(struct runs *r, uint64_t seq, uint64_t number, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		assert_int_equal(runs_reserve(r), 0);
		runs_add(r, seq + i, number + i);
	}
}

static void what_follows_is_one_run(void **state)
{
	struct runs r = {0};

	add(&r, 100, 0, 1000);
	assert_int_equal(r.n, 1);
	add(&r, 1200, 1000, 10); /* others went straight between */
	add(&r, 1210, 1020, 10); /* some of the spool's are lost */
	assert_int_equal(r.n, 3);
	assert_false(runs_have(&r, 99));
	assert_true(runs_have(&r, 100));
	assert_true(runs_have(&r, 1099));
	assert_false(runs_have(&r, 1100));
	assert_true(runs_have(&r, 1219));
	assert_false(runs_have(&r, 1220));
	runs_clear(&r);
}

static void what_is_settled_is_forgotten(void **state)
{
	struct runs r = {0};

	assert_int_equal(runs_settle(&r, 5), 0);
	for (uint64_t i = 0; i < 100; i++)
		add(&r, i * 100, i * 10, 10);
	assert_int_equal(r.n, 100);
	assert_int_equal(runs_settle(&r, 0), 0);
	assert_int_equal(runs_settle(&r, 4), 4); /* in part */
	assert_int_equal(r.n, 100);
	assert_int_equal(runs_settle(&r, 50), 10); /* up to others, that are not here */
	assert_int_equal(r.n, 99);
	assert_int_equal(runs_settle(&r, 9805), 985);
	assert_int_equal(r.n, 2);
	assert_true(runs_have(&r, 9809));
	assert_int_equal(runs_settle(&r, UINT64_MAX), 1000);
	assert_int_equal(r.n, 0);
	add(&r, 20000, 1000, 1);
	assert_true(runs_have(&r, 20000));
	runs_clear(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_follows_is_one_run),
		cmocka_unit_test(what_is_settled_is_forgotten),
	};

	return cmocka_run_group_tests_name("runs", tests, NULL, NULL);
}

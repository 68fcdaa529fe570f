/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kafka/hung_broker.h"

static void test_a_broker_that_owes_nothing_does_not_hang(void **state)
{
	struct hung_broker *b = hung_broker_new();

	assert_int_equal(hung_broker_next(b, 60000), -1);
	hung_broker_sent(b, 1, 1000);
	hung_broker_ended(b, 1, 1010);
	assert_int_equal(hung_broker_next(b, 60000), -1);
	hung_broker_free(b);
}

static void test_it_hangs_after_two_seconds_and_is_told_once(void **state)
{
	struct hung_broker *b = hung_broker_new();

	hung_broker_sent(b, 0, 1000);
	hung_broker_sent(b, 0, 2500);
	assert_int_equal(hung_broker_next(b, 2999), -1);
	assert_int_equal(hung_broker_next(b, 3000), 0);
	assert_int_equal(hung_broker_next(b, 3000), -1);
	assert_int_equal(hung_broker_next(b, 60000), -1);
	hung_broker_free(b);
}

static void test_an_answer_begins_it_anew(void **state)
{
	struct hung_broker *b = hung_broker_new();

	hung_broker_sent(b, 1, 1000);
	hung_broker_sent(b, 1, 1000);
	hung_broker_ended(b, 1, 2000);
	assert_int_equal(hung_broker_next(b, 3500), -1);
	assert_int_equal(hung_broker_next(b, 4000), 1);
	/* It is back, and hangs once more. */
	hung_broker_ended(b, 1, 9000);
	assert_int_equal(hung_broker_next(b, 60000), -1);
	hung_broker_sent(b, 1, 70000);
	assert_int_equal(hung_broker_next(b, 71000), -1);
	assert_int_equal(hung_broker_next(b, 72000), 1);
	hung_broker_free(b);
}

static void test_brokers_hang_by_themselves(void **state)
{
	struct hung_broker *b = hung_broker_new();

	hung_broker_sent(b, 3, 1000);
	hung_broker_sent(b, 1, 1000);
	hung_broker_sent(b, 2, 1000);
	hung_broker_ended(b, 1, 1200);
	assert_int_equal(hung_broker_next(b, 5000), 3);
	assert_int_equal(hung_broker_next(b, 5000), 2);
	assert_int_equal(hung_broker_next(b, 5000), -1);
	hung_broker_free(b);
}

static void test_a_lost_connection_ends_more_than_was_sent(void **state)
{
	struct hung_broker *b = hung_broker_new();

	hung_broker_sent(b, 1, 1000);
	for (int i = 0; i < 3; i++)
		hung_broker_ended(b, 1, 2000);
	assert_int_equal(hung_broker_next(b, 60000), -1);
	hung_broker_sent(b, 1, 61000);
	assert_int_equal(hung_broker_next(b, 64000), 1);
	hung_broker_free(b);
}

static void test_more_brokers_than_rows(void **state)
{
	struct hung_broker *b = hung_broker_new();
	int told = 0;

	for (int32_t id = 0; id < 1000; id++)
		hung_broker_sent(b, id, 1000);
	while (hung_broker_next(b, 5000) >= 0)
		told++;
	assert_int_equal(told, 64);
	hung_broker_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_broker_that_owes_nothing_does_not_hang),
		cmocka_unit_test(test_it_hangs_after_two_seconds_and_is_told_once),
		cmocka_unit_test(test_an_answer_begins_it_anew),
		cmocka_unit_test(test_brokers_hang_by_themselves),
		cmocka_unit_test(test_a_lost_connection_ends_more_than_was_sent),
		cmocka_unit_test(test_more_brokers_than_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

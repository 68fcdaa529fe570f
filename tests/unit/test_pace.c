/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kafka/pace.h"

static bool may(struct pace *p, uint16_t port, uint64_t now_ms)
{
	const struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};

	return pace_may_connect(p, (const struct sockaddr *)&addr, sizeof(addr), now_ms);
}

/* Connects as librdkafka would, twice a second, and returns how often it was let through. */
static int tries(struct pace *p, uint64_t from_ms, uint64_t to_ms)
{
	int n = 0;

	for (uint64_t t = from_ms; t < to_ms; t += 500)
		n += may(p, 1, t);
	return n;
}

static void test_an_outage_is_not_paced(void **state)
{
	struct pace *p;

	assert_int_equal(pace_new(&p), 0);
	assert_int_equal(tries(p, 0, 60000), 120);
	pace_unref(p);
}

static void test_refusals_are_paced(void **state)
{
	struct pace *p;

	assert_int_equal(pace_new(&p), 0);
	assert_true(may(p, 1, 0));
	pace_refused(p, 100);
	assert_false(may(p, 1, 500));
	assert_true(may(p, 1, 1000));
	assert_false(may(p, 1, 2500));
	assert_true(may(p, 1, 3000));
	/* At 7, 15 and 31 s; then half a minute is the most. */
	assert_int_equal(tries(p, 3500, 60000), 3);
	pace_unref(p);
}

static void test_the_longest_wait_is_half_a_minute(void **state)
{
	struct pace *p;
	int n = 0;

	assert_int_equal(pace_new(&p), 0);
	for (uint64_t t = 0; t < 600000; t += 500) {
		pace_refused(p, t);
		n += may(p, 1, t);
	}
	assert_in_range(n, 20, 25);
	pace_unref(p);
}

static void test_addresses_wait_each_for_itself(void **state)
{
	struct pace *p;

	assert_int_equal(pace_new(&p), 0);
	pace_refused(p, 0);
	assert_true(may(p, 1, 0));
	assert_true(may(p, 2, 1));
	assert_false(may(p, 1, 2));
	assert_false(may(p, 2, 3));
	pace_unref(p);
}

/* Many enough that whatever places they hash to, some of them meet in one. */
static void test_no_address_puts_out_another(void **state)
{
	const uint16_t n = 200;
	struct pace *p;
	int again = 0;

	assert_int_equal(pace_new(&p), 0);
	pace_refused(p, 0);
	for (uint16_t port = 1; port <= n; port++)
		may(p, port, 0);
	for (int round = 0; round < 3; round++)
		for (uint16_t port = 1; port <= n; port++)
			again += may(p, port, 1);
	assert_int_equal(again, 0);
	pace_unref(p);
}

static void test_success_and_time_end_it(void **state)
{
	struct pace *p;

	assert_int_equal(pace_new(&p), 0);
	pace_refused(p, 0);
	assert_true(may(p, 1, 0));
	assert_false(may(p, 1, 500));
	pace_accepted(p);
	assert_true(may(p, 1, 600));
	pace_refused(p, 1000);
	assert_true(may(p, 1, 62000));
	assert_true(may(p, 1, 62500));
	pace_unref(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_outage_is_not_paced),
		cmocka_unit_test(test_refusals_are_paced),
		cmocka_unit_test(test_the_longest_wait_is_half_a_minute),
		cmocka_unit_test(test_addresses_wait_each_for_itself),
		cmocka_unit_test(test_no_address_puts_out_another),
		cmocka_unit_test(test_success_and_time_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

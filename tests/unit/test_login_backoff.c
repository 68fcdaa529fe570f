/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kafka/login_backoff.h"

static bool may(struct login_backoff *p, uint16_t port, uint64_t now_ms)
{
	const struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};

	return login_backoff_may_connect(p, (const struct sockaddr *)&addr, sizeof(addr), now_ms);
}

/* Connects as librdkafka would, twice a second, and returns how often it was let through. */
static int tries(struct login_backoff *p, uint64_t from_ms, uint64_t to_ms)
{
	int n = 0;

	for (uint64_t t = from_ms; t < to_ms; t += 500)
		n += may(p, 1, t);
	return n;
}

static void test_an_outage_is_not_paced(void **state)
{
	struct login_backoff *p;

	assert_int_equal(login_backoff_new(&p), 0);
	assert_int_equal(tries(p, 0, 60000), 120);
	login_backoff_unref(p);
}

static void test_refusals_are_paced(void **state)
{
	struct login_backoff *p;

	assert_int_equal(login_backoff_new(&p), 0);
	assert_true(may(p, 1, 0));
	login_backoff_refused(p, 100);
	assert_false(may(p, 1, 500));
	assert_true(may(p, 1, 1000));
	assert_false(may(p, 1, 2500));
	assert_true(may(p, 1, 3000));
	/* At 7, 15 and 31 s; then half a minute is the most. */
	assert_int_equal(tries(p, 3500, 60000), 3);
	login_backoff_unref(p);
}

static void test_the_longest_wait_is_half_a_minute(void **state)
{
	struct login_backoff *p;
	int n = 0;

	assert_int_equal(login_backoff_new(&p), 0);
	for (uint64_t t = 0; t < 600000; t += 500) {
		login_backoff_refused(p, t);
		n += may(p, 1, t);
	}
	assert_in_range(n, 20, 25);
	login_backoff_unref(p);
}

static void test_addresses_wait_each_for_itself(void **state)
{
	struct login_backoff *p;

	assert_int_equal(login_backoff_new(&p), 0);
	login_backoff_refused(p, 0);
	assert_true(may(p, 1, 0));
	assert_true(may(p, 2, 1));
	assert_false(may(p, 1, 2));
	assert_false(may(p, 2, 3));
	for (uint16_t port = 3; port < 8; port++)
		assert_true(may(p, port, 4));
	for (uint16_t port = 1; port < 8; port++)
		assert_false(may(p, port, 5));
	login_backoff_unref(p);
}

/* Many enough that whatever places they hash to, some of them meet in one. */
static void test_no_address_puts_out_another(void **state)
{
	const uint16_t n = 200;
	struct login_backoff *p;
	int again = 0;

	assert_int_equal(login_backoff_new(&p), 0);
	login_backoff_refused(p, 0);
	for (uint16_t port = 1; port <= n; port++)
		may(p, port, 0);
	for (int round = 0; round < 3; round++)
		for (uint16_t port = 1; port <= n; port++)
			again += may(p, port, 1);
	assert_int_equal(again, 0);
	login_backoff_unref(p);
}

static void test_success_and_time_end_it(void **state)
{
	struct login_backoff *p;

	assert_int_equal(login_backoff_new(&p), 0);
	login_backoff_refused(p, 0);
	assert_true(may(p, 1, 0));
	assert_false(may(p, 1, 500));
	login_backoff_accepted(p);
	assert_true(may(p, 1, 600));
	login_backoff_refused(p, 1000);
	assert_true(may(p, 1, 62000));
	assert_true(may(p, 1, 62500));
	login_backoff_unref(p);
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

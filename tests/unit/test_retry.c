/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/retry.h"

static const struct netdev none = {.index = 0};
static const struct netdev down = {.index = 3, .flags = IFF_BROADCAST, .hardware_type = 1};
static const struct netdev up = {.index = 3, .flags = IFF_UP, .hardware_type = 1};
static const struct netdev promisc = {.index = 3,
				      .flags = IFF_UP | IFF_PROMISC,
				      .hardware_type = 1};
static const struct netdev other = {.index = 4, .flags = IFF_UP, .hardware_type = 1};
static const struct netdev tunnel = {.index = 3, .flags = IFF_UP, .hardware_type = 65534};

static void assert_delay(double delay, double expected)
{
	assert_true(delay > expected - .001 && delay < expected + .001);
}

static void test_the_delay_grows_to_its_end(void **state)
{
	static const double expected[] = {1, 2, 4, 8, RETRY_MAX_S, RETRY_MAX_S, RETRY_MAX_S};
	struct retry r = {.delay_s = 0};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		retry_begin(&r);
		assert_delay(retry_fail(&r, &up), expected[i]);
	}
	retry_clear(&r);
	retry_begin(&r);
	assert_delay(retry_fail(&r, &up), 1);
}

/* Opening toggles promiscuous mode, which the kernel tells: to open again for that would never end.
 */
static void test_what_a_try_causes_is_no_reason_for_another(void **state)
{
	struct retry r = {.delay_s = 0};

	retry_begin(&r);
	retry_tell(&r, &promisc);
	assert_delay(retry_fail(&r, &up), 1);
	assert_false(retry_tell(&r, &up));
	assert_false(retry_tell(&r, &promisc));
	retry_begin(&r);
	assert_delay(retry_fail(&r, &up), 2);
}

static void test_another_state_is_tried_at_once(void **state)
{
	static const struct netdev *const changes[][2] = {
		{&none, &down}, {&down, &up}, {&up, &other}, {&up, &tunnel}, {&up, &none}};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct retry r = {.delay_s = 0};

		/* After it failed. */
		retry_begin(&r);
		assert_delay(retry_fail(&r, changes[i][0]), 1);
		assert_true(retry_tell(&r, changes[i][1]));
		/* While it is under way. */
		retry_begin(&r);
		retry_tell(&r, changes[i][1]);
		assert_delay(retry_fail(&r, changes[i][0]), 0);
		retry_begin(&r);
		assert_delay(retry_fail(&r, changes[i][1]), 1);
	}
}

static void test_events_that_were_lost_may_have_been_any(void **state)
{
	struct retry r = {.delay_s = 0};

	retry_begin(&r);
	assert_true(retry_tell(&r, NULL));
	assert_delay(retry_fail(&r, &up), 0);
	retry_begin(&r);
	assert_delay(retry_fail(&r, &up), 1);
}

static void test_a_reason_is_news_once(void **state)
{
	struct retry r = {.delay_s = 0};

	assert_true(retry_is_news(&r, "unknown host"));
	assert_false(retry_is_news(&r, "unknown host"));
	assert_true(retry_is_news(&r, "no buffer space"));
	assert_true(retry_is_news(&r, "unknown host"));
	retry_clear(&r);
	assert_true(retry_is_news(&r, "unknown host"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_delay_grows_to_its_end),
		cmocka_unit_test(test_what_a_try_causes_is_no_reason_for_another),
		cmocka_unit_test(test_another_state_is_tried_at_once),
		cmocka_unit_test(test_events_that_were_lost_may_have_been_any),
		cmocka_unit_test(test_a_reason_is_news_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

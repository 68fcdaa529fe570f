/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/rejections.h"

#define REFUSAL RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED

static void test_each_refusal_holds_longer(void **state)
{
	static const int seconds[] = {1, 2, 4, 8, 16, 30, 30};
	struct rejections r = {0};

	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		rejections_new_round(&r, "why", REFUSAL, false);
		assert_int_equal((int)r.hold, seconds[i]);
	}
	assert_string_equal(rejections_words(r.for_now), rd_kafka_err2str(REFUSAL));
}

static void test_an_outage_and_progress_hold_nothing(void **state)
{
	struct rejections r = {0};

	rejections_new_round(&r, "why", REFUSAL, false);
	rejections_new_round(&r, "why", RD_KAFKA_RESP_ERR_NO_ERROR, false);
	assert_int_equal((int)r.hold, 0);
	rejections_new_round(&r, "why", REFUSAL, true);
	assert_int_equal((int)r.hold, 0);
}

/* Or a later outage would be taken for the refusal that is over. */
static void test_a_delivery_ends_it(void **state)
{
	struct rejections r = {0};

	rejections_new_round(&r, "why", REFUSAL, false);
	rejections_delivered(&r);
	assert_int_equal((int)r.hold, 0);
	assert_string_equal(rejections_words(r.for_now), "");
}

static void test_a_purge_is_no_refusal(void **state)
{
	struct rejections r = {0};

	rejections_for_now(&r, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
	rejections_for_now(&r, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT);
	assert_string_equal(rejections_words(r.for_now), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_refusal_holds_longer),
		cmocka_unit_test(test_an_outage_and_progress_hold_nothing),
		cmocka_unit_test(test_a_delivery_ends_it),
		cmocka_unit_test(test_a_purge_is_no_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

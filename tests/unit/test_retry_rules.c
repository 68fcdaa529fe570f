/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "producer/retry_rules.h"

#define TOO_LARGE RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE
#define NOW       1700000000.

/* A message of `packets` was refused. */
static enum retry_rules_verdict learn_of(struct retry_rules *r, rd_kafka_resp_err_t err,
					 uint32_t len, uint32_t packets, double now)
{
	const struct retry_rules_refused refused = {.err = err, .len = len, .packets = packets};

	return retry_rules_learn(r, &refused, now);
}

static enum retry_rules_verdict learn(struct retry_rules *r, rd_kafka_resp_err_t err, uint32_t len,
				      double now)
{
	return learn_of(r, err, len, 1, now);
}

/* The batch.size of a client with the rules applied; `configured` NULL: librdkafka's default. */
static unsigned long batch_size(struct retry_rules *r, const char *configured)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char value[32], errstr[256];
	size_t size = sizeof(value);

	if (configured)
		assert_int_equal(rd_kafka_conf_set(conf, "batch.size", configured, errstr,
						   sizeof(errstr)),
				 RD_KAFKA_CONF_OK);
	assert_int_equal(retry_rules_configure(r, conf), 0);
	assert_int_equal(rd_kafka_conf_get(conf, "batch.size", value, &size), RD_KAFKA_CONF_OK);
	rd_kafka_conf_destroy(conf);
	return strtoul(value, NULL, 10);
}

/* A round in which batches were refused: what the next client sends. */
static unsigned long after_a_refusal(struct retry_rules *r, const char *configured)
{
	assert_int_equal(learn(r, TOO_LARGE, 100, NOW), RETRY_RULES_AGAIN);
	assert_int_equal(learn(r, TOO_LARGE, 100, NOW), RETRY_RULES_AGAIN);
	retry_rules_next_round(r);
	return batch_size(r, configured);
}

static void batches_get_smaller(void **state)
{
	struct retry_rules r;

	retry_rules_init(&r);
	assert_int_equal(batch_size(&r, NULL), 1000000);
	assert_int_equal(after_a_refusal(&r, NULL), 250000);
	assert_int_equal(after_a_refusal(&r, NULL), 60000);
	retry_rules_next_round(&r); /* without a refusal */
	assert_int_equal(batch_size(&r, NULL), 60000);
}

static void a_smaller_batch_of_the_users_is_not_raised(void **state)
{
	struct retry_rules r;

	retry_rules_init(&r);
	assert_int_equal(batch_size(&r, "100000"), 100000);
	assert_int_equal(after_a_refusal(&r, "100000"), 60000);
	assert_int_equal(batch_size(&r, "5000"), 5000); /* set at a reload */
	assert_int_equal(after_a_refusal(&r, "5000"), 4000);
}

static void a_larger_batch_of_the_users_shrinks_too(void **state)
{
	struct retry_rules r;

	retry_rules_init(&r);
	assert_int_equal(batch_size(&r, "8000000"), 8000000);
	assert_int_equal(after_a_refusal(&r, "8000000"), 1000000);
}

static void a_packet_that_was_alone_is_given_up(void **state)
{
	struct retry_rules r;

	retry_rules_init(&r);
	assert_int_equal(batch_size(&r, "1000"), 1000);
	assert_int_equal(learn(&r, TOO_LARGE, 1500, NOW), RETRY_RULES_NEVER);
	assert_int_equal(after_a_refusal(&r, "1000"), 250);
	assert_int_equal(learn(&r, TOO_LARGE, 60, NOW), RETRY_RULES_AGAIN);
	retry_rules_next_round(&r);
	assert_int_equal(batch_size(&r, "1000"), 1);
	assert_int_equal(learn(&r, TOO_LARGE, 60, NOW), RETRY_RULES_NEVER);
	retry_rules_next_round(&r);
	assert_int_equal(batch_size(&r, "1000"), 1);
}

static void a_packet_as_large_as_one_refused_is_not_sent(void **state)
{
	struct retry_rules r;

	retry_rules_init(&r);
	assert_int_equal(batch_size(&r, "1000"), 1000);
	assert_false(retry_rules_is_too_large(&r, UINT32_MAX, NOW));
	assert_int_equal(learn(&r, TOO_LARGE, 1500, NOW), RETRY_RULES_NEVER);
	assert_true(retry_rules_is_too_large(&r, 1500, NOW));
	assert_false(retry_rules_is_too_large(&r, 1499, NOW));
	assert_int_equal(learn(&r, TOO_LARGE, 1400, NOW), RETRY_RULES_NEVER);
	assert_int_equal(learn(&r, TOO_LARGE, 1600, NOW), RETRY_RULES_NEVER); /* on its way */
	assert_true(retry_rules_is_too_large(&r, 1400, NOW));
	/* The topic may take more by now. */
	assert_false(retry_rules_is_too_large(&r, 1400, NOW + RETRY_RULES_TOO_LARGE_S));
	assert_int_equal(learn(&r, TOO_LARGE, 1500, NOW + RETRY_RULES_TOO_LARGE_S),
			 RETRY_RULES_NEVER);
	assert_false(retry_rules_is_too_large(&r, 1400, NOW + RETRY_RULES_TOO_LARGE_S));
}

static void what_time_mends_is_sent_again(void **state)
{
	struct retry_rules r;

	retry_rules_init(&r);
	assert_int_equal(learn(&r, RD_KAFKA_RESP_ERR__TRANSPORT, 60, NOW), RETRY_RULES_AGAIN);
	assert_int_equal(learn(&r, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, 60, NOW),
			 RETRY_RULES_AGAIN);
	assert_int_equal(learn(&r, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 60, NOW),
			 RETRY_RULES_AGAIN);
	assert_int_equal(learn(&r, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, 60, NOW), RETRY_RULES_NEVER);
	/* Perhaps its time stamp: until all are stamped with the present. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(learn(&r, RD_KAFKA_RESP_ERR_INVALID_RECORD, 60, NOW),
				 RETRY_RULES_AGAIN);
		retry_rules_next_round(&r);
	}
	assert_int_equal(learn(&r, RD_KAFKA_RESP_ERR_INVALID_RECORD, 60, NOW), RETRY_RULES_NEVER);
}

#define HOUR_MS 3600000

/* How far from now a packet of `ago_ms` is stamped, ms. */
static int64_t stamped_ago(const struct retry_rules *r, int64_t ago_ms)
{
	struct packet pkt = {.time_us = (uint64_t)((int64_t)NOW * 1000 - ago_ms) * 1000};

	return (int64_t)NOW * 1000 - retry_rules_timestamp(r, &pkt, NOW);
}

static void stamps_come_nearer(void **state)
{
	struct retry_rules r;

	retry_rules_init(&r);
	assert_int_equal(stamped_ago(&r, 9 * HOUR_MS), 9 * HOUR_MS);
	assert_int_equal(stamped_ago(&r, -9 * HOUR_MS), -9 * HOUR_MS);
	for (int level = 1; level <= 3; level++) {
		assert_int_equal(learn(&r, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, 60, NOW),
				 RETRY_RULES_AGAIN);
		retry_rules_next_round(&r);
		assert_int_equal(stamped_ago(&r, -9 * HOUR_MS), 0);
		assert_int_equal(stamped_ago(&r, 9 * HOUR_MS), level == 1 ? 9 * HOUR_MS : 0);
		assert_int_equal(stamped_ago(&r, 50), level == 3 ? 0 : 50);
	}
	learn(&r, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, 60, NOW);
	retry_rules_next_round(&r); /* there is no further step */
	assert_int_equal(stamped_ago(&r, 0), 0);
}

/* Not before it was alone in its batch, and never given up until it is one packet. */
static void blocks_get_smaller(void **state)
{
	struct retry_rules r;
	uint32_t len = 65536;

	retry_rules_init(&r);
	batch_size(&r, "60000");
	assert_int_equal(learn_of(&r, TOO_LARGE, 40000, 90, NOW), RETRY_RULES_AGAIN);
	assert_int_equal(r.block_max, UINT32_MAX);
	retry_rules_next_round(&r);
	assert_int_equal(batch_size(&r, "60000"), 15000);
	assert_int_equal(r.block_max, UINT32_MAX);
	for (; len > 15000; len /= 2) {
		assert_int_equal(learn_of(&r, TOO_LARGE, len, 2, NOW), RETRY_RULES_AGAIN);
		assert_int_equal(learn_of(&r, TOO_LARGE, len + 100, 2, NOW), RETRY_RULES_AGAIN);
		assert_true(retry_rules_has_learned(&r));
		retry_rules_next_round(&r);
		assert_false(retry_rules_has_learned(&r));
		assert_int_equal(r.block_max, len / 2);
		assert_int_equal(r.too_large, UINT32_MAX);
	}
	assert_int_equal(learn_of(&r, TOO_LARGE, 15000, 1, NOW), RETRY_RULES_NEVER);
	assert_int_equal(r.too_large, 15000);
	assert_false(retry_rules_has_learned(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_get_smaller),
		cmocka_unit_test(blocks_get_smaller),
		cmocka_unit_test(a_smaller_batch_of_the_users_is_not_raised),
		cmocka_unit_test(a_larger_batch_of_the_users_shrinks_too),
		cmocka_unit_test(a_packet_that_was_alone_is_given_up),
		cmocka_unit_test(a_packet_as_large_as_one_refused_is_not_sent),
		cmocka_unit_test(what_time_mends_is_sent_again),
		cmocka_unit_test(stamps_come_nearer),
	};

	return cmocka_run_group_tests_name("resend", tests, NULL, NULL);
}

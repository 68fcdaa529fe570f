/* SPDX-License-Identifier: Apache-2.0 */
/* Why a topic takes nothing: what is made of the cluster's answers. The cluster is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "kafka/replicas.h"
#include "kafka/topic_config.h"

#define PARTITIONS 4
#define BROKERS    3

static struct {
	rd_kafka_metadata_partition_t partitions[PARTITIONS];
	rd_kafka_metadata_topic_t topic;
	rd_kafka_metadata_t metadata;
	rd_kafka_resp_err_t err;
	const char *min; /* NULL: it may not be told */
	int held;        /* answers that were not given back */
} world;

/* ---- in place of librdkafka's ---- */

const char *rd_kafka_topic_name(const rd_kafka_topic_t *rkt)
{
	return "pcap";
}

rd_kafka_resp_err_t rd_kafka_metadata(rd_kafka_t *rk, int all, rd_kafka_topic_t *only,
				      const struct rd_kafka_metadata **out, int timeout_ms)
{
	if (world.err)
		return world.err;
	world.held++;
	*out = &world.metadata;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void rd_kafka_metadata_destroy(const struct rd_kafka_metadata *metadata)
{
	world.held--;
}

rd_kafka_resp_err_t topic_config_ask(rd_kafka_t *rk, const struct topic_config_question *question,
				     topic_config_fn told, void *ctx)
{
	assert_int_equal(question->n, 1);
	assert_string_equal(question->topics[0], "pcap");
	if (world.min) {
		told(ctx, "pcap", "retention.ms", "1");
		told(ctx, "pcap", "min.insync.replicas", world.min);
	}
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- the tests ---- */

/* All is well: three replicas of four partitions. */
static int open_world(void **state)
{
	world.err = RD_KAFKA_RESP_ERR_NO_ERROR;
	world.min = "2";
	world.held = 0;
	for (int i = 0; i < PARTITIONS; i++)
		world.partitions[i] = (rd_kafka_metadata_partition_t){.id = i,
								      .leader = 1,
								      .replica_cnt = BROKERS,
								      .isr_cnt = BROKERS};
	world.topic = (rd_kafka_metadata_topic_t){.partition_cnt = PARTITIONS,
						  .partitions = world.partitions};
	world.metadata = (rd_kafka_metadata_t){.topic_cnt = 1, .topics = &world.topic};
	return 0;
}

static void assert_told(const char *text)
{
	char buf[256] = "?";

	replicas_ask(NULL, NULL, buf, sizeof(buf));
	assert_string_equal(buf, text);
	assert_int_equal(world.held, 0);
}

static void test_a_topic_that_is_well(void **state)
{
	assert_told("");
	world.partitions[2].isr_cnt = 2; /* as many as must be */
	assert_told("");
}

static void test_not_enough_in_sync(void **state)
{
	world.partitions[1].isr_cnt = world.partitions[3].isr_cnt = 1;
	assert_told(
		"2 of 4 partitions lack replicas in sync: partition 1 has 1 of 3, "
		"min.insync.replicas is 2 (NOT_ENOUGH_REPLICAS); brokers are away, or too slow to "
		"follow");
}

/* All brokers are there, and yet it can never be. */
static void test_more_than_there_are(void **state)
{
	for (int i = 0; i < PARTITIONS; i++)
		world.partitions[i].replica_cnt = world.partitions[i].isr_cnt = 1;
	assert_told(
		"4 of 4 partitions have too few replicas: partition 0 has 1, min.insync.replicas "
		"is 2 (NOT_ENOUGH_REPLICAS); lower that, or give the topic more replicas");
}

/* Who may not read the settings of the topic. */
static void test_a_limit_that_is_not_told(void **state)
{
	world.min = NULL;
	assert_told("");
	world.partitions[0].isr_cnt = 1;
	assert_told(
		"1 of 4 partitions lack replicas in sync: partition 0 has 1 of 3, perhaps fewer "
		"than min.insync.replicas; brokers are away, or too slow to follow");
}

static void test_no_leader(void **state)
{
	world.partitions[2].leader = world.partitions[3].leader = -1;
	world.partitions[0].isr_cnt = 1;
	assert_told(
		"2 of 4 partitions, partition 2 first, have no leader: the brokers that hold all "
		"of their records are away");
}

static void test_no_answer(void **state)
{
	world.partitions[0].isr_cnt = 1;
	world.err = RD_KAFKA_RESP_ERR__TIMED_OUT;
	assert_told("");
	world.err = RD_KAFKA_RESP_ERR_NO_ERROR;
	world.metadata.topic_cnt = 0;
	assert_told("");
}

static void test_a_topic_that_is_not_there(void **state)
{
	world.topic = (rd_kafka_metadata_topic_t){.err = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART};
	assert_told("");
}

#define TEST(name) cmocka_unit_test_setup(name, open_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_topic_that_is_well),
		TEST(test_not_enough_in_sync),
		TEST(test_more_than_there_are),
		TEST(test_a_limit_that_is_not_told),
		TEST(test_no_leader),
		TEST(test_no_answer),
		TEST(test_a_topic_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

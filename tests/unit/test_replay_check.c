/* SPDX-License-Identifier: Apache-2.0 */
/* What holds a file's packets back until Kafka has answered, over a client that does as told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "app/replay_check.h"
#include "base/clock.h"
#include "config/config.h"
#include "kafka/kafka.h"
#include "lines.h"
#include "producer/outclient.h"
#include "producer/producer.h"

#define SECOND 1000000LL /* µs */

static struct {
	struct ev_loop *loop;
	struct replay_check *check;
	topic_limits_fn fn; /* the question's */
	void *ctx;
	int asked, over, answer;
	bool connected;
} world;

struct outclient *producer_client(const struct producer *p)
{
	return (struct outclient *)(void *)&world;
}

struct kafka *outclient_kafka(const struct outclient *c)
{
	return (struct kafka *)(void *)&world;
}

bool kafka_connected(const struct kafka *k)
{
	return world.connected;
}

int kafka_ask_limits(struct kafka *k, const char *topic, topic_limits_fn fn, void *ctx)
{
	assert_string_equal(topic, "pcap");
	world.asked++;
	world.fn = fn;
	world.ctx = ctx;
	return world.answer;
}

static void on_over(void *ctx)
{
	world.over++;
}

static int open_world(void **state)
{
	static char topic[] = "pcap", file[] = "x.pcap";
	static const struct config cfg = {.topic = topic, .read_file = file};
	struct replay_check_options opt = {.cfg = &cfg, .on_over = on_over};

	memset(&world, 0, sizeof(world));
	opt.loop = world.loop = ev_loop_new(EVFLAG_AUTO);
	lines_catch();
	return replay_check_new(&world.check, &opt);
}

static int close_world(void **state)
{
	replay_check_free(world.check);
	lines_release();
	ev_loop_destroy(world.loop);
	return 0;
}

static bool holds(int64_t age_us)
{
	const struct packet pkt = {.time_us = (uint64_t)(clock_ns(CLOCK_REALTIME) / 1000 - age_us)};

	return replay_check_holds(world.check, &pkt);
}

static void answer(const struct topic_limits *limits, rd_kafka_resp_err_t err)
{
	world.fn(world.ctx, limits, err);
}

static void test_packets_of_now_are_not_held(void **state)
{
	assert_false(holds(5 * SECOND));
	assert_false(holds(86400 * SECOND)); /* the first is what counts */
	assert_int_equal(world.asked, 0);
}

static void test_old_packets_wait_for_the_answer_and_a_line(void **state)
{
	struct topic_limits limits = topic_limits_none;

	limits.deletes = true;
	limits.retention = 1000;
	assert_true(holds(3600 * SECOND));
	assert_true(holds(3600 * SECOND));
	assert_int_equal(world.asked, 1);
	assert_int_equal(world.over, 0);
	answer(&limits, RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(world.over, 1);
	assert_false(holds(3600 * SECOND));
	assert_int_equal(lines_with(
				 "WARNING:root:Topic pcap deletes records that are older than 1s "
				 "(retention.ms), and x.pcap begins at "),
			 1);
}

static void test_packets_ahead_are_asked_for_too(void **state)
{
	assert_true(holds(-3600 * SECOND));
	answer(&topic_limits_none, RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(world.over, 1);
	assert_int_equal(lines_with("WARNING"), 0);
}

static void test_without_permission_nothing_is_said(void **state)
{
	assert_true(holds(3600 * SECOND));
	answer(NULL, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_int_equal(world.over, 1);
	assert_int_equal(lines_with("WARNING"), 0);
}

/* It may be on its way. */
static void test_a_missing_topic_is_asked_for_again(void **state)
{
	assert_true(holds(3600 * SECOND));
	answer(NULL, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	assert_int_equal(world.over, 0);
	ev_run(world.loop, EVRUN_ONCE);
	assert_int_equal(world.asked, 2);
	answer(&topic_limits_none, RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(world.over, 1);
}

static void test_what_cannot_be_asked_is_not_waited_for(void **state)
{
	world.answer = -ENOMEM;
	assert_false(holds(3600 * SECOND));
}

/* And what comes later is said all the same. */
static void test_an_answer_is_not_waited_for_long(void **state)
{
	struct topic_limits limits = topic_limits_none;

	limits.before = 1000;
	world.connected = true;
	assert_true(holds(3600 * SECOND));
	ev_run(world.loop, EVRUN_ONCE);
	assert_int_equal(world.over, 0);
	world.connected = false;
	ev_run(world.loop, EVRUN_ONCE);
	assert_int_equal(world.over, 1);
	assert_false(holds(3600 * SECOND));
	answer(&limits, RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(world.over, 1);
	assert_int_equal(lines_with("WARNING:root:Topic pcap refuses time stamps more than 1s"), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_packets_of_now_are_not_held),
		CASE(test_old_packets_wait_for_the_answer_and_a_line),
		CASE(test_packets_ahead_are_asked_for_too),
		CASE(test_without_permission_nothing_is_said),
		CASE(test_a_missing_topic_is_asked_for_again),
		CASE(test_what_cannot_be_asked_is_not_waited_for),
		CASE(test_an_answer_is_not_waited_for_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

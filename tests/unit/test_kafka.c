/* SPDX-License-Identifier: Apache-2.0 */
/* A client without a broker: what it says of itself, on the loop and after the loop left it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "kafka.h"
#include "kafkastats.h"

#define DEADLINE_S 10

static char name[] = "statistics.interval.ms", ten[] = "10", origin[] = "-X";
static char brokers[] = "127.0.0.1:9", topic[] = "pcap";
static struct config_property often = {.name = name, .value = ten, .origin = origin};

static struct config settings(enum config_mode mode)
{
	return (struct config){.mode = mode,
			       .brokers = brokers,
			       .topic = topic,
			       .properties = &often,
			       .n_properties = 1};
}

static struct kafka *open_client(struct ev_loop *loop, struct config *cfg)
{
	const struct kafka_options opt = {.loop = loop, .cfg = cfg, .hold_ms = 60000};
	struct kafka *k = NULL;

	assert_int_equal(kafka_new(&k, &opt), 0);
	return k;
}

static size_t queued(const struct kafka *k)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_get_main(kafka_client(k));
	size_t n = rd_kafka_queue_length(queue);

	rd_kafka_queue_destroy(queue);
	return n;
}

/* Without the loop, which would take them. */
static void wait_until_queued(const struct kafka *k, size_t n)
{
	const struct timespec between_looks = {.tv_nsec = 10000000};
	const time_t deadline = time(NULL) + DEADLINE_S;

	while (queued(k) < n) {
		assert_true(time(NULL) < deadline);
		nanosleep(&between_looks, NULL);
	}
}

static void test_an_abandoned_client_piles_nothing_up(void **state)
{
	struct ev_loop *loop = ev_loop_new(0);
	struct config cfg = settings(CONFIG_MODE_CONSUMER);
	struct kafka *k = open_client(loop, &cfg), *other = open_client(loop, &cfg);

	wait_until_queued(k, 5);
	kafka_abandon(k);
	/* As often as the other one has told its statistics, it would have. */
	wait_until_queued(other, queued(other) + 20);
	assert_int_equal(queued(k), 0);
	kafka_free(other, 5000);
	kafka_free(k, 5000);
	ev_loop_destroy(loop);
}

static void test_statistics_without_a_broker_tell_nothing(void **state)
{
	struct ev_loop *loop = ev_loop_new(0);
	struct config cfg = settings(CONFIG_MODE_PRODUCER);
	struct kafka *k = open_client(loop, &cfg);
	size_t waiting;

	assert_int_equal(kafka_take_rtt(k), -1);
	wait_until_queued(k, 5);
	waiting = queued(k);
	ev_run(loop, EVRUN_ONCE);
	assert_true(queued(k) < waiting); /* they were taken */
	assert_int_equal(kafka_take_rtt(k), -1);
	assert_null(kafkastats_find(kafka_stats(k), 0));
	kafka_free(k, 5000);
	ev_loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_abandoned_client_piles_nothing_up),
		cmocka_unit_test(test_statistics_without_a_broker_tell_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

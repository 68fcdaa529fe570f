/* SPDX-License-Identifier: Apache-2.0 */
/* A client without a broker: what it says of itself, on the loop and after the loop left it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <malloc.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "kafka/kafka.h"
#include "kafka/kafkastats.h"

static char name[] = "statistics.interval.ms", ten[] = "10", origin[] = "-X";
static char brokers[] = "127.0.0.1:9", topic[] = "pcap";
static struct config_property often = {.name = name, .value = ten, .origin = origin};

static struct config settings(enum config_mode mode)
{
	return (struct config){.mode = mode,
			       .brokers = brokers,
			       .topic = topic,
			       .properties = {&often, 1}};
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

	assert_int_equal(kafka_stats(k)->rtt_us, -1);
	wait_until_queued(k, 5);
	alarm(DEADLINE_S);
	do { /* they are taken faster than they come */
		waiting = queued(k);
		ev_run(loop, EVRUN_ONCE);
	} while (queued(k) >= waiting);
	alarm(0);
	assert_int_equal(kafka_stats(k)->rtt_us, -1);
	assert_null(kafkastats_find(kafka_stats(k), 0));
	kafka_free(k, 5000);
	ev_loop_destroy(loop);
}

struct refused {
	enum config_mode mode;
	struct config_property properties[2];
};

/* 100 clients that librdkafka refuses; returns the bytes that are not freed after them. */
static size_t left_by(const struct refused *case_)
{
	enum { TIMES = 100 };
	struct ev_loop *loop = ev_loop_new(0);
	struct config cfg = settings(case_->mode);
	struct config_property properties[2];
	char why[512];
	const struct kafka_options opt = {.loop = loop,
					  .cfg = &cfg,
					  .why = why,
					  .why_size = sizeof(why)};
	struct kafka *k = NULL;
	size_t before = 0;

	memcpy(properties, case_->properties, sizeof(properties));
	cfg.properties = (struct config_properties){properties, 2};
	for (int i = 0; i < 1 + TIMES; i++) {
		if (i == 1) /* what librdkafka and OpenSSL keep once is there now */
			before = mallinfo2().uordblks;
		assert_int_equal(kafka_new(&k, &opt), -ENOPROTOOPT);
		assert_int_equal(strncmp(why, "Kafka client: ", 14), 0);
	}
	ev_loop_destroy(loop);
	return mallinfo2().uordblks > before ? mallinfo2().uordblks - before : 0;
}

#define PROPERTY(name_, value_)                                                                    \
	{                                                                                          \
		.name = (char[]){name_}, .value = (char[]){value_}, .origin = origin               \
	}

/* Whether it is refused early or late (client_create.c). AddressSanitizer's leak check sees the
 * same. */
static void test_refused_clients_leave_nothing(void **state)
{
	enum { MOST = 100000 }; /* some is in malloc()'s caches; a leak is 3 KB a time at least */
	int too_many = 0;
	const struct refused cases[] = {
		{CONFIG_MODE_PRODUCER, /* early */
		 {PROPERTY("acks", "1"), PROPERTY("enable.idempotence", "true")}},
		{CONFIG_MODE_PRODUCER, /* a file is gone */
		 {PROPERTY("security.protocol", "ssl"),
		  PROPERTY("ssl.ca.location", "/nonexistent")}},
		{CONFIG_MODE_CONSUMER,
		 {PROPERTY("security.protocol", "ssl"),
		  PROPERTY("ssl.ca.location", "/nonexistent")}},
		{CONFIG_MODE_PRODUCER, /* no keytab for the default kinit */
		 {PROPERTY("security.protocol", "sasl_plaintext"),
		  PROPERTY("sasl.mechanism", "GSSAPI")}},
		{CONFIG_MODE_CONSUMER,
		 {PROPERTY("partition.assignment.strategy", "none"), PROPERTY("client.id", "c")}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t left = left_by(&cases[i]);

		if (left < MOST)
			continue;
		print_error("%s: %zu bytes\n", cases[i].properties[1].name, left);
		too_many++;
	}
	assert_int_equal(too_many, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_abandoned_client_piles_nothing_up),
		cmocka_unit_test(test_statistics_without_a_broker_tell_nothing),
		cmocka_unit_test(test_refused_clients_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

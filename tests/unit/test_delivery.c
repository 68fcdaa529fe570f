/* SPDX-License-Identifier: Apache-2.0 */
/* When a stop need not wait for Kafka any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kafka/kafkashow.h"
#include "producer/delivery.h"
#include "producer/outage.h"
#include "producer/outclient.h"

/* What stands around it, as a test says that it is. */
static struct {
	double now;
	struct producer_counters producer;
	bool connected;
	bool kept;    /* the spool has all */
	bool written; /* and its disk */
	int copied;   /* how often it was asked to */
} world;

ev_tstamp ev_now(EV_P)
{
	return world.now;
}

int relay_new(struct relay **out, const struct relay_options *opt)
{
	return 0;
}

void relay_set_producer(struct relay *r, struct producer *producer)
{
}

void relay_reload(struct relay *r, const struct config *cfg)
{
}

bool relay_has_spool(const struct relay *r)
{
	return true;
}

bool relay_keep_all(struct relay *r)
{
	world.copied++;
	return world.kept;
}

bool relay_is_written(const struct relay *r)
{
	return world.written;
}

void relay_on_room(struct relay *r)
{
}

void relay_on_settled(struct relay *r, uint64_t seq)
{
}

void relay_on_trouble(struct relay *r)
{
}

bool relay_on_undelivered(struct relay *r, uint64_t seq)
{
	return true;
}

void relay_free(struct relay *r)
{
}

int producer_new(struct producer **out, const struct producer_options *opt)
{
	return 0;
}

void producer_replace(struct producer *p, const struct config *cfg, struct outclient *next)
{
}

void producer_read_counters(const struct producer *p, struct producer_counters *out)
{
	*out = world.producer;
}

bool producer_is_connected(const struct producer *p)
{
	return world.connected;
}

void producer_free(struct producer *p)
{
}

int outage_new(struct outage **out, const struct outage_options *opt)
{
	return 0;
}

void outage_describe(const struct outage *u, char *buf, size_t size)
{
}

void outage_waiting_for(const struct outage *u, char *buf, size_t size)
{
}

void outage_free(struct outage *u)
{
}

void kafkashow_describe(char *buf, size_t size, const struct config *cfg)
{
	*buf = '\0';
}

static int open_world(void **state)
{
	static const struct config cfg;
	const struct delivery_options opt = {.cfg = &cfg};

	memset(&world, 0, sizeof(world));
	world.now = 1000;
	world.connected = world.kept = world.written = true;
	return delivery_new((struct delivery **)state, &opt);
}

static int close_world(void **state)
{
	delivery_free(*state);
	return 0;
}

static void with_kafka_away_it_leaves_at_once(void **state)
{
	world.connected = false;
	assert_true(delivery_may_leave(*state));
}

static void what_the_spool_has_no_room_for_is_waited_for(void **state)
{
	world.connected = false;
	world.kept = false;
	assert_false(delivery_may_leave(*state));
	world.now += 20;
	assert_false(delivery_may_leave(*state));
	world.kept = true;
	assert_true(delivery_may_leave(*state));
}

/* It may hang: then Kafka alone can save what the spool has in memory, and may come back. */
static void what_the_disk_has_not_taken_is_waited_for(void **state)
{
	world.connected = false;
	world.written = false;
	assert_false(delivery_may_leave(*state));
	world.now += 20;
	assert_false(delivery_may_leave(*state));
	world.written = true;
	assert_true(delivery_may_leave(*state));
}

static void while_kafka_answers_it_stays_and_copies_nothing(void **state)
{
	for (int i = 0; i < 50; i++) {
		world.now += 1;
		world.producer.delivered++;
		assert_false(delivery_may_leave(*state));
	}
	assert_int_equal(world.copied, 0);
}

static void without_an_answer_it_leaves_soon(void **state)
{
	world.producer.delivered = 100;
	assert_false(delivery_may_leave(*state));
	world.now += 1.5;
	assert_false(delivery_may_leave(*state));
	world.now += 1;
	assert_true(delivery_may_leave(*state));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(with_kafka_away_it_leaves_at_once),
		CASE(what_the_spool_has_no_room_for_is_waited_for),
		CASE(what_the_disk_has_not_taken_is_waited_for),
		CASE(while_kafka_answers_it_stays_and_copies_nothing),
		CASE(without_an_answer_it_leaves_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

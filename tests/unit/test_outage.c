/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "producer/outage.h"
#include "producer/outclient.h"
#include "producer/rejections.h"

#define MAX_EVENTS 8

/* What stands around it, as a test says that it is; what it logs is kept. */
static struct {
	struct producer_counters producer;
	struct relay_counters relay;
	struct rejections refusals;
	bool connected;
	enum log_event events[MAX_EVENTS];
	size_t n;
	int changes; /* that it has told of */
	ev_timer *timer;
} world;

void ev_timer_start(struct ev_loop *loop, ev_timer *w)
{
	world.timer = w;
}

void ev_timer_stop(struct ev_loop *loop, ev_timer *w)
{
	world.timer = NULL;
}

void producer_read_counters(const struct producer *p, struct producer_counters *out)
{
	*out = world.producer;
}

bool producer_is_connected(const struct producer *p)
{
	return world.connected;
}

const struct config *producer_config(const struct producer *p)
{
	static char brokers[] = "here:9092";
	static const struct config cfg = {.brokers = brokers};

	return &cfg;
}

const struct rejections *producer_refusals(const struct producer *p)
{
	return &world.refusals;
}

struct outclient *producer_client(const struct producer *p)
{
	return NULL;
}

void relay_read_counters(const struct relay *r, struct relay_counters *out)
{
	*out = world.relay;
}

void outclient_waiting_for(const struct outclient *c, const struct config *cfg, char *buf,
			   size_t size)
{
	snprintf(buf, size, "topic pcap");
}

const char *rejections_words(rd_kafka_resp_err_t err)
{
	return "";
}

void outclient_brake(struct outclient *c)
{
}

void log_write_event(enum log_level level, enum log_event event, const struct log_field *fields,
		     size_t n, const char *fmt, ...)
{
	assert_true(world.n < MAX_EVENTS);
	world.events[world.n++] = event;
}

static void on_change(void *ctx)
{
	int *changes = ctx;

	(*changes)++;
}

static int open_world(void **state)
{
	const struct outage_options opt = {.on_change = on_change, .ctx = &world.changes};

	memset(&world, 0, sizeof(world));
	return outage_new((struct outage **)state, &opt);
}

static int close_world(void **state)
{
	outage_free(*state);
	return world.timer != NULL;
}

/* A look at it, as every 5 s. Each may change what it says of itself, and tells that once. */
static void look(void)
{
	int before = world.changes;

	world.timer->cb(NULL, world.timer, EV_TIMER);
	assert_int_equal(world.changes, before + 1);
}

/* How many events it has logged by now, and what the last one was. */
static void assert_logged(size_t n, enum log_event last)
{
	assert_int_equal(world.n, n);
	if (n > 0)
		assert_int_equal(world.events[n - 1], last);
}

static void test_what_is_wrong_from_the_start_is_told_at_the_first_look(void **state)
{
	world.connected = true;
	world.producer.queued = 1;
	look();
	assert_logged(1, LOG_EVENT_BROKER_LOST);
	look();
	assert_logged(1, LOG_EVENT_BROKER_LOST);
	world.producer = (struct producer_counters){.delivered = 1};
	look();
	assert_logged(2, LOG_EVENT_BROKER_BACK);
}

static void test_what_is_delivered_or_absent_is_no_trouble(void **state)
{
	world.connected = true;
	look();
	for (int i = 1; i <= 3; i++) {
		world.producer = (struct producer_counters){.delivered = (uint64_t)i, .queued = 1};
		look();
	}
	assert_logged(0, LOG_EVENT_NONE);
}

/* The client has told of it, and of its return: nothing is left to be told here. */
static void test_a_look_between_a_return_and_the_first_delivery_tells_nothing(void **state)
{
	world.producer.queued = 1;
	look();
	world.connected = true;
	look();
	world.producer = (struct producer_counters){.delivered = 1};
	look();
	assert_logged(0, LOG_EVENT_NONE);
}

static void test_a_broker_that_came_back_and_takes_nothing_is_told(void **state)
{
	world.relay.spooled = 1;
	look();
	world.connected = true;
	look();
	assert_logged(0, LOG_EVENT_NONE);
	look();
	assert_logged(1, LOG_EVENT_BROKER_LOST);
}

/* One that refuses us is there, though the next client is not to call on it yet. */
static void test_a_broker_that_refuses_is_there(void **state)
{
	world.refusals.hold = 1;
	world.producer.queued = 1;
	look();
	look();
	assert_logged(1, LOG_EVENT_BROKER_LOST);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_what_is_wrong_from_the_start_is_told_at_the_first_look),
		CASE(test_what_is_delivered_or_absent_is_no_trouble),
		CASE(test_a_look_between_a_return_and_the_first_delivery_tells_nothing),
		CASE(test_a_broker_that_came_back_and_takes_nothing_is_told),
		CASE(test_a_broker_that_refuses_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

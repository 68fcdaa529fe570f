/* SPDX-License-Identifier: Apache-2.0 */
/* When an outage begins and ends, and when a stop need not wait for Kafka any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "kafka/kafkashow.h"
#include "producer/delivery.h"
#include "producer/outclient.h"
#include "producer/rejections.h"

#define MAX_EVENTS 8

/* What stands around it, as a test says that it is; what it logs is kept. */
static struct {
	double now;
	struct producer_counters producer;
	struct relay_counters relay;
	struct rejections refusals;
	bool connected;
	bool kept;    /* the spool has all */
	bool written; /* and its disk */
	int copied;   /* how often it was asked to */
	enum log_event events[MAX_EVENTS];
	size_t n;
	char said[512]; /* with the last of them */
	int changes;    /* that it has told of */
	int questions;  /* to the cluster, and its answer */
	const char *why;
	ev_timer *timer;
} world;

ev_tstamp ev_now(EV_P)
{
	return world.now;
}

void ev_timer_start(struct ev_loop *loop, ev_timer *w)
{
	world.timer = w;
}

void ev_timer_stop(struct ev_loop *loop, ev_timer *w)
{
	world.timer = NULL;
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
	snprintf(buf, size, "topic pcap%s%s", world.why ? ": " : "", world.why ? world.why : "");
}

void outclient_ask_why(struct outclient *c)
{
	world.questions++;
}

void outclient_forget_why(struct outclient *c)
{
	world.why = NULL;
}

bool outclient_knows_why(const struct outclient *c)
{
	return world.why != NULL;
}

const char *rejections_words(rd_kafka_resp_err_t err)
{
	return "";
}

void outclient_brake(struct outclient *c)
{
}

void log_write(enum log_level level, const char *fmt, ...)
{
}

void log_write_event(enum log_level level, enum log_event event, const struct log_field *fields,
		     size_t n, const char *fmt, ...)
{
	va_list ap;

	assert_true(world.n < MAX_EVENTS);
	world.events[world.n++] = event;
	va_start(ap, fmt);
	vsnprintf(world.said, sizeof(world.said), fmt, ap);
	va_end(ap);
}

void kafkashow_describe(char *buf, size_t size, const struct config *cfg)
{
	*buf = '\0';
}

static void on_change(void *ctx)
{
	world.changes++;
}

static int open_world(void **state)
{
	static const struct config cfg;
	const struct delivery_options opt = {.cfg = &cfg, .on_change = on_change};

	memset(&world, 0, sizeof(world));
	world.now = 1000;
	world.kept = world.written = true;
	return delivery_new((struct delivery **)state, &opt);
}

static int close_world(void **state)
{
	delivery_free(*state);
	return world.timer != NULL;
}

/* ---- an outage ---- */

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

static void what_is_wrong_from_the_start_is_told_at_the_first_look(void **state)
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

static void what_is_delivered_or_absent_is_no_trouble(void **state)
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
static void a_look_between_a_return_and_the_first_delivery_tells_nothing(void **state)
{
	world.producer.queued = 1;
	look();
	world.connected = true;
	look();
	world.producer = (struct producer_counters){.delivered = 1};
	look();
	assert_logged(0, LOG_EVENT_NONE);
}

static void a_broker_that_came_back_and_takes_nothing_is_told(void **state)
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
static void a_broker_that_refuses_is_there(void **state)
{
	world.refusals.hold = 1;
	world.producer.queued = 1;
	look();
	look();
	assert_logged(1, LOG_EVENT_BROKER_LOST);
}

/* Some seconds after a broker is gone the cluster itself does not know it. */
static void what_the_cluster_tells_later_is_told_once_more(void **state)
{
	char status[256];

	world.connected = true;
	world.producer.queued = 1;
	look();
	assert_logged(1, LOG_EVENT_BROKER_LOST);
	assert_string_equal(world.said,
			    "No packet has been delivered for 5 s: waiting for topic pcap");
	assert_int_equal(world.questions, 1);
	world.why = "NOT_ENOUGH_REPLICAS";
	look();
	assert_logged(2, LOG_EVENT_BROKER_LOST);
	assert_string_equal(world.said, "No packet has been delivered for 10 s: waiting for topic "
					"pcap: NOT_ENOUGH_REPLICAS");
	look();
	assert_logged(2, LOG_EVENT_BROKER_LOST);
	delivery_describe(*state, status, sizeof(status));
	assert_string_equal(status, "waiting for topic pcap: NOT_ENOUGH_REPLICAS");
	assert_int_equal(world.questions, 3); /* it may be something else by then */
	world.producer = (struct producer_counters){.delivered = 1};
	look();
	assert_logged(3, LOG_EVENT_BROKER_BACK);
	assert_int_equal(world.questions, 3);
	/* The next trouble may be another. */
	world.producer.queued = 1;
	look();
	assert_string_equal(world.said,
			    "No packet has been delivered for 5 s: waiting for topic pcap");
}

static void nothing_is_asked_while_packets_are_delivered_or_no_broker_is_there(void **state)
{
	world.producer.queued = 1;
	look();
	world.connected = true;
	for (int i = 1; i <= 3; i++) {
		world.producer.delivered++;
		look();
	}
	assert_int_equal(world.questions, 0);
}

/* ---- a stop ---- */

static int open_stop(void **state)
{
	int r = open_world(state);

	world.connected = true;
	return r;
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

#define OUTAGE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
#define STOP(name)   cmocka_unit_test_setup_teardown(name, open_stop, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OUTAGE(what_is_wrong_from_the_start_is_told_at_the_first_look),
		OUTAGE(what_is_delivered_or_absent_is_no_trouble),
		OUTAGE(a_look_between_a_return_and_the_first_delivery_tells_nothing),
		OUTAGE(a_broker_that_came_back_and_takes_nothing_is_told),
		OUTAGE(a_broker_that_refuses_is_there),
		OUTAGE(what_the_cluster_tells_later_is_told_once_more),
		OUTAGE(nothing_is_asked_while_packets_are_delivered_or_no_broker_is_there),
		STOP(with_kafka_away_it_leaves_at_once),
		STOP(what_the_spool_has_no_room_for_is_waited_for),
		STOP(what_the_disk_has_not_taken_is_waited_for),
		STOP(while_kafka_answers_it_stays_and_copies_nothing),
		STOP(without_an_answer_it_leaves_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

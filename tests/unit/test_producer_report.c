/* SPDX-License-Identifier: Apache-2.0 */
/* The account of a producer, over parts that have counted what a test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/producer_role_impl.h"
#include "capture/live_capture.h"
#include "output/viewer.h"
#include "producer/producer.h"
#include "producer/rejections.h"
#include "producer/relay.h"

static struct {
	struct capture_counters capture;
	struct producer_counters producer;
	struct relay_counters relay;
	bool parked;
	int64_t rtt;
	int begun;             /* how often the round trip began anew */
	struct counters said;  /* the last that were reported */
	struct report_end end; /* of the closing lines */
} world;

double ev_now(struct ev_loop *loop)
{
	return 0;
}

bool live_capture_has_parked(const struct live_capture *t)
{
	return world.parked;
}

void live_capture_read_counters(struct live_capture *t, struct capture_counters *out)
{
	*out = world.capture;
}

void producer_read_counters(const struct producer *p, struct producer_counters *out)
{
	*out = world.producer;
}

int64_t producer_rtt(const struct producer *p)
{
	return world.rtt;
}

void producer_begin_rtt(struct producer *p)
{
	world.begun++;
}

const struct rejections *producer_refusals(const struct producer *p)
{
	static const struct rejections none;

	return &none;
}

const char *rejections_words(rd_kafka_resp_err_t err)
{
	return "";
}

void relay_read_counters(const struct relay *r, struct relay_counters *out)
{
	*out = world.relay;
}

void relay_flush(struct relay *r)
{
}

void viewer_end(struct viewer *v)
{
}

void report_log(struct report *r, const struct counters *counters, double now)
{
	world.said = *counters;
}

void report_summarize(struct report *r, const struct counters *counters, double now, char *buf,
		      size_t size)
{
	world.said = *counters;
}

int report_end(struct report *r, const struct counters *counters, const struct report_end *end,
	       double now)
{
	world.said = *counters;
	world.end = *end;
	return 1;
}

/* An instance that captures, and has a spool. Nobody looks into its parts. */
static struct role capturing(void)
{
	static const struct config cfg = {.mode = CONFIG_MODE_PRODUCER};

	world.capture = (struct capture_counters){.dropped_kernel = 7,
						  .dropped_interface = 8,
						  .passed = 107,
						  .unread = 20};
	world.producer = (struct producer_counters){.delivered = 40,
						    .failed = 3,
						    .queued = 12,
						    .doubled = 9};
	world.relay = (struct relay_counters){.recovered = 5, .spooled = 19, .dropped = 1};
	world.parked = false;
	world.rtt = 1500;
	world.begun = 0;
	return (struct role){
		.cfg = &cfg,
		.live = (struct live_capture *)(void *)&world,
		.delivery = (struct delivery *)(void *)&world,
		.taken = 70,
		.bytes = 7000,
		.own_packets = 10,
	};
}

static const struct counters *summarize(struct role *s)
{
	char text[192];

	producer_report_summarize(s, text, sizeof(text));
	return &world.said;
}

static void test_each_value_is_where_the_account_has_it(void **state)
{
	struct role s = capturing();
	const struct counters *c = summarize(&s);

	assert_int_equal(c->received, 80);
	assert_int_equal(c->recovered, 5);
	assert_int_equal(c->delivered, 40);
	assert_int_equal(c->queued, 12);
	assert_int_equal(c->spooled, 19);
	assert_int_equal(c->failed, 3);
	assert_int_equal(c->dropped, 1);
	assert_int_equal(c->own, 10);
	assert_int_equal(c->dropped_kernel, 7);
	assert_int_equal(c->dropped_interface, 8);
	assert_int_equal(c->doubled, 9);
	assert_int_equal(c->bytes, 7000);
	assert_int_equal(c->rtt, 1500);
	assert_true(c->passed == COUNTER_UNKNOWN);
}

/* Whoever reads, and however often. */
static void test_reading_changes_nothing(void **state)
{
	struct role s = capturing();
	struct counters first = *summarize(&s);

	for (int i = 0; i < 3; i++)
		assert_memory_equal(summarize(&s), &first, sizeof(first));
	assert_int_equal(world.begun, 0);
	producer_report_log(&s);
	assert_memory_equal(&world.said, &first, sizeof(first));
	/* What is since the line before begins with the line, alone. */
	assert_int_equal(world.begun, 1);
	assert_memory_equal(summarize(&s), &first, sizeof(first));
	assert_int_equal(world.begun, 1);
}

static void test_a_parked_packet_is_queued(void **state)
{
	struct role s = capturing();
	const struct counters *c;

	world.parked = true;
	c = summarize(&s);
	assert_int_equal(c->received, 81);
	assert_int_equal(c->queued, 13);
	/* The limit was reached: nobody takes it any more. */
	s.limit_reached = true;
	c = summarize(&s);
	assert_int_equal(c->received, 80);
	assert_int_equal(c->queued, 12);
}

/* Behind a queue that stayed full there is one that nobody will take any more. */
static void test_a_parked_packet_is_dropped_at_the_end(void **state)
{
	struct role s = capturing();
	const struct counters *c;

	s.ended = true;
	world.parked = true;
	world.capture.unread--;
	c = summarize(&s);
	assert_int_equal(c->received, 100);
	assert_int_equal(c->queued, 12);
	assert_int_equal(c->dropped, 21);
	assert_int_equal(producer_report_close(&s, false), 1);
	assert_int_equal(world.end.unread, 20);
}

/* Nobody will read it any more. */
static void test_what_is_unread_at_the_end_is_dropped(void **state)
{
	struct role s = capturing();
	const struct counters *c;

	s.ended = true;
	c = summarize(&s);
	assert_int_equal(c->received, 100);
	assert_int_equal(c->dropped, 21);
	assert_int_equal(c->passed, 107);
	assert_int_equal(producer_report_close(&s, false), 1);
	assert_int_equal(world.said.dropped, 21);
	assert_int_equal(world.end.unread, 20);
	assert_int_equal(world.end.spool, 1);
	assert_int_equal(world.end.refused, 3);
	/* What the limit left there was not to be taken. */
	s.limit_reached = true;
	c = summarize(&s);
	assert_int_equal(c->dropped, 1);
	assert_true(c->passed == COUNTER_UNKNOWN);
}

static void test_what_passed_is_known_where_it_can_be_counted(void **state)
{
	struct role s = capturing();

	s.ended = true;
	world.capture.inexact = true;
	world.capture.unread = 0;
	assert_true(summarize(&s)->passed == COUNTER_UNKNOWN);
	world.capture = (struct capture_counters){.passed = 80};
	assert_int_equal(summarize(&s)->passed, 80);
	s.live = NULL; /* a savefile */
	assert_true(summarize(&s)->passed == COUNTER_UNKNOWN);
}

static void test_what_was_given_up_has_failed(void **state)
{
	struct role s = capturing();

	world.producer.queued = 0;
	s.undelivered = 12;
	assert_int_equal(summarize(&s)->failed, 15);
}

/* A round trip of 0 would be a very good one. */
static void test_before_there_is_a_client_nothing_is_known_of_it(void **state)
{
	struct role s = capturing();

	s.delivery = NULL;
	s.taken = s.own_packets = 0;
	assert_true(summarize(&s)->rtt == COUNTER_UNKNOWN);
	producer_report_log(&s);
	assert_true(world.said.rtt == COUNTER_UNKNOWN);
	assert_int_equal(world.begun, 0);
	s = capturing();
	world.rtt = -1;
	assert_true(summarize(&s)->rtt == COUNTER_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_value_is_where_the_account_has_it),
		cmocka_unit_test(test_reading_changes_nothing),
		cmocka_unit_test(test_a_parked_packet_is_queued),
		cmocka_unit_test(test_a_parked_packet_is_dropped_at_the_end),
		cmocka_unit_test(test_what_is_unread_at_the_end_is_dropped),
		cmocka_unit_test(test_what_passed_is_known_where_it_can_be_counted),
		cmocka_unit_test(test_what_was_given_up_has_failed),
		cmocka_unit_test(test_before_there_is_a_client_nothing_is_known_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

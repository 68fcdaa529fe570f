/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data/stats-*.json are statistics of librdkafka 2.0.2 and 2.12.1 from a broker 4.3.1: a producer,
 * and a member of a group. Of the topic's three partitions the first holds 10 records, of which 4
 * are committed; the second 2, committed, and 3 of a transaction that is open; the third none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "kafka/kafkastats.h"

static char text[65536];

static size_t load(const char *name)
{
	char path[512];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", getenv("UNIT_DATA"), name);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	fclose(f);
	return n;
}

static void assert_partition(const struct kafkastats *s, int32_t id, int64_t high, int64_t end,
			     int64_t lag)
{
	const struct kafkastats_partition *p = kafkastats_find(s, id);

	assert_non_null(p);
	assert_int_equal(p->high, high);
	assert_int_equal(p->end, end);
	assert_int_equal(p->lag, lag);
}

static void assert_consumer(const char *name, int64_t rtt_us)
{
	struct kafkastats s;
	size_t len = load(name);

	assert_int_equal(kafkastats_parse(&s, text, len, "pcap"), 0);
	assert_int_equal(s.rtt_us, rtt_us);
	assert_false(s.no_broker);
	assert_partition(&s, 0, 10, 10, 6);
	assert_partition(&s, 1, 5, 2, 0);
	assert_partition(&s, 2, 0, 0, -1);
	kafkastats_clear(&s);
	assert_null(kafkastats_find(&s, 0));
	assert_int_equal(s.rtt_us, -1);

	assert_int_equal(kafkastats_parse(&s, text, len, "another"), 0);
	assert_null(kafkastats_find(&s, 0));
	kafkastats_clear(&s);
}

static const char brokers_text[] =
	"{\"brokers\":{"
	"\"a:1/bootstrap\":{\"nodeid\":-1,\"nodename\":\"a:1\",\"source\":\"configured\","
	"\"state\":\"UP\",\"connects\":1},"
	"\"GroupCoordinator\":{\"nodeid\":7,\"nodename\":\"a:1\",\"source\":\"logical\","
	"\"state\":\"UP\",\"connects\":1},"
	"\"a:1/7\":{\"nodeid\":7,\"nodename\":\"a:1\",\"source\":\"learned\","
	"\"state\":\"UP\",\"connects\":2,\"rtt\":{\"cnt\":3,\"avg\":20,\"max\":30},"
	"\"outbuf_latency\":{\"cnt\":0,\"avg\":0,\"max\":0}},"
	"\"b:1/8\":{\"nodeid\":8,\"nodename\":\"b:1\",\"source\":\"learned\","
	"\"state\":\"DOWN\",\"connects\":1},"
	"\"c:1/9\":{\"nodeid\":9,\"nodename\":\"c:1\",\"source\":\"learned\","
	"\"state\":\"INIT\",\"connects\":0},"
	"\"d:1/0\":{\"nodeid\":0,\"nodename\":5,\"source\":\"learned\"}}}";

/* Not an address to begin at, a second name of another, nor one that there was no need to call. */
static void test_the_brokers(void **state)
{
	struct kafkastats s;

	assert_int_equal(kafkastats_parse(&s, brokers_text, strlen(brokers_text), NULL), 0);
	assert_int_equal(s.n_brokers, 2);
	assert_string_equal(s.brokers[0].name, "a:1");
	assert_true(s.brokers[0].up);
	assert_int_equal(s.brokers[0].rtt_us, 20);
	assert_int_equal(s.brokers[0].rtt_max_us, 30);
	assert_int_equal(s.brokers[0].outbuf_us, -1);
	assert_string_equal(s.brokers[1].name, "b:1");
	assert_false(s.brokers[1].up);
	assert_int_equal(s.brokers[1].rtt_us, -1);
	kafkastats_clear(&s);
	assert_int_equal(s.n_brokers, 0);
}

/* Two of one name would spoil all of a scrape. */
static void test_a_broker_that_got_another_number_is_one(void **state)
{
	static const char twice[] =
		"{\"brokers\":{"
		"\"a:1/1\":{\"nodeid\":1,\"nodename\":\"a:1\",\"source\":\"learned\","
		"\"state\":\"DOWN\",\"connects\":2},"
		"\"a:1/2\":{\"nodeid\":2,\"nodename\":\"a:1\",\"source\":\"learned\","
		"\"state\":\"UP\",\"connects\":1,\"rtt\":{\"cnt\":3,\"avg\":20,\"max\":30}},"
		"\"a:1/3\":{\"nodeid\":3,\"nodename\":\"a:1\",\"source\":\"learned\","
		"\"state\":\"TRY_CONNECT\",\"connects\":1}}}";
	struct kafkastats s;

	assert_int_equal(kafkastats_parse(&s, twice, strlen(twice), NULL), 0);
	assert_int_equal(s.n_brokers, 1);
	assert_string_equal(s.brokers[0].name, "a:1");
	assert_true(s.brokers[0].up);
	assert_int_equal(s.brokers[0].rtt_us, 20);
	kafkastats_clear(&s);
}

static void test_a_member_of_a_group(void **state)
{
	assert_consumer("stats-consumer-2.0.2.json", 104911);
	assert_consumer("stats-consumer-2.12.1.json", 105552);
}

static void assert_producer(const char *name, int64_t rtt_us)
{
	struct kafkastats s;
	size_t len = load(name);

	assert_int_equal(kafkastats_parse(&s, text, len, NULL), 0);
	assert_int_equal(s.rtt_us, rtt_us);
	assert_int_equal(s.n, 0);
	assert_false(s.no_broker);
	kafkastats_clear(&s);
	/* A producer knows no offsets: librdkafka says -1001. */
	assert_int_equal(kafkastats_parse(&s, text, len, "pcap"), 0);
	assert_partition(&s, 0, -1, -1, -1);
	kafkastats_clear(&s);
}

static void test_a_producer(void **state)
{
	assert_producer("stats-producer-2.0.2.json", 3735);
	assert_producer("stats-producer-2.12.1.json", 3894);
}

static void test_cut_anywhere_nothing_is_known(void **state)
{
	/* Without the newline at its end. */
	size_t len = load("stats-consumer-2.0.2.json") - 1;
	struct kafkastats s;

	for (size_t cut = 0; cut < len; cut++) {
		assert_int_equal(kafkastats_parse(&s, text, cut, "pcap"), -EINVAL);
		assert_int_equal(s.rtt_us, -1);
		assert_int_equal(s.n, 0);
	}
}

static void test_the_longest_of_all_brokers_that_answered(void **state)
{
	static const struct {
		const char *text;
		int64_t rtt_us;
	} rows[] = {
		{"{\"brokers\":{\"a\":{\"rtt\":{\"max\":7,\"cnt\":1}},"
		 "\"b\":{\"rtt\":{\"max\":9,\"cnt\":3}},\"c\":{\"rtt\":{\"max\":8,\"cnt\":1}}}}",
		 9},
		{"{\"brokers\":{\"a\":{\"rtt\":{\"max\":0,\"cnt\":1}}}}", 0},
		{"{\"brokers\":{\"a\":{\"rtt\":{\"max\":0,\"cnt\":0}}}}", -1},
		{"{\"brokers\":{\"a\":{\"rtt\":{\"max\":9}}}}", -1},
		{"{\"brokers\":{\"a\":{\"rtt\":{\"max\":\"9\",\"cnt\":1}}}}", -1},
		{"{\"brokers\":{\"a\":{\"rtt\":{\"max\":-9,\"cnt\":1}}}}", -1},
		{"{\"brokers\":{\"a\":{\"rtt\":9},\"b\":[],\"c\":null}}", -1},
		{"{\"brokers\":[{\"rtt\":{\"max\":9,\"cnt\":1}}]}", -1},
		{"{\"brokers\":{}}", -1},
		{"{}", -1},
		{"[]", -1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kafkastats s;

		assert_int_equal(kafkastats_parse(&s, rows[i].text, strlen(rows[i].text), "pcap"),
				 0);
		assert_int_equal(s.rtt_us, rows[i].rtt_us);
		kafkastats_clear(&s);
	}
}

static void test_no_broker_only_where_that_is_said(void **state)
{
	static const struct {
		const char *text;
		bool none;
	} rows[] = {
		{"{\"brokers\":{}}", true},
		{"{\"brokers\":{\"GroupCoordinator\":{\"source\":\"logical\"}}}", true},
		{"{\"brokers\":{\"c\":{\"source\":\"logical\"},\"a\":{\"source\":\"learned\"}}}",
		 false},
		{"{\"brokers\":{\"a\":{\"source\":\"configured\"}}}", false},
		{"{\"brokers\":{\"a\":{}}}", false},
		{"{\"brokers\":[]}", false},
		{"{}", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kafkastats s;

		assert_int_equal(kafkastats_parse(&s, rows[i].text, strlen(rows[i].text), NULL), 0);
		assert_int_equal(s.no_broker, rows[i].none);
		kafkastats_clear(&s);
	}
}

static void test_what_is_no_partition_is_not_known(void **state)
{
	static const char json[] =
		"{\"topics\":{\"pcap\":{\"partitions\":{\"-1\":{\"hi_offset\":1},"
		"\"2147483648\":{\"hi_offset\":2},\"0\":{\"hi_offset\":1e3,\"ls_offset\":\"4\","
		"\"consumer_lag\":-1001},\"2\":7,\"9\":{\"hi_offset\":9}}}}}";
	struct kafkastats s;

	assert_int_equal(kafkastats_parse(&s, json, sizeof(json) - 1, "pcap"), 0);
	assert_partition(&s, 0, -1, -1, -1);
	assert_partition(&s, 1, -1, -1, -1);
	assert_partition(&s, 2, -1, -1, -1);
	assert_null(kafkastats_find(&s, -1));
	assert_null(kafkastats_find(&s, 9));
	assert_null(kafkastats_find(&s, INT32_MAX));
	assert_null(kafkastats_find(&s, INT32_MIN));
	kafkastats_clear(&s);
}

/* As librdkafka writes a client.id with a quote in it. */
static void test_text_without_escapes_is_refused(void **state)
{
	static const char json[] = "{\"client_id\":\"a\"b\",\"brokers\":{}}";
	struct kafkastats s;

	assert_int_equal(kafkastats_parse(&s, json, sizeof(json) - 1, NULL), -EINVAL);
	assert_int_equal(s.rtt_us, -1);
}

static void update(struct kafkastats *s, const char *json, int64_t expected)
{
	assert_int_equal(kafkastats_update(s, json, ""), 0);
	assert_int_equal(s->rtt_us, expected);
}

/* It is not up to who reads it, nor how often, when that begins anew. */
static void test_the_longest_since_it_was_begun(void **state)
{
	static const char long_one[] = "{\"brokers\":{\"a\":{\"rtt\":{\"max\":9,\"cnt\":1}}}}";
	static const char short_one[] = "{\"brokers\":{\"a\":{\"rtt\":{\"max\":3,\"cnt\":1}}}}";
	struct kafkastats s = {.rtt_us = -1};

	update(&s, short_one, 3);
	update(&s, long_one, 9);
	update(&s, short_one, 9);
	kafkastats_begin_rtt(&s);
	assert_int_equal(s.rtt_us, 9); /* until another interval has ended */
	update(&s, short_one, 3);
	update(&s, long_one, 9);
	kafkastats_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_brokers),
		cmocka_unit_test(test_a_broker_that_got_another_number_is_one),
		cmocka_unit_test(test_a_member_of_a_group),
		cmocka_unit_test(test_a_producer),
		cmocka_unit_test(test_cut_anywhere_nothing_is_known),
		cmocka_unit_test(test_the_longest_of_all_brokers_that_answered),
		cmocka_unit_test(test_no_broker_only_where_that_is_said),
		cmocka_unit_test(test_what_is_no_partition_is_not_known),
		cmocka_unit_test(test_text_without_escapes_is_refused),
		cmocka_unit_test(test_the_longest_since_it_was_begun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

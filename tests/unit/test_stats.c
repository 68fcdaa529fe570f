/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/stats.h"

static const struct stats_producer nothing;
static const struct stats_consumer nothing_read;

static const struct stats_producer producer = {
	.received = 1000,
	.bytes = 500000,
	.recovered = 20,
	.delivered = 900,
	.queued = 50,
	.spooled = 40,
	.failed = 3,
	.dropped = 2,
	.own = 25,
	.dropped_kernel = 7,
	.dropped_interface = 8,
	.doubled = 9,
	.rtt_us = 12345,
};

static const struct stats_consumer consumer = {
	.read = 300,
	.written = 290,
	.bytes = 29000,
	.skipped = 10,
	.lag = 42,
};

static void test_line_of_a_producer(void **state)
{
	char line[512];
	int n = stats_format_producer(line, sizeof(line), &producer, &nothing, 10);

	assert_string_equal(line, "received=1000 recovered=20 delivered=900 queued=50 spooled=40 "
				  "failed=3 dropped=2 dropped_kernel=7 dropped_interface=8 own=25 "
				  "doubled=9 rtt_ms=12.3 packets/s=100 bits/s=400000");
	assert_int_equal(n, strlen(line));
}

static void test_line_of_a_consumer(void **state)
{
	char line[256];
	int n = stats_format_consumer(line, sizeof(line), &consumer, &nothing_read, 10);

	assert_string_equal(line, "read=300 written=290 skipped=10 lag=42 packets/s=29 "
				  "bits/s=23200");
	assert_int_equal(n, strlen(line));
}

static void test_what_passed_the_filter_is_told_when_it_is_known(void **state)
{
	struct stats_producer now = {.passed = 1007};
	char line[512];

	stats_format_producer(line, sizeof(line), &now, &nothing, 1);
	assert_null(strstr(line, "passed"));
	now.passed_known = true;
	stats_format_producer(line, sizeof(line), &now, &nothing, 1);
	assert_ptr_equal(strstr(line, "passed=1007 received=0 "), line);
}

static void test_rates_are_since_the_last_line_and_totals_are_not(void **state)
{
	struct stats_producer now = producer;
	struct stats_consumer read = consumer;
	char line[512];

	now.received += 5;
	now.bytes += 1000;
	stats_format_producer(line, sizeof(line), &now, &producer, 0.5);
	assert_non_null(strstr(line, "received=1005 "));
	assert_non_null(strstr(line, " packets/s=10 bits/s=16000"));
	read.written += 7;
	read.bytes += 700;
	stats_format_consumer(line, sizeof(line), &read, &consumer, 2);
	assert_non_null(strstr(line, "written=297 "));
	assert_non_null(strstr(line, " packets/s=4 bits/s=2800")); /* 3.5, to the even one */
}

static void test_no_time_has_no_rate(void **state)
{
	char line[512];

	stats_format_producer(line, sizeof(line), &producer, &nothing, 0);
	assert_non_null(strstr(line, " packets/s=0 bits/s=0"));
	stats_format_consumer(line, sizeof(line), &consumer, &nothing_read, 0);
	assert_non_null(strstr(line, " packets/s=0 bits/s=0"));
	stats_summarize_producer(line, sizeof(line), &producer, &nothing, 0);
	assert_non_null(strstr(line, "0 packets/s, 0 bit/s;"));
	stats_summarize_consumer(line, sizeof(line), &consumer, &nothing_read, 0);
	assert_non_null(strstr(line, "0 packets/s, 0 bit/s;"));
}

static void test_an_unknown_lag_is_no_number(void **state)
{
	struct stats_consumer now = {.lag = -1};
	char line[256];

	stats_format_consumer(line, sizeof(line), &now, &nothing_read, 1);
	assert_non_null(strstr(line, " lag=unknown "));
	stats_summarize_consumer(line, sizeof(line), &now, &nothing_read, 1);
	assert_string_equal(line, "0 packets/s, 0 bit/s; written 0, skipped 0, lag unknown");
}

static void test_an_unknown_round_trip_is_no_number(void **state)
{
	struct stats_producer now = {.rtt_us = -1};
	char line[512];

	stats_format_producer(line, sizeof(line), &now, &nothing, 1);
	assert_non_null(strstr(line, " rtt_ms=unknown "));
	now.rtt_us = 0;
	stats_format_producer(line, sizeof(line), &now, &nothing, 1);
	assert_non_null(strstr(line, " rtt_ms=0.0 "));
}

static void test_counters_of_64_bits(void **state)
{
	struct stats_producer now;
	char line[512];

	memset(&now, 0xff, sizeof(now));
	now.passed_known = true;
	stats_format_producer(line, sizeof(line), &now, &now, 1);
	assert_non_null(strstr(line, "passed=18446744073709551615 received=18446744073709551615 "));
	assert_non_null(strstr(line, " doubled=18446744073709551615 "));
	assert_non_null(strstr(line, " packets/s=0 bits/s=0"));

	struct stats_consumer read = {.read = UINT64_MAX, .lag = INT64_MAX};

	stats_format_consumer(line, sizeof(line), &read, &read, 1);
	assert_non_null(strstr(line, "read=18446744073709551615 "));
	assert_non_null(strstr(line, " lag=9223372036854775807 "));
}

static void test_a_short_buffer_is_cut_and_ended(void **state)
{
	char line[512], small[16];
	int whole = stats_format_producer(line, sizeof(line), &producer, &nothing, 1);

	memset(small, 'x', sizeof(small));
	assert_int_equal(stats_format_producer(small, 9, &producer, &nothing, 1), whole);
	assert_string_equal(small, "received");
	assert_int_equal(small[9], 'x');
	whole = stats_format_consumer(line, sizeof(line), &consumer, &nothing_read, 1);
	assert_int_equal(stats_format_consumer(small, 5, &consumer, &nothing_read, 1), whole);
	assert_string_equal(small, "read");
	assert_int_equal(stats_format_consumer(NULL, 0, &consumer, &nothing_read, 1), whole);
}

static void test_summary_of_a_producer(void **state)
{
	char text[192];
	int n = stats_summarize_producer(text, sizeof(text), &producer, &nothing, 10);

	/* Lost is what failed and all that was dropped. */
	assert_string_equal(text, "100 packets/s, 400.0 kbit/s; delivered 900, queued 50, spooled "
				  "40, lost 20");
	assert_int_equal(n, strlen(text));
}

static void test_summary_of_a_consumer(void **state)
{
	char text[192];

	stats_summarize_consumer(text, sizeof(text), &consumer, &nothing_read, 10);
	assert_string_equal(text, "29 packets/s, 23.2 kbit/s; written 290, skipped 10, lag 42");
}

static void test_bits_have_the_unit_that_fits(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *shown;
	} rows[] = {
		{0, " 0 bit/s"},
		{124, " 992 bit/s"},
		{125, " 1.0 kbit/s"},
		{125000, " 1.0 Mbit/s"},
		{12500000, " 100.0 Mbit/s"},
		{125000000, " 1.0 Gbit/s"},
		{1250000000000, " 10000.0 Gbit/s"},
	};
	char text[192];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stats_producer now = {.bytes = rows[i].bytes};

		stats_summarize_producer(text, sizeof(text), &now, &nothing, 1);
		assert_non_null(strstr(text, rows[i].shown));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_of_a_producer),
		cmocka_unit_test(test_line_of_a_consumer),
		cmocka_unit_test(test_what_passed_the_filter_is_told_when_it_is_known),
		cmocka_unit_test(test_rates_are_since_the_last_line_and_totals_are_not),
		cmocka_unit_test(test_no_time_has_no_rate),
		cmocka_unit_test(test_an_unknown_lag_is_no_number),
		cmocka_unit_test(test_an_unknown_round_trip_is_no_number),
		cmocka_unit_test(test_counters_of_64_bits),
		cmocka_unit_test(test_a_short_buffer_is_cut_and_ended),
		cmocka_unit_test(test_summary_of_a_producer),
		cmocka_unit_test(test_summary_of_a_consumer),
		cmocka_unit_test(test_bits_have_the_unit_that_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

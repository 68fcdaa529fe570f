/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/counters_text.h"

static const struct counters nothing;

static const struct counters producer = {
	.passed = COUNTER_UNKNOWN,
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
	.rtt = 12345,
	.buffered = 1,
	.queued_bytes = 2,
	.spool_bytes = 3,
	.spool_files = 4,
	.spool_age = 5,
};

static const struct counters consumer = {
	.read = 300,
	.written = 290,
	.filtered = 5,
	.bytes = 29000,
	.skipped = 10,
	.lag = 42,
	.gone = 6,
	.lag_time = 7,
	.clients = COUNTER_UNKNOWN,
	.cut_off = COUNTER_UNKNOWN,
	.rotated_files = 8,
};

static const enum config_mode modes[] = {CONFIG_MODE_PRODUCER, CONFIG_MODE_CONSUMER};

static const char *line(enum config_mode mode, const struct counters *now,
			const struct counters *prev, double seconds)
{
	static char buf[512];

	counters_line(buf, sizeof(buf), mode, now, prev, seconds);
	return buf;
}

static const char *status(enum config_mode mode, const struct counters *now,
			  const struct counters *prev, double seconds)
{
	static char buf[192];

	counters_status(buf, sizeof(buf), mode, now, prev, seconds);
	return buf;
}

static void test_line_of_a_producer(void **state)
{
	assert_string_equal(line(CONFIG_MODE_PRODUCER, &producer, &nothing, 10),
			    "received=1000 recovered=20 delivered=900 queued=50 spooled=40 "
			    "failed=3 dropped=2 dropped_kernel=7 dropped_interface=8 own=25 "
			    "doubled=9 rtt_ms=12.3 packets/s=100 bits/s=400000");
}

static void test_line_of_a_consumer(void **state)
{
	assert_string_equal(line(CONFIG_MODE_CONSUMER, &consumer, &nothing, 10),
			    "read=300 written=290 filtered=5 skipped=10 late=0 lag=42 packets/s=29 "
			    "bits/s=23200");
}

static void test_clients_are_told_where_there_can_be_any(void **state)
{
	struct counters now = consumer;

	now.clients = 3;
	now.cut_off = 1;
	assert_string_equal(line(CONFIG_MODE_CONSUMER, &now, &nothing, 10),
			    "read=300 written=290 filtered=5 skipped=10 late=0 clients=3 "
			    "cut_off=1 lag=42 packets/s=29 bits/s=23200");
}

static void test_what_passed_the_filter_is_told_when_it_is_known(void **state)
{
	struct counters now = {.passed = COUNTER_UNKNOWN};
	const char *text = line(CONFIG_MODE_PRODUCER, &now, &nothing, 1);

	assert_null(strstr(text, "passed"));
	now.passed = 1007;
	text = line(CONFIG_MODE_PRODUCER, &now, &nothing, 1);
	assert_ptr_equal(strstr(text, "passed=1007 received=0 "), text);
}

static void test_rates_are_since_the_last_line_and_totals_are_not(void **state)
{
	struct counters now = producer, read = consumer;
	const char *text;

	now.received += 5;
	now.bytes += 1000;
	text = line(CONFIG_MODE_PRODUCER, &now, &producer, 0.5);
	assert_non_null(strstr(text, "received=1005 "));
	assert_non_null(strstr(text, " packets/s=10 bits/s=16000"));
	read.written += 7;
	read.bytes += 700;
	text = line(CONFIG_MODE_CONSUMER, &read, &consumer, 2);
	assert_non_null(strstr(text, "written=297 "));
	assert_non_null(strstr(text, " packets/s=4 bits/s=2800")); /* 3.5, to the even one */
}

static void test_no_time_has_no_rate(void **state)
{
	const char *text = line(CONFIG_MODE_PRODUCER, &producer, &nothing, 0);

	assert_non_null(strstr(text, " packets/s=0 bits/s=0"));
	text = line(CONFIG_MODE_CONSUMER, &consumer, &nothing, 0);
	assert_non_null(strstr(text, " packets/s=0 bits/s=0"));
	text = status(CONFIG_MODE_PRODUCER, &producer, &nothing, 0);
	assert_non_null(strstr(text, "0 packets/s, 0 bit/s;"));
	text = status(CONFIG_MODE_CONSUMER, &consumer, &nothing, 0);
	assert_non_null(strstr(text, "0 packets/s, 0 bit/s;"));
}

static void test_an_unknown_lag_is_no_number(void **state)
{
	struct counters now = {.lag = COUNTER_UNKNOWN};

	assert_non_null(strstr(line(CONFIG_MODE_CONSUMER, &now, &nothing, 1), " lag=unknown "));
	assert_string_equal(status(CONFIG_MODE_CONSUMER, &now, &nothing, 1),
			    "0 packets/s, 0 bit/s; written 0, skipped 0, lag unknown");
}

static void test_an_unknown_round_trip_is_no_number(void **state)
{
	struct counters now = {.rtt = COUNTER_UNKNOWN};

	assert_non_null(strstr(line(CONFIG_MODE_PRODUCER, &now, &nothing, 1), " rtt_ms=unknown "));
	now.rtt = 0;
	assert_non_null(strstr(line(CONFIG_MODE_PRODUCER, &now, &nothing, 1), " rtt_ms=0.0 "));
}

static void test_counters_of_64_bits(void **state)
{
	struct counters now = {
		.passed = UINT64_MAX - 1,
		.received = UINT64_MAX,
		.doubled = UINT64_MAX - 1,
		.written = UINT64_MAX - 1,
		.lag = INT64_MAX,
	};
	const char *text = line(CONFIG_MODE_PRODUCER, &now, &now, 1);

	assert_non_null(strstr(text, "passed=18446744073709551614 "));
	assert_non_null(strstr(text, " doubled=18446744073709551614 "));
	assert_non_null(strstr(text, " packets/s=0 bits/s=0"));
	text = line(CONFIG_MODE_CONSUMER, &now, &now, 1);
	assert_non_null(strstr(text, " written=18446744073709551614 "));
	assert_non_null(strstr(text, " lag=9223372036854775807 "));
}

static void test_a_short_buffer_is_cut_and_ended(void **state)
{
	char small[16];

	memset(small, 'x', sizeof(small));
	counters_line(small, 9, CONFIG_MODE_PRODUCER, &producer, &nothing, 1);
	assert_string_equal(small, "received");
	assert_int_equal(small[9], 'x');
	counters_status(small, 1, CONFIG_MODE_CONSUMER, &consumer, &nothing, 1);
	assert_string_equal(small, "");
}

static void test_summary_of_a_producer(void **state)
{
	/* Lost is what failed and all that was dropped. */
	assert_string_equal(status(CONFIG_MODE_PRODUCER, &producer, &nothing, 10),
			    "100 packets/s, 400.0 kbit/s; delivered 900, queued 50, spooled 40, "
			    "lost 20");
}

static void test_summary_of_a_consumer(void **state)
{
	assert_string_equal(status(CONFIG_MODE_CONSUMER, &consumer, &nothing, 10),
			    "29 packets/s, 23.2 kbit/s; written 290, skipped 10, lag 42");
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

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct counters now = {.bytes = rows[i].bytes};

		assert_non_null(
			strstr(status(CONFIG_MODE_PRODUCER, &now, &nothing, 1), rows[i].shown));
	}
}

/* What people's queries name: a row that is renamed breaks them. */
static void assert_fields(enum config_mode mode, const struct counters *now, const char *expected)
{
	struct counters_fields f;
	char text[1024] = "";

	counters_fields(&f, mode, now);
	for (size_t i = 0; i < f.n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s=%llu ",
			 f.fields[i].name, (unsigned long long)f.fields[i].value);
	assert_string_equal(text, expected);
}

static void test_fields_of_the_journal(void **state)
{
	struct counters now = {.passed = 1,
			       .rtt = COUNTER_UNKNOWN,
			       .spool_age = COUNTER_UNKNOWN,
			       .lag = COUNTER_UNKNOWN,
			       .clients = COUNTER_UNKNOWN,
			       .cut_off = COUNTER_UNKNOWN,
			       .rotated_files = COUNTER_UNKNOWN,
			       .lag_time = COUNTER_UNKNOWN};

	assert_fields(CONFIG_MODE_PRODUCER, &producer,
		      "PYCAPA_RECEIVED=1000 PYCAPA_RECOVERED=20 PYCAPA_DELIVERED=900 "
		      "PYCAPA_QUEUED=50 PYCAPA_SPOOLED=40 PYCAPA_FAILED=3 PYCAPA_DROPPED=2 "
		      "PYCAPA_DROPPED_KERNEL=7 PYCAPA_DROPPED_INTERFACE=8 PYCAPA_OWN=25 "
		      "PYCAPA_DOUBLED=9 PYCAPA_BYTES=500000 PYCAPA_RTT_US=12345 "
		      "PYCAPA_BUFFERED=1 PYCAPA_QUEUED_BYTES=2 PYCAPA_SPOOL_BYTES=3 "
		      "PYCAPA_SPOOL_FILES=4 PYCAPA_SPOOL_AGE_US=5 ");
	assert_fields(CONFIG_MODE_CONSUMER, &consumer,
		      "PYCAPA_READ=300 PYCAPA_WRITTEN=290 PYCAPA_FILTERED=5 PYCAPA_SKIPPED=10 "
		      "PYCAPA_LATE=0 PYCAPA_GONE=6 PYCAPA_ROTATED_FILES=8 "
		      "PYCAPA_BYTES=29000 PYCAPA_LAG=42 PYCAPA_LAG_TIME_US=7 ");
	/* What is not known has none. */
	assert_fields(CONFIG_MODE_PRODUCER, &now,
		      "PYCAPA_PASSED=1 PYCAPA_RECEIVED=0 PYCAPA_RECOVERED=0 PYCAPA_DELIVERED=0 "
		      "PYCAPA_QUEUED=0 PYCAPA_SPOOLED=0 PYCAPA_FAILED=0 PYCAPA_DROPPED=0 "
		      "PYCAPA_DROPPED_KERNEL=0 PYCAPA_DROPPED_INTERFACE=0 PYCAPA_OWN=0 "
		      "PYCAPA_DOUBLED=0 PYCAPA_BYTES=0 PYCAPA_BUFFERED=0 PYCAPA_QUEUED_BYTES=0 "
		      "PYCAPA_SPOOL_BYTES=0 PYCAPA_SPOOL_FILES=0 ");
	assert_fields(
		CONFIG_MODE_CONSUMER, &now,
		"PYCAPA_READ=0 PYCAPA_WRITTEN=0 PYCAPA_FILTERED=0 PYCAPA_SKIPPED=0 PYCAPA_LATE=0 "
		"PYCAPA_GONE=0 PYCAPA_BYTES=0 ");
}

/* What dashboards and alerts name. */
static void assert_metrics(enum config_mode mode, const char *expected)
{
	char text[1024] = "", name[COUNTERS_METRIC_MAX];

	for (const struct counter *row = counters_first(mode); row; row = counters_next(row)) {
		counters_metric(name, sizeof(name), row);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", name);
	}
	assert_string_equal(text, expected);
}

static void test_names_of_metrics(void **state)
{
	assert_metrics(CONFIG_MODE_PRODUCER,
		       "pycapa_passed_packets pycapa_received_packets pycapa_recovered_packets "
		       "pycapa_delivered_packets pycapa_queued_packets pycapa_spooled_packets "
		       "pycapa_failed_packets pycapa_dropped_packets "
		       "pycapa_dropped_kernel_packets pycapa_dropped_interface_packets "
		       "pycapa_own_packets pycapa_doubled_packets pycapa_bytes "
		       "pycapa_rtt_seconds pycapa_buffered_packets pycapa_queued_bytes "
		       "pycapa_spool_bytes pycapa_spool_files pycapa_spool_age_seconds ");
	assert_metrics(CONFIG_MODE_CONSUMER,
		       "pycapa_read_records pycapa_written_packets pycapa_filtered_packets "
		       "pycapa_skipped_records pycapa_late_packets pycapa_clients "
		       "pycapa_cut_off_clients pycapa_gone_records pycapa_rotated_files "
		       "pycapa_bytes pycapa_lag_records pycapa_lag_time_seconds ");
}

/* ---- each row of the table ---- */

/* With one counter of its own value, all others 0. */
static struct counters only(const struct counter *row, uint64_t value)
{
	struct counters c = nothing;

	memcpy((char *)&c + row->offset, &value, sizeof(value));
	return c;
}

static bool has(const char *text, const char *what)
{
	return strstr(text, what) != NULL;
}

static void assert_shown(const struct counter *row)
{
	const struct counters now = only(row, 7777000);
	bool is_time = row->unit == COUNTER_MICROSECONDS, is_bytes = row->unit == COUNTER_BYTES;
	const char *value = is_time ? "7777.0" : "7777000";
	char expected[64];
	struct counters_fields f;
	size_t with_value = 0;

	snprintf(expected, sizeof(expected), "%s%s=%s ", row->name, is_time ? "_ms" : "", value);
	assert_int_equal(has(line(row->mode, &now, &nothing, 1), expected),
			 (row->shown & COUNTER_IN_LINE) != 0);
	snprintf(expected, sizeof(expected), "%s=%u", is_bytes ? "bits/s" : "packets/s",
		 is_bytes ? 8 * 7777000U : 7777000U);
	assert_int_equal(has(line(row->mode, &now, &nothing, 1), expected),
			 (row->shown & COUNTER_AS_RATE) != 0);
	snprintf(expected, sizeof(expected), " %s %s", row->name, value);
	assert_int_equal(has(status(row->mode, &now, &nothing, 1), expected),
			 (row->shown & COUNTER_IN_STATUS) != 0);
	assert_int_equal(has(status(row->mode, &now, &nothing, 1), "lost 7777000"),
			 (row->shown & COUNTER_AS_LOSS) != 0);
	counters_fields(&f, row->mode, &now);
	for (size_t i = 0; i < f.n; i++)
		with_value += f.fields[i].value == 7777000;
	assert_int_equal(with_value, 1);
}

static void test_each_counter_is_in_what_its_row_says(void **state)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		for (const struct counter *row = counters_first(modes[i]); row;
		     row = counters_next(row))
			assert_shown(row);
}

/* `*received*`, in pycapa(1). */
static void test_the_manual_names_what_a_line_has(void **state)
{
	FILE *manual = fopen(getenv("MANUAL"), "re");
	static char text[100000];
	char name[64];

	assert_non_null(manual);
	text[fread(text, 1, sizeof(text) - 1, manual)] = '\0';
	fclose(manual);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		for (const struct counter *row = counters_first(modes[i]); row;
		     row = counters_next(row)) {
			snprintf(name, sizeof(name), "*%s%s*", row->name,
				 row->unit == COUNTER_MICROSECONDS ? "_ms" : "");
			assert_int_equal(has(text, name), (row->shown & COUNTER_IN_LINE) != 0);
		}
}

/* What an exporter needs: a name and a help that its format can hold, none twice. */
static void assert_exportable(const struct counter *row)
{
	const struct counter *other = row;

	assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(row->name));
	assert_true(strlen(row->name) > 1 && row->help[strlen(row->help) - 1] == '.');
	assert_null(strpbrk(row->help, "\n\\\""));
	assert_true(row->offset + sizeof(uint64_t) <= sizeof(struct counters));
	while ((other = counters_next(other))) {
		assert_string_not_equal(other->name, row->name);
		assert_int_not_equal(other->offset, row->offset);
	}
}

/* Each member of struct counters has a row. */
static void test_the_table_is_whole(void **state)
{
	unsigned char in_table[sizeof(struct counters)] = {0};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		for (const struct counter *row = counters_first(modes[i]); row;
		     row = counters_next(row)) {
			assert_exportable(row);
			memset(in_table + row->offset, 1, sizeof(uint64_t));
		}
	assert_null(memchr(in_table, 0, sizeof(in_table)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_of_a_producer),
		cmocka_unit_test(test_line_of_a_consumer),
		cmocka_unit_test(test_clients_are_told_where_there_can_be_any),
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
		cmocka_unit_test(test_fields_of_the_journal),
		cmocka_unit_test(test_names_of_metrics),
		cmocka_unit_test(test_each_counter_is_in_what_its_row_says),
		cmocka_unit_test(test_the_manual_names_what_a_line_has),
		cmocka_unit_test(test_the_table_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

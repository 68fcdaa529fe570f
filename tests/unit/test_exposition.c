/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/exposition.h"

/* What fill() writes, in a format. Freed by the next call. */
static const char *written(void (*fill)(struct exposition *e), enum exposition_format format)
{
	static char *text;
	struct exposition e;
	size_t len;
	FILE *out;

	free(text);
	out = open_memstream(&text, &len);
	exposition_begin(&e, out, format);
	fill(&e);
	exposition_end(&e);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void fill_kinds(struct exposition *e)
{
	static const struct exposition_label labels[] = {{"a", "1"}, {"b", "x y"}};

	exposition_family(e, "pycapa_received_packets", EXPOSITION_COUNTER, "Packets.");
	exposition_integer(e, NULL, 0, UINT64_MAX);
	exposition_family(e, "pycapa_rtt_seconds", EXPOSITION_GAUGE, "Round trip.");
	exposition_seconds(e, labels, 1, 12034567);
	exposition_family(e, "pycapa_build", EXPOSITION_INFO, "Versions.");
	exposition_integer(e, labels, 2, 1);
}

static void test_the_text_of_prometheus(void **state)
{
	assert_string_equal(written(fill_kinds, EXPOSITION_PROMETHEUS),
			    "# HELP pycapa_received_packets_total Packets.\n"
			    "# TYPE pycapa_received_packets_total counter\n"
			    "pycapa_received_packets_total 18446744073709551615\n"
			    "# HELP pycapa_rtt_seconds Round trip.\n"
			    "# TYPE pycapa_rtt_seconds gauge\n"
			    "pycapa_rtt_seconds{a=\"1\"} 12.034567\n"
			    "# HELP pycapa_build_info Versions.\n"
			    "# TYPE pycapa_build_info gauge\n"
			    "pycapa_build_info{a=\"1\",b=\"x y\"} 1\n");
}

static void test_the_text_of_openmetrics(void **state)
{
	assert_string_equal(written(fill_kinds, EXPOSITION_OPENMETRICS),
			    "# HELP pycapa_received_packets Packets.\n"
			    "# TYPE pycapa_received_packets counter\n"
			    "pycapa_received_packets_total 18446744073709551615\n"
			    "# HELP pycapa_rtt_seconds Round trip.\n"
			    "# TYPE pycapa_rtt_seconds gauge\n"
			    "pycapa_rtt_seconds{a=\"1\"} 12.034567\n"
			    "# HELP pycapa_build Versions.\n"
			    "# TYPE pycapa_build info\n"
			    "pycapa_build_info{a=\"1\",b=\"x y\"} 1\n"
			    "# EOF\n");
}

static void fill_histogram(struct exposition *e)
{
	static const uint32_t bounds[] = {5, 100, 2500, 10000};
	static const uint64_t counts[] = {1, 2, 0, 3, 4};

	exposition_family(e, "age_seconds", EXPOSITION_HISTOGRAM, "Age.");
	exposition_histogram(e, bounds, counts, 4, 123045);
}

/* Its buckets hold all up to their bound. */
static void test_a_histogram(void **state)
{
	assert_string_equal(written(fill_histogram, EXPOSITION_PROMETHEUS),
			    "# HELP age_seconds Age.\n"
			    "# TYPE age_seconds histogram\n"
			    "age_seconds_bucket{le=\"0.005\"} 1\n"
			    "age_seconds_bucket{le=\"0.1\"} 3\n"
			    "age_seconds_bucket{le=\"2.5\"} 3\n"
			    "age_seconds_bucket{le=\"10.0\"} 6\n"
			    "age_seconds_bucket{le=\"+Inf\"} 10\n"
			    "age_seconds_sum 123.045\n"
			    "age_seconds_count 10\n");
}

static void fill_label(struct exposition *e)
{
	static const struct exposition_label labels[] = {{"quoted", "a\"b\\c"},
							 {"lines", "d\ne\tf"},
							 {"foreign", "\xc3\xa9 \xff\x1b[1m"}};

	exposition_family(e, "x", EXPOSITION_GAUGE, "X.");
	exposition_integer(e, labels, 3, 0);
}

static void test_labels_are_escaped(void **state)
{
	const char *text = written(fill_label, EXPOSITION_PROMETHEUS);

	assert_non_null(strstr(text, "x{quoted=\"a\\\"b\\\\c\",lines=\"d e f\","
				     "foreign=\"\xc3\xa9 ??[1m\"} 0\n"));
}

static char long_value[2000];

static void fill_long_label(struct exposition *e)
{
	const struct exposition_label label = {"long", long_value};

	memset(long_value, 'y', sizeof(long_value) - 1);
	exposition_family(e, "x", EXPOSITION_GAUGE, "X.");
	exposition_integer(e, &label, 1, 0);
}

static void test_a_long_label_is_cut(void **state)
{
	assert_non_null(strstr(written(fill_long_label, EXPOSITION_PROMETHEUS), "yyy\"} 0\n"));
}

static void test_the_format_is_what_accept_prefers(void **state)
{
	static const struct {
		const char *accept;
		enum exposition_format format;
	} rows[] = {
		{NULL, EXPOSITION_PROMETHEUS},
		{"", EXPOSITION_PROMETHEUS},
		{"*/*", EXPOSITION_PROMETHEUS},
		{"text/plain", EXPOSITION_PROMETHEUS},
		{"application/openmetrics-text", EXPOSITION_OPENMETRICS},
		/* Prometheus 2.42 */
		{"application/openmetrics-text;version=1.0.0,"
		 "application/openmetrics-text;version=0.0.1;q=0.75,"
		 "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		 EXPOSITION_OPENMETRICS},
		{"text/plain;version=0.0.4;q=0.8, Application/OpenMetrics-Text; q=0.3",
		 EXPOSITION_PROMETHEUS},
		{"text/plain; q=0.25, application/openmetrics-text; version=1.0.0; q=0.3",
		 EXPOSITION_OPENMETRICS},
		{"application/openmetrics-text;q=0", EXPOSITION_PROMETHEUS},
		{"application/openmetrics-text;q=0.000,text/plain", EXPOSITION_PROMETHEUS},
		{"application/openmetrics-texts", EXPOSITION_PROMETHEUS},
		{",,; q=,", EXPOSITION_PROMETHEUS},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(exposition_choose(rows[i].accept), rows[i].format);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_text_of_prometheus),
		cmocka_unit_test(test_the_text_of_openmetrics),
		cmocka_unit_test(test_a_histogram),
		cmocka_unit_test(test_labels_are_escaped),
		cmocka_unit_test(test_a_long_label_is_cut),
		cmocka_unit_test(test_the_format_is_what_accept_prefers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/closest_name.h"
#include "base/units.h"
#include "config/brokers.h"
#include "config/partition_set.h"
#include "config/point_in_time.h"
#include "config/property.h"
#include "config/settings.h"
#include "config/start_offset.h"
#include "with_cfg.h"

static void test_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes; /* UINT64_MAX: refused */
	} sizes[] = {
		{"0", 0},
		{"5", 5 * 1024},
		{"5B", 5},
		{"64M", 64ULL << 20},
		{"64m", 64ULL << 20},
		{"10G", 10ULL << 30},
		{"1KiB", 1024},
		{"2TB", 2ULL << 40},
		{"", UINT64_MAX},
		{"M", UINT64_MAX},
		{"-1", UINT64_MAX},
		{" 1", UINT64_MAX},
		{"1 M", UINT64_MAX},
		{"1Q", UINT64_MAX},
		{"18446744073709551616B", UINT64_MAX},
		{"16777216T", UINT64_MAX},
		{"1M1", UINT64_MAX},
		{"3k", 3ULL << 10},
		{"3kb", 3ULL << 10},
		{"3kib", 3ULL << 10},
		{"3mb", 3ULL << 20},
		{"3MiB", 3ULL << 20},
		{"3GB", 3ULL << 30},
		{"3gib", 3ULL << 30},
		{"3T", 3ULL << 40},
		{"3TiB", 3ULL << 40},
	};
	static const struct {
		const char *text;
		uint64_t ms; /* UINT64_MAX: refused */
	} times[] = {
		{"20ms", 20},       {"2", 2000},         {"2S", 2000},
		{"3m", 180000},     {"3min", 180000},    {"2h", 7200000},
		{"2d", 172800000},  {"1w", 604800000},   {"0", 0},
		{"1y", UINT64_MAX}, {"1 s", UINT64_MAX}, {"-1s", UINT64_MAX},
		{"", UINT64_MAX},   {"s", UINT64_MAX},   {"99999999999999999w", UINT64_MAX},
	};
	uint64_t v;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		bool ok = units_parse_size(sizes[i].text, 1024, &v);

		assert_int_equal(ok, sizes[i].bytes != UINT64_MAX);
		if (ok)
			assert_int_equal(v, sizes[i].bytes);
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		bool ok = units_parse_time(times[i].text, 1000, &v);

		assert_int_equal(ok, times[i].ms != UINT64_MAX);
		if (ok)
			assert_int_equal(v, times[i].ms);
	}
}

static void test_units_round_trip(void **state)
{
	static const struct {
		uint64_t value;
		const char *size, *time; /* in the greatest unit that leaves no rest */
	} cases[] = {
		{0, "0", "0"},
		{1, "1B", "1ms"},
		{999, "999B", "999ms"},
		{1000, "1000B", "1s"},
		{1024, "1K", "1024ms"},
		{1536, "1536B", "1536ms"},
		{60000, "60000B", "1m"},
		{90000, "90000B", "90s"},
		{65536, "64K", "65536ms"},
		{7200000, "7200000B", "2h"},
		{172800000, "168750K", "2d"},
		{1209600000, "1181250K", "2w"},
		{5ULL << 20, "5M", "5242880ms"},
		{3ULL << 30, "3G", "3221225472ms"},
		{1ULL << 40, "1T", "1099511627776ms"},
	};
	char text[32];
	uint64_t back;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		units_format_size(text, sizeof(text), cases[i].value);
		assert_string_equal(text, cases[i].size);
		assert_true(units_parse_size(text, 1, &back));
		assert_int_equal(back, cases[i].value);
		units_format_time(text, sizeof(text), cases[i].value);
		assert_string_equal(text, cases[i].time);
		assert_true(units_parse_time(text, 1, &back));
		assert_int_equal(back, cases[i].value);
	}
}

static void test_spans_are_for_people(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} cases[] = {
		{0, "0s"},
		{999, "0s"},
		{59999, "59s"},
		{60000, "1m"},
		{125000, "2m 5s"},
		{3600000, "1h"},
		{7265000, "2h 1m"},
		{86400000, "1d"},
		{86460000, "1d"},
		{273600000, "3d 4h"},
		{6208704000000, "71860d"},
	};
	char text[32];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		units_format_span(text, sizeof(text), cases[i].ms);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_offsets(void **state)
{
	static const struct {
		const char *text;
		int kind; /* -1: refused */
		int64_t value;
	} cases[] = {
		{"begin", CONFIG_OFFSET_BEGIN, 0},
		{"END", CONFIG_OFFSET_END, 0},
		{"stored", CONFIG_OFFSET_STORED, 0},
		{"0", CONFIG_OFFSET_ABSOLUTE, 0},
		{"12345678901", CONFIG_OFFSET_ABSOLUTE, 12345678901},
		{"-10", CONFIG_OFFSET_TAIL, 10},
		{"-15m", CONFIG_OFFSET_TIME, NOW_MS - 900000},
		{"-1d", CONFIG_OFFSET_TIME, NOW_MS - 86400000},
		{"@0", CONFIG_OFFSET_TIME, 0},
		{"@1795435200.25", CONFIG_OFFSET_TIME, NOW_MS + 250},
		{"2026-11-23T12:00:00Z", CONFIG_OFFSET_TIME, NOW_MS},
		{"2026-11-23 13:00:00+01:00", CONFIG_OFFSET_TIME, NOW_MS},
		{"2026-11-23t06:30:00.1234567-05:30", CONFIG_OFFSET_TIME, NOW_MS + 123},
		{"2024-02-29T00:00:00Z", CONFIG_OFFSET_TIME, 1709164800000},
		{"2026-02-29T00:00:00Z", -1, 0},
		/* in the local zone, which main() has made one of the summer's */
		{"2026-11-23T13:00:00", CONFIG_OFFSET_TIME, NOW_MS},
		{"2026-07-01 00:00:00.5", CONFIG_OFFSET_TIME, 1782856800500},
		{"2026-07-01", CONFIG_OFFSET_TIME, 1782856800000},
		{"2026-11-23T13:00", CONFIG_OFFSET_TIME, NOW_MS},
		{"2026-11-23 12:00Z", CONFIG_OFFSET_TIME, NOW_MS},
		{"2026-11-23T12:00.5Z", -1, 0},
		{"2026-11-23T12:", -1, 0},
		{"now", CONFIG_OFFSET_TIME, NOW_MS},
		{"+15m", CONFIG_OFFSET_TIME, NOW_MS + 900000},
		{"+99999w", -1, 0},
		{"nowadays", -1, 0},
		{"2026-11-2", -1, 0},
		{"2026-13-01T00:00:00Z", -1, 0},
		{"2026-11-23T24:00:00Z", -1, 0},
		{"2026-11-23T12:00:00Zx", -1, 0},
		{"1970-01-01T00:00:00+01:00", -1, 0},
		{"-0", -1, 0},
		{"+5", -1, 0},
		{"-15x", -1, 0},
		{"-99999w", -1, 0},
		{"@", -1, 0},
		{"@1.", -1, 0},
		{"@-1", -1, 0},
		{"@99999999999999999999", -1, 0},
		{"", -1, 0},
		{"-", -1, 0},
		{"beginning", CONFIG_OFFSET_BEGIN, 0},
		{"Earliest", CONFIG_OFFSET_BEGIN, 0},
		{"latest", CONFIG_OFFSET_END, 0},
		{"first", -1, 0},
		{"@9999999999", CONFIG_OFFSET_TIME, 9999999999000},
		{"@1795428900000", -1, 0},
		{"@1795428900000000", -1, 0},
		{"@1795428900000000000", -1, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum config_offset kind = CONFIG_OFFSET_END;
		int64_t value = 0;
		bool ok = start_offset_parse(cases[i].text, NOW_MS, &kind, &value);

		if (ok != (cases[i].kind >= 0))
			fail_msg("'%s' was %s", cases[i].text, ok ? "taken" : "refused");
		if (ok) {
			assert_int_equal(kind, cases[i].kind);
			assert_int_equal(value, cases[i].value);
		}
	}
}

static void test_points_in_time_are_exact_and_shown(void **state)
{
	static const char *const bad[] = {"-1h30", "-1h-30m", "07:60", "07:9", "07:09Z", "todayx"};
	char text[128];
	int64_t us = 0;

	assert_true(point_in_time_parse("2026-11-23T12:00:00.1234567Z", 0, &us));
	assert_int_equal(us, NOW_MS * 1000 + 123456);
	point_in_time_format(text, sizeof(text), us, false);
	assert_string_equal(text, "2026-11-23T12:00:00.123456Z");
	point_in_time_format(text, sizeof(text), us / 1000000 * 1000000, true);
	assert_string_equal(text, "2026-11-23 13:00:00 CET");
	assert_true(point_in_time_parse("-1ms", NOW_MS * 1000, &us));
	assert_int_equal(us, NOW_MS * 1000 - 1000);
	assert_true(point_in_time_parse("-1h30m", NOW_MS * 1000, &us));
	assert_int_equal(us, (NOW_MS - 5400000) * 1000);
	assert_true(
		point_in_time_parse("07:09", NOW_MS * 1000, &us)); /* it is 13:00 in this zone */
	assert_int_equal(us, (NOW_MS - (5 * 60 + 51) * 60000) * 1000);
	assert_true(point_in_time_parse("07:09:30.5", NOW_MS * 1000, &us));
	assert_int_equal(us, (NOW_MS - (5 * 60 + 51) * 60000 + 30500) * 1000);
	assert_true(point_in_time_parse("today", NOW_MS * 1000, &us));
	assert_int_equal(us, (NOW_MS - 13 * 3600000) * 1000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(point_in_time_parse(bad[i], NOW_MS * 1000, &us));
	point_in_time_explain("@1795428900000", text, sizeof(text));
	assert_non_null(strstr(text, "looks like milliseconds"));
	point_in_time_explain("1795428900000", text, sizeof(text));
	assert_non_null(strstr(text, "looks like milliseconds: in seconds it is @1795428900.000"));
	point_in_time_explain("1795428900.5", text, sizeof(text));
	assert_string_equal(text, "'1795428900.5' is not a time: write seconds since 1970 as "
				  "@1795428900.5");
}

static void test_a_set_of_partitions(void **state)
{
	static const char *const bad[] = {"a", "1-", "3-1", "1,", ",1", "1 2", "-1", "4294967296"};
	char why[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (partition_set_check(bad[i], why, sizeof(why)) == 0)
			fail_msg("'%s' was taken", bad[i]);
	assert_string_equal(why, "'4294967296' is not a list of partitions, such as 0-3,7");
	assert_int_equal(partition_set_check("0-3,7", why, sizeof(why)), 0);
	for (int32_t i = 0; i < 10; i++)
		assert_int_equal(partition_set_has("0-3,7", i), i <= 3 || i == 7);
	assert_true(partition_set_has(NULL, 4));
	assert_int_equal(partition_set_last("7,0-3"), 7);
	assert_int_equal(partition_set_last(NULL), -1);
}

static const char *nearest_of(const char *word)
{
	static const char *const names[] = {"snaplen",         "kafka-topic", "kafka-broker",
					    "linger.ms",       "acks",        "spool-size",
					    "spool-directory", "partition",   "partition-inner"};
	struct closest_name near;

	closest_name_start(&near, word);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		closest_name_offer(&near, names[i]);
	return near.best;
}

static void test_nearest(void **state)
{
	assert_string_equal(nearest_of("snpalen"), "snaplen");
	assert_string_equal(nearest_of("kafka_topic"), "kafka-topic");
	assert_string_equal(nearest_of("kafka-brokers"), "kafka-broker");
	assert_string_equal(nearest_of("Linger-ms"), "linger.ms");
	assert_string_equal(nearest_of("spool-dir"), "spool-directory");
	assert_string_equal(nearest_of("Spool_Dir"), "spool-directory");
	assert_string_equal(nearest_of("partition-inne"), "partition-inner");
	assert_string_equal(nearest_of("partitions"), "partition");
	assert_string_equal(nearest_of("linger"), "linger.ms");
	assert_null(nearest_of("kafka"));
	assert_null(nearest_of("frobnicate"));
	assert_null(nearest_of(
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

/* Every default parses, lies in its range, and is what settings_format() gives back. */
static void test_defaults(void **state)
{
	const struct setting *s;
	struct config *cfg;
	char text[256];
	size_t n;

	assert_int_equal(config_new(&cfg), 0);
	for (s = settings_table(&n); n > 0; n--, s++) {
		assert_non_null(s->help);
		assert_ptr_equal(settings_find(s->name), s);
		if (s->type == SETTING_ACTION || s->type == SETTING_PROPERTIES)
			continue;
		settings_format(text, sizeof(text), cfg, s);
		assert_string_equal(text, s->initial != NULL ? s->initial : "");
	}
	assert_int_equal(cfg->buffer_size, 64 << 20);
	assert_int_equal(cfg->buffer_timeout_ms, 20);
	assert_int_equal(cfg->spool_size, 10ULL << 30);
	assert_int_equal(cfg->snaplen, 65535);
	assert_true(cfg->promiscuous);
	config_unref(cfg);
}

/* A text that a setting takes, and that is not its default. */
static const char *another_value(const struct setting *s)
{
	switch (s->type) {
	case SETTING_BOOL:
		return s->initial != NULL && strcmp(s->initial, "true") == 0 ? "false" : "true";
	case SETTING_SIZE:
		return "2M";
	case SETTING_TIME:
		return "7s";
	case SETTING_ENUM:
		return s->choices[s->choices[1].name != NULL].name;
	case SETTING_OFFSET:
	case SETTING_POINT:
		return "-15m";
	default:
		return "77";
	}
}

/*
 * A field and a row are all that a setting needs: it is set, shown, and put back to its default.
 * What a row would leave behind is a leak, which the sanitizers find.
 */
static void test_all_follows_from_the_row(void **state)
{
	const struct setting *s;
	struct config *cfg;
	char text[256], why[256];
	size_t n;

	assert_int_equal(config_new(&cfg), 0);
	for (s = settings_table(&n); n > 0; n--, s++) {
		if (s->type == SETTING_ACTION || s->type == SETTING_PROPERTIES)
			continue;
		for (int twice = 0; twice < 2; twice++) {
			if (settings_set(cfg, s, another_value(s), NOW_MS, why, sizeof(why)) < 0)
				fail_msg("%s: %s", s->name, why);
			settings_format(text, sizeof(text), cfg, s);
			assert_string_equal(text, another_value(s));
		}
		assert_int_equal(settings_reset(cfg, s, why, sizeof(why)), 0);
		settings_format(text, sizeof(text), cfg, s);
		assert_string_equal(text, s->initial != NULL ? s->initial : "");
		assert_int_equal(settings_set(cfg, s, another_value(s), NOW_MS, why, sizeof(why)),
				 0);
	}
	config_unref(cfg);
}

/* Whoever keeps a configuration has it until he lets it go; one that was not made is not counted.
 */
static void test_references(void **state)
{
	static const struct config fixture;
	const struct config *held = &fixture;
	struct config *cfg;

	assert_int_equal(config_new(&cfg), 0);
	config_hold(&held, cfg);
	assert_int_equal(cfg->refs, 2);
	config_hold(&held, cfg);
	assert_int_equal(cfg->refs, 2);
	config_unref(cfg);
	assert_int_equal(cfg->refs, 1);
	assert_string_equal(held->topic, "pcap");
	config_hold(&held, config_ref(&fixture));
	assert_ptr_equal(held, &fixture);
	config_hold(&held, NULL);
	assert_null(held);
	config_unref(NULL);
}

static void test_short_names_are_unique(void **state)
{
	const struct setting *s;
	size_t n;

	s = settings_table(&n);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(s[i].name, s[j].name);
			if (s[i].short_name != NULL && s[j].short_name != NULL)
				assert_string_not_equal(s[i].short_name, s[j].short_name);
		}
	}
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void test_property_values(void **state)
{
	char dir[] = "/tmp/pycapa-test-XXXXXX", path[64], text[128], why[256];
	struct config_property p = {0};

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/pw", dir);
	write_file(path, "hun=ter2\n\n");

	assert_int_equal(property_parse(&p, "sasl.password=a=b", "-X", NULL, why, sizeof(why)), 0);
	assert_string_equal(p.name, "sasl.password");
	assert_string_equal(p.value, "a=b");
	property_clear(&p);
	assert_int_equal(property_parse(&p, "sasl.password=@@x", "-X", NULL, why, sizeof(why)), 0);
	assert_string_equal(p.value, "@x");
	assert_null(p.source);
	property_clear(&p);
	assert_int_equal(property_parse(&p, "sasl.password=@pw", "-X", dir, why, sizeof(why)), 0);
	assert_string_equal(p.value, "hun=ter2\n");
	assert_string_equal(p.source, path);
	property_clear(&p);
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	snprintf(text, sizeof(text), "sasl.password=@credential:pw");
	assert_int_equal(property_parse(&p, text, "-X", NULL, why, sizeof(why)), 0);
	assert_string_equal(p.value, "hun=ter2\n");
	property_clear(&p);
	assert_int_equal(property_parse(&p, "a=@credential:../pw", "-X", NULL, why, sizeof(why)),
			 -22);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(property_parse(&p, text, "-X", NULL, why, sizeof(why)),
			 PROPERTY_E_NO_CREDENTIALS);
	assert_non_null(strstr(why, "CREDENTIALS_DIRECTORY"));
	assert_string_equal(p.name, "sasl.password");
	assert_null(p.value);
	property_clear(&p);
	assert_int_equal(property_parse(&p, "a=@credential:", "-X", NULL, why, sizeof(why)), -22);
	assert_int_equal(property_parse(&p, "a=@nofile", "-X", dir, why, sizeof(why)), -22);
	assert_non_null(strstr(why, "nofile: No such file"));
	assert_int_equal(property_parse(&p, "hunter2", "-X", NULL, why, sizeof(why)), -22);
	assert_null(strstr(why, "hunter2"));
	unlink(path);
	rmdir(dir);
}

/* A certificate that is replaced on disk is a change, though its name is the same. */
static void test_file_stamp(void **state)
{
	char path[] = "/tmp/pycapa-test-XXXXXX";
	uint64_t stamp;
	char blank[64];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	stamp = property_file_stamp("ssl.ca.location", path);
	assert_int_not_equal(stamp, 0);
	/* librdkafka leaves out what is blank at the start of a value. */
	snprintf(blank, sizeof(blank), " \t%s", path);
	assert_int_equal(property_file_stamp("ssl.ca.location", blank), stamp);
	assert_int_equal(property_file_stamp("client.id", path), 0);
	write_file(path, "another certificate");
	assert_int_not_equal(property_file_stamp("ssl.ca.location", path), stamp);
	unlink(path);
}

/* Why an offset is refused names what to write. */
static void test_offsets_explained(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"@1795428900000", "looks like milliseconds: in seconds it is @1795428900.000"},
		{"@1795428900123456", "microseconds: in seconds it is @1795428900.123456"},
		{"@1795428900123456789", "nanoseconds: in seconds it is @1795428900.123456789"},
		{"2026-11-23 10:", "is not a time: write 2026-11-23T10:15:00Z (or +01:00"},
		{"24:15", "is not a time: write "},
		{"2026-11-31", "'2026-11-31': there is no such date as 2026-11-31"},
		{"2026-13-01T10:15:00Z", "there is no such date as 2026-13-01"},
		{"@soon", "is not a time: write "},
		{"99999999999999999999", "is out of range"},
		{"yesterday", "is not an offset: write begin, end, stored, N, -N, or a time"},
	};
	char why[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start_offset_explain(cases[i].text, why, sizeof(why));
		if (strstr(why, cases[i].words) == NULL)
			fail_msg("'%s' said: %s", cases[i].text, why);
	}
}

static void test_brokers(void **state)
{
	static const char *const good[] = {
		"localhost",
		"kafka1:9092,kafka2:9093",
		"a:1, b:65535",
		"10.0.0.1:9092",
		"a_b-c.d",
		"[::1]:9092",
		"[fe80::1%eth0]:9092",
		"[2001:db8::1]",
		"SASL_SSL://k:9093",
		"a:1,",
	};
	static const struct {
		const char *text, *words;
	} bad[] = {
		{"host:99999", "'99999' is not a port: write a number from 1 to 65535"},
		{"host:0", "'0' is not a port"},
		{"host:abc", "'abc' is not a port"},
		{"a:1,host:", "'host:': '' is not a port"},
		{"host:9092/x", "is not a port"},
		{"http://host:9092", "Kafka does not speak 'http'"},
		{"ftp://host:9092", "Kafka does not speak 'ftp'"},
		{"sasl://host:9092", "Kafka does not speak 'sasl'"},
		{"ssl2://host:9092", "Kafka does not speak 'ssl2'"},
		{"host:9092 -t x", "it contains a blank"},
		{"a:1 b:2", "it contains a blank"},
		{"::1", "write an IPv6 address as [2001:db8::1]:9092"},
		{"2001:db8::1", "write an IPv6 address as [2001:db8::1]:9092"},
		{"fe80::1:9092", "write an IPv6 address as [2001:db8::1]:9092"},
		{"[::1", "write an IPv6 address as [2001:db8::1]:9092"},
		{"[::1]9092", "write an IPv6 address as [2001:db8::1]:9092"},
		{"[eth0]:1", "write an IPv6 address as [2001:db8::1]:9092"},
		{"a:1;b:1", "is not a port"},
		{"user@host:1", "is not a broker address: write HOST:PORT"},
		{":9092", "is not a broker address: write HOST:PORT"},
		{",", "no broker is named"},
	};
	char why[512];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (brokers_check(good[i], why, sizeof(why)) < 0)
			fail_msg("'%s' said: %s", good[i], why);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (brokers_check(bad[i].text, why, sizeof(why)) == 0)
			fail_msg("'%s' was taken", bad[i].text);
		if (strstr(why, bad[i].words) == NULL)
			fail_msg("'%s' said: %s", bad[i].text, why);
	}
	assert_int_equal(brokers_check_protocol("a:1,SSL://b:1", "ssl", why, sizeof(why)), 0);
	assert_int_equal(brokers_check_protocol("a:1,SSL://b:1", "plaintext", why, sizeof(why)),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_units_round_trip),
		cmocka_unit_test(test_spans_are_for_people),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_points_in_time_are_exact_and_shown),
		cmocka_unit_test(test_a_set_of_partitions),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_follows_from_the_row),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_short_names_are_unique),
		cmocka_unit_test(test_property_values),
		cmocka_unit_test(test_file_stamp),
		cmocka_unit_test(test_offsets_explained),
		cmocka_unit_test(test_brokers),
	};

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

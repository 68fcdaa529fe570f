/* SPDX-License-Identifier: Apache-2.0 */
/* When a file of a set is full, and what the files are called: rules without a disk or a clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "config/file_limits.h"
#include "config/file_names.h"
#include "output/rotation.h"

#define S          UINT64_C(1000000)
#define NOON       UINT64_C(1772280000) /* 2026-02-28T12:00:00Z */
#define LATER      ((NOON + 10000000) * S)
#define PATIENCE   S
#define SPRING_DAY UINT64_C(1774738800) /* 2026-03-29T00:00 in Berlin, a day of 23 hours */
#define AUTUMN_DAY UINT64_C(1792879200) /* 2026-10-25T00:00 in Berlin, a day of 25 hours */

static struct file_limits limits_of(const char *text)
{
	struct file_limits limits;
	char why[256];

	assert_int_equal(file_limits_parse_ring(&limits, text, why, sizeof(why)), 0);
	return limits;
}

/* ---- limits as text ---- */

static void limits_are_read(void **state)
{
	struct file_limits l = limits_of("duration:1.5 filesize:10000,packets:7  files:3");

	assert_int_equal(l.duration_us, 1500000);
	assert_int_equal(l.bytes, 10000000);
	assert_int_equal(l.packets, 7);
	assert_int_equal(l.files, 3);
	assert_int_equal(l.interval_s, 0);
	assert_false(l.time_first);
	l = limits_of("packets:7 interval:3600 packets:8 nametimenum:2");
	assert_int_equal(l.packets, 8);
	assert_int_equal(l.interval_s, 3600);
	assert_true(l.time_first);
	assert_null(l.print_name);
	l = limits_of("printname:stderr,packets:7");
	assert_int_equal(l.print_len, 6);
	assert_int_equal(strncmp(l.print_name, "stderr,", 7), 0);
}

static void other_limits_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"files:3",
		"nametimenum:1",
		"duration",
		"packets:1 printname:",
		"duration:",
		"duration:0",
		"duration:-1",
		"duration:1s",
		"duration:1.",
		"packets:0",
		"packets:x",
		"filesize:1M",
		"interval:0",
		"interval:86401",
		"packets:1 size:3",
		"5",
		"nametimenum:3",
		"packet:5",
		"duration:.",
	};
	struct file_limits limits;
	char why[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		*why = '\0';
		if (!file_limits_parse_ring(&limits, bad[i], why, sizeof(why)))
			fail_msg("'%s' was taken", bad[i]);
		assert_true(*why);
	}
}

/* ---- when a file is full ---- */

static void a_reader_that_is_behind_rotates_by_the_time_of_packets(void **state)
{
	struct file_limits l = limits_of("duration:60");
	struct rotation r;

	rotation_begin(&r, &l, NOON * S, LATER);
	assert_false(rotation_is_due(&r, &l, (NOON + 100) * S, 1, 0, LATER)); /* it is empty */
	rotation_count(&r, 1);
	assert_false(rotation_is_due(&r, &l, (NOON + 59) * S, 1, 0, LATER));
	assert_false(rotation_is_due(&r, &l, (NOON - 5) * S, 1, 0, LATER));
	assert_true(rotation_is_due(&r, &l, (NOON + 60) * S, 1, 0, LATER));
}

static void a_quiet_topic_rotates_by_the_wall_clock(void **state)
{
	struct file_limits l = limits_of("duration:60");
	struct rotation r;

	rotation_begin(&r, &l, NOON * S, NOON * S);
	assert_true(rotation_wait(&r, NOON * S, 0, PATIENCE) == ROTATION_NEVER);
	rotation_count(&r, 1);
	assert_int_equal(rotation_wait(&r, (NOON + 10) * S, 10 * S, PATIENCE), 50 * S);
	assert_int_equal(rotation_wait(&r, (NOON + 60) * S, 60 * S, PATIENCE), 0);
	/* Packets come: their time decides. */
	assert_int_equal(rotation_wait(&r, LATER, S / 4, PATIENCE), S - S / 4);
}

static void a_clock_that_is_ahead_stops_no_rotation(void **state)
{
	struct file_limits l = limits_of("duration:60");
	struct rotation r;

	rotation_begin(&r, &l, LATER, NOON * S);
	rotation_count(&r, 1);
	assert_false(rotation_is_due(&r, &l, LATER + 100 * S, 1, 0, (NOON + 1) * S));
	assert_true(rotation_is_due(&r, &l, (NOON + 60) * S, 1, 0, (NOON + 61) * S));
}

static void packets_and_bytes_are_counted(void **state)
{
	struct file_limits l = limits_of("packets:3 filesize:2");
	struct rotation r;

	rotation_begin(&r, &l, NOON * S, LATER);
	assert_true(r.end_us == ROTATION_NEVER);
	rotation_count(&r, 2);
	assert_false(rotation_is_due(&r, &l, LATER, 1, 1999, LATER));
	assert_true(rotation_is_due(&r, &l, LATER, 1, 2000, LATER));
	assert_true(rotation_is_due(&r, &l, LATER, 2, 0, LATER)); /* a block of two */
	rotation_count(&r, 1);
	assert_true(rotation_is_due(&r, &l, LATER, 1, 0, LATER));
	assert_true(rotation_wait(&r, LATER, 100 * S, PATIENCE) == ROTATION_NEVER);
}

static uint64_t end_of(const char *limits, uint64_t first)
{
	struct file_limits l = limits_of(limits);
	struct rotation r;

	rotation_begin(&r, &l, first * S + 5, LATER * 10);
	return r.end_us / S;
}

static void intervals_are_those_of_the_day(void **state)
{
	uint64_t midnight = NOON + 11 * 3600; /* in Berlin, in winter */

	assert_int_equal(end_of("interval:3600", NOON), NOON + 3600);
	assert_int_equal(end_of("interval:3600", NOON + 3599), NOON + 3600);
	assert_int_equal(end_of("interval:86400", NOON), midnight);
	assert_int_equal(end_of("interval:86400", midnight), midnight + 86400);
	/* What does not divide the day ends with it. */
	assert_int_equal(end_of("interval:50000", NOON + 7200), midnight);
	assert_int_equal(end_of("interval:3600 duration:60", NOON), NOON + 60);
}

static void summer_time_makes_days_of_23_and_25_hours(void **state)
{
	assert_int_equal(end_of("interval:86400", SPRING_DAY), SPRING_DAY + 23 * 3600);
	assert_int_equal(end_of("interval:86400", AUTUMN_DAY), AUTUMN_DAY + 25 * 3600);
	for (uint64_t hour = 0; hour < 25; hour++) {
		assert_int_equal(end_of("interval:3600", SPRING_DAY + hour * 3600),
				 SPRING_DAY + (hour + 1) * 3600);
		assert_int_equal(end_of("interval:3600", AUTUMN_DAY + hour * 3600),
				 AUTUMN_DAY + (hour + 1) * 3600);
	}
}

/* ---- names ---- */

static void names_are_made_and_found_again(void **state)
{
	static const struct {
		const char *path;
		bool time_first;
		uint64_t number;
		const char *name;
	} cases[] = {
		{"a.pcapng", false, 1, "a_00001_20260228130000.pcapng"},
		{"a.pcapng", true, 1, "a_20260228130000_00001.pcapng"},
		{"d/e.f/a", false, 123456, "d/e.f/a_123456_20260228130000"},
		{"/a-%Y-%m-%dT%H.pcap", false, 42, "/a-2026-02-28T13_00042.pcap"},
		{"x_%s", false, 7, "x_1772280000_00007"},
		{"log.%Y", false, 7, "log.2026_00007"},
		{"a.pcapng.zst", false, 1, "a_00001_20260228130000.pcapng.zst"},
		{"a-%H.pcap.ZST", false, 1, "a-13_00001.pcap.ZST"},
		{"log.%Y.zst", false, 7, "log.2026_00007.zst"},
		{"10.0.0.1.zst", false, 7, "10.0.0.1_00007_20260228130000.zst"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct file_names names = {.path = cases[i].path,
						 .time_first = cases[i].time_first};
		char *made = file_names_make(&names, cases[i].number, NOON * S);

		assert_string_equal(made, cases[i].name);
		assert_int_equal(file_names_number(&names, made + file_names_directory(made)),
				 cases[i].number);
		free(made);
	}
}

static void other_files_are_none_of_the_set(void **state)
{
	static const struct file_names names = {.path = "d/a.pcap"},
				       bare = {.path = "d/%Y-%m-%d.pcap"};
	struct file_names timed = {.path = "d/a%H.pcap"};
	static const char *const others[] = {
		"a.pcap",
		"a_00001.pcap",
		"b_00001_20260228130000.pcap",
		"a_00001_20260228130000.pcapng",
		"a_0001_20260228130000.pcap",
		"a_00001_2026022813000.pcap",
		"a_20260228130000_00001.pcap",
		"a_00001_20260228130000.pcap.part",
		".a_00001_20260228130000.pcap.01234567",
		"aa_00001_20260228130000.pcap",
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (file_names_number(&names, others[i]))
			fail_msg("%s is one of the set", others[i]);
	assert_int_equal(file_names_number(&timed, "a12_00003.pcap"), 3);
	assert_int_equal(file_names_number(&timed, "b12_00003.pcap"), 0);
	assert_int_equal(file_names_number(&timed, "a12_3.pcap"), 0);
	assert_int_equal(file_names_number(&timed, "aX_00003.pcap"), 0);
	assert_int_equal(file_names_number(&timed, "a12_00003.pcap.gz"), 0);
	timed.packed = true;
	assert_int_equal(file_names_number(&timed, "a12_00003.pcap"), 3);
	assert_int_equal(file_names_number(&timed, "a12_00003.pcap.gz"), 3);
	assert_int_equal(file_names_number(&timed, "a12_00003.pcap.zst"), 3);
	assert_int_equal(file_names_number(&timed, "a12_00003.pcap.gz.gz"), 0);
	assert_int_equal(file_names_number(&timed, ".gz"), 0);
	assert_int_equal(file_names_number(&bare, "2026-11-30_00004.pcap"), 4);
	assert_int_equal(file_names_number(&bare, "web-2026-11-30_00004.pcap"), 0);
}

static void names_say_how_a_file_is_written(void **state)
{
	assert_true(file_names_is_zstd("d/a.pcapng.zst") && file_names_is_zstd("a.ZST"));
	assert_false(file_names_is_zstd("a.zst.pcap") || file_names_is_zstd("/dev/stdout"));
	assert_true(file_names_is_pcapng("a.pcapng") && file_names_is_pcapng("a.PcapNG.zst"));
	assert_false(file_names_is_pcapng("a.pcap.zst") || file_names_is_pcapng("a.pcapng.gz"));
	assert_true(file_names_is_pcap("a.pcap") && file_names_is_pcap("a.pcap.zst"));
	assert_false(file_names_is_pcap("a.zst") || file_names_is_pcap("pcap"));
}

/* Of another set in the directory, whose name begins as that of this one. */
static void a_time_is_no_number_and_no_name(void **state)
{
	static const char *const paths[] = {"d/a-%F.pcap",   "d/a-%F-%T.pcap", "d/a-%R.pcap",
					    "d/a-%G%V.pcap", "d/a-%b.pcap",    "d/a-%-d.pcap",
					    "d/a-%s.pcap",   "d/a-%Ey.pcap",   "d/a-%^03Ob.pcap"};
	static const char others[][40] = {"a-x_00001_20261130124500.pcap",
					  "a-x_20261130124500_00001.pcap"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct file_names names = {.path = paths[i]};
		char *made = file_names_make(&names, 7, NOON * S);

		assert_int_equal(file_names_number(&names, made + 2), 7);
		free(made);
		assert_int_equal(file_names_number(&names, others[0]), 0);
		if (i < 4) /* nobody knows what a month is called, or how long a day is */
			assert_int_equal(file_names_number(&names, others[1]), 0);
	}
}

static void names_that_make_no_set_are_refused(void **state)
{
	/* Of one with a flag or a width it would not be known which files are of the set. */
	static const char *const unknown[] = {"%Q.pcap", "a%",  "a%.pcap", "a-%-d", "%5Y",
					      "%EQ",     "%Ed", "a%O",     "%f",    "%H%q.zst"};
	char why[256];

	assert_int_equal(file_names_check("d/a-%F.pcap", why, sizeof(why)), 0);
	assert_true(file_names_check("%Y/a.pcap", why, sizeof(why)) < 0);
	assert_true(file_names_check("d/", why, sizeof(why)) < 0);
	assert_true(file_names_check("d/a-%D.pcap", why, sizeof(why)) < 0); /* 02/28/26 */
	assert_int_equal(file_names_check("a-%Ey%OH%%%s.pcap", why, sizeof(why)), 0);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		if (!file_names_check(unknown[i], why, sizeof(why)))
			fail_msg("'%s' was taken", unknown[i]);
		assert_non_null(strstr(why, "is no conversion of strftime(3)"));
	}
	file_names_check("a%EQ-%H", why, sizeof(why));
	assert_int_equal(strncmp(why, "'%EQ' is", 8), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_are_read),
		cmocka_unit_test(other_limits_are_refused),
		cmocka_unit_test(a_reader_that_is_behind_rotates_by_the_time_of_packets),
		cmocka_unit_test(a_quiet_topic_rotates_by_the_wall_clock),
		cmocka_unit_test(a_clock_that_is_ahead_stops_no_rotation),
		cmocka_unit_test(packets_and_bytes_are_counted),
		cmocka_unit_test(intervals_are_those_of_the_day),
		cmocka_unit_test(summer_time_makes_days_of_23_and_25_hours),
		cmocka_unit_test(names_are_made_and_found_again),
		cmocka_unit_test(other_files_are_none_of_the_set),
		cmocka_unit_test(names_say_how_a_file_is_written),
		cmocka_unit_test(a_time_is_no_number_and_no_name),
		cmocka_unit_test(names_that_make_no_set_are_refused),
	};

	/* As the zone's rules are, whatever data is installed. */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

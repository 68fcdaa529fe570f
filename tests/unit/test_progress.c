/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/progress.h"

#define WIDE 79
#define T    1545562205000000 /* 2018-12-23 10:50:05 UTC */

static void assert_line(const struct progress_meter *m, bool over, size_t columns, const char *want)
{
	char text[256];

	progress_format(m, over, columns, text, sizeof(text));
	assert_string_equal(text, want);
}

static void take(struct progress_meter *m, uint64_t packets, uint64_t time_us, uint64_t done,
		 int64_t left, double at)
{
	const struct progress now = {packets, time_us, done, left};

	progress_take(m, &now, at);
}

static void test_all_that_is_known(void **state)
{
	struct progress_meter m = {.n = 0};

	take(&m, 0, 0, 0, 4000000, 100);
	assert_line(&m, false, WIDE, "0 packets read  0%");
	take(&m, 1234567, T + 999999, 1000000, 3000000, 110);
	assert_line(&m, false, WIDE,
		    "1,234,567 packets read  25%  2018-12-23 10:50:05  123k packets/s  0:30 left");
	take(&m, 4000000, T, 4000000, 0, 150);
	assert_line(&m, true, WIDE,
		    "4,000,000 packets read  100%  2018-12-23 10:50:05  80.0k packets/s  in 0:50");
}

static void test_what_is_not_known_is_left_out(void **state)
{
	struct progress_meter m = {.n = 0};

	assert_line(&m, false, WIDE, "");
	take(&m, 0, 0, 0, -1, 5);
	assert_line(&m, false, WIDE, "");
	assert_line(&m, true, WIDE, "");
	take(&m, 1, T, 0, -1, 6);
	assert_line(&m, false, WIDE, "1 packet read  2018-12-23 10:50:05  1.00 packets/s");
	/* Nothing comes: neither a rate nor an end is in sight. */
	for (int i = 0; i < PROGRESS_SAMPLES; i++)
		take(&m, 1, T, 1, 9, 7 + i);
	assert_line(&m, false, WIDE, "1 packet read  10%  2018-12-23 10:50:05");
	assert_line(&m, true, WIDE,
		    "1 packet read  10%  2018-12-23 10:50:05  0.06 packets/s  in 0:17");
}

static void test_an_empty_topic_is_done(void **state)
{
	struct progress_meter m = {.n = 0};

	take(&m, 0, 0, 0, 0, 0);
	assert_line(&m, true, WIDE, "0 packets read  100%  in 0:00");
}

static void test_a_share_is_never_told_too_early(void **state)
{
	struct progress_meter m = {.n = 0};

	take(&m, 5, 0, 99999, 1, 0);
	assert_line(&m, false, WIDE, "5 packets read  99%");
}

static void test_a_narrow_terminal(void **state)
{
	struct progress_meter m = {.n = 0};

	take(&m, 0, 0, 0, 40, 0);
	take(&m, 10, T, 10, 30, 10);
	assert_line(&m, false, 70,
		    "10 packets read  25%  2018-12-23 10:50:05  1.00 packets/s  0:30 left");
	assert_line(&m, false, 68,
		    "10 packets read  25%  2018-12-23 10:50:05  1.00 packets/s  0:30 left");
	assert_line(&m, false, 67, "10 packets read  25%  2018-12-23 10:50:05  0:30 left");
	assert_line(&m, false, 40, "10 packets read  25%  0:30 left");
	assert_line(&m, false, 20, "10 packets read  25%");
	assert_line(&m, false, 15, "10 packets read");
	assert_line(&m, false, 4, "10 p");
	assert_line(&m, false, 0, "");
}

/* Those of the last seconds, but at the end of all. */
static void test_rates_are_of_now(void **state)
{
	struct progress_meter m = {.n = 0};

	for (int i = 0; i <= PROGRESS_SAMPLES; i++)
		take(&m, 0, T, 0, 100, i);
	for (int i = 1; i < PROGRESS_SAMPLES; i++)
		take(&m, 2 * (uint64_t)i, T, (uint64_t)i, 100 - i, PROGRESS_SAMPLES + i);
	assert_line(&m, false, WIDE,
		    "30 packets read  15%  2018-12-23 10:50:05  2.00 packets/s  1:25 left");
	assert_line(&m, true, WIDE,
		    "30 packets read  15%  2018-12-23 10:50:05  0.97 packets/s  in 0:31");
}

static void assert_rate(uint64_t packets, double seconds, const char *want)
{
	struct progress_meter m = {.n = 0};
	char text[256];

	take(&m, 0, 0, 0, -1, 0);
	take(&m, packets, 0, 0, -1, seconds);
	progress_format(&m, false, WIDE, text, sizeof(text));
	assert_non_null(strstr(text, want));
}

static void test_rates_have_three_digits(void **state)
{
	assert_rate(3, 2, "  1.50 packets/s");
	assert_rate(999, 1, "  999 packets/s");
	assert_rate(1000, 1, "  1.00k packets/s");
	assert_rate(81234, 1, "  81.2k packets/s");
	assert_rate(99960, 1, "  100k packets/s");
	assert_rate(999600, 1, "  1.00M packets/s");
	assert_rate(UINT64_MAX, 1, " packets/s");
}

static void test_long_spans(void **state)
{
	struct progress_meter m = {.n = 0};

	take(&m, 0, 0, 0, 3723, 0);
	take(&m, 1, 0, 1, 3723, 1);
	assert_line(&m, false, WIDE, "1 packet read  0%  1.00 packets/s  1:02:03 left");
}

/* Of two limits the one that comes first. */
static void test_limits(void **state)
{
	struct progress p = {.packets = 5, .done = 50, .left = 50};

	progress_limit(&p, 5, 95);
	assert_int_equal(p.left, 50);
	progress_limit(&p, 5, -1);
	assert_int_equal(p.left, 50);
	progress_limit(&p, 5, 1);
	assert_int_equal(p.done, 5);
	assert_int_equal(p.left, 1);
	p.left = -1;
	progress_limit(&p, 0, 10);
	assert_int_equal(p.left, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_that_is_known),
		cmocka_unit_test(test_what_is_not_known_is_left_out),
		cmocka_unit_test(test_an_empty_topic_is_done),
		cmocka_unit_test(test_a_share_is_never_told_too_early),
		cmocka_unit_test(test_a_narrow_terminal),
		cmocka_unit_test(test_rates_are_of_now),
		cmocka_unit_test(test_rates_have_three_digits),
		cmocka_unit_test(test_long_spans),
		cmocka_unit_test(test_limits),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

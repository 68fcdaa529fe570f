/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/printable.h"

static const struct {
	const char *text, *shown;
} rows[] = {
	{"", ""},
	{"plain text, ~", "plain text, ~"},
	{"Grüße, 日本, 😀", "Grüße, 日本, 😀"},
	{"two\nlines\r\n", "two lines"},
	{"a\tb\rc\nd", "a b c d"},
	{"\x1b[2J\x1b]0;title\x07", "?[2J?]0;title?"},
	{"\x01\x1f\x7f", "???"},
	{"C1: \xc2\x9b"
	 "2J \xc2\x80 \xc2\x9f, and not \xc2\xa0",
	 "C1: ?2J ? ?, and not \xc2\xa0"},
	{"alone: \x9b"
	 "31m \xff\xfe",
	 "alone: ?31m ??"},
	{"overlong: \xc0\x9b \xe0\x80\x9b \xf0\x80\x80\x9b", "overlong: ?? ??? ????"},
	{"a surrogate: \xed\xa0\x80", "a surrogate: ???"},
	{"too far: \xf4\x90\x80\x80 \xf5", "too far: ???? ?"},
	{"none begins so: \xf8\x90\x80\x80", "none begins so: ????"},
	{"cut: \xe2\x82", "cut: ??"},
	{"cut: \xe2\x82 then", "cut: ?? then"},
	{"turned: \xe2\x80\xae"
	 "cba\xe2\x81\xa6",
	 "turned: ?cba?"},
	{"\xe2\x80\xa8 ends a line", "? ends a line"},
};

static void test_a_line_shows_what_it_is_and_steers_nothing(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = strdup(rows[i].text);

		assert_non_null(text);
		printable_line(text);
		assert_string_equal(text, rows[i].shown);
		printable_line(text);
		assert_string_equal(text, rows[i].shown);
		free(text);
	}
}

static void test_lines_stay_lines(void **state)
{
	char text[] = "a\x1b one\r\n\n\xff two\n";

	printable_lines(text);
	assert_string_equal(text, "a? one\n\n? two\n");
}

static void test_it_is_printed_so(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	printable_print(out, "a\nb \x1b[m \xff ü");
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, "a b ?[m ? ü");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_shows_what_it_is_and_steers_nothing),
		cmocka_unit_test(test_lines_stay_lines),
		cmocka_unit_test(test_it_is_printed_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

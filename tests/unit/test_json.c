/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static const struct {
	const char *text, *json;
} rows[] = {
	{"", "\"\""},
	{"plain text, ~/", "\"plain text, ~/\""},
	{"Grüße, 日本, 😀", "\"Grüße, 日本, 😀\""},
	{"a \"quote\" and \\", "\"a \\\"quote\\\" and \\\\\""},
	{"\n\r\t\x01\x1f", "\"\\u000a\\u000d\\u0009\\u0001\\u001f\""},
	/* What a terminal takes for a command, though JSON allows it. */
	{"\x7f\xc2\x9b"
	 "2J",
	 "\"\\u007f\\u009b2J\""},
	{"left \xe2\x80\xae right", "\"left \\u202e right\""}, /* written from right to left */
	{"alone \xff\xfe, cut \xe2\x82", "\"alone \\ufffd\\ufffd, cut \\ufffd\\ufffd\""},
};

static void test_strings(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		assert_non_null(out);
		json_put_string(out, rows[i].text);
		assert_int_equal(fclose(out), 0);
		assert_string_equal(text, rows[i].json);
		free(text);
	}
}

static void test_a_string_in_memory_has_room_or_is_left_out(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].json);

		for (size_t room = 0; room <= len; room++) {
			char *buf = malloc(room ? room : 1); /* the sanitizer knows its end */

			assert_non_null(buf);
			assert_int_equal(json_string(buf, room, rows[i].text),
					 room < len ? 0 : len);
			if (room == len)
				assert_memory_equal(buf, rows[i].json, len);
			free(buf);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_a_string_in_memory_has_room_or_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

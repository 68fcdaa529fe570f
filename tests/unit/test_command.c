/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/command.h"

static void what_needs_no_shell_is_taken(void **state)
{
	static const char *const good[] = {"gzip -9",
					   " zstd  -q --rm ",
					   "curl --url=http://h/?a=1&b=2",
					   "x --sum=a+b,c -n 5",
					   "grep -c a|b",
					   "it's 5"};
	char why[256];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (command_check(good[i], why, sizeof(why)))
			fail_msg("%s: %s", good[i], why);
}

static void what_is_for_a_shell_is_refused(void **state)
{
	static const struct {
		const char *text, *word;
	} bad[] = {{"gzip | cat", "|"},     {"gzip |cat", "|cat"},  {"cat >>all", ">>all"},
		   {"cat 2>&1", "2>&1"},    {"a -b; c", "-b;"},     {"sh -c 'gzip $1'", "'gzip"},
		   {"x -t \"a b\"", "\"a"}, {"x $HOME", "$HOME"},   {"x \t&& y", "&&"},
		   {"(x)", "(x)"},          {"x `date`", "`date`"}, {"x &", "&"}};
	char why[256], want[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!command_check(bad[i].text, why, sizeof(why)))
			fail_msg("'%s' was taken", bad[i].text);
		snprintf(want, sizeof(want), "'%s' is for a shell", bad[i].word);
		assert_int_equal(strncmp(why, want, strlen(want)), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_needs_no_shell_is_taken),
		cmocka_unit_test(what_is_for_a_shell_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

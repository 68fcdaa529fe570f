/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/footer.h"

static void assert_draws(struct footer *f, const char *text, const char *want)
{
	char buf[FOOTER_OUT];
	size_t n = footer_draw(f, text, strlen(text), buf);

	assert_int_equal(n, strlen(want));
	assert_memory_equal(buf, want, n);
}

static void assert_erases(struct footer *f, const char *want)
{
	char buf[FOOTER_OUT];
	size_t n = footer_erase(f, buf);

	assert_int_equal(n, strlen(want));
	assert_memory_equal(buf, want, n);
}

static void test_one_is_drawn_over_the_other(void **state)
{
	struct footer f;

	footer_init(&f, "xterm");
	assert_erases(&f, "");
	assert_draws(&f, "ten to go", "\rten to go\033[K");
	assert_draws(&f, "one", "\rone\033[K");
	assert_erases(&f, "\r\033[K");
	assert_erases(&f, "");
	assert_draws(&f, "none", "\rnone\033[K");
	assert_draws(&f, "", "\r\033[K");
	assert_draws(&f, "", "");
}

static void test_a_dumb_terminal_gets_blanks(void **state)
{
	static const char *const terms[] = {"dumb", "", NULL};
	struct footer f;

	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
		footer_init(&f, terms[i]);
		assert_draws(&f, "ten", "\rten");
		assert_draws(&f, "x", "\rx  ");
		assert_draws(&f, "four", "\rfour");
		assert_erases(&f, "\r    \r");
	}
}

static void test_what_is_forgotten_is_not_erased(void **state)
{
	struct footer f;

	footer_init(&f, "xterm");
	assert_draws(&f, "one", "\rone\033[K");
	footer_forget(&f);
	assert_erases(&f, "");
}

static void test_a_long_text_is_cut(void **state)
{
	char text[2 * FOOTER_MAX], buf[FOOTER_OUT];
	struct footer f;

	memset(text, 'x', sizeof(text));
	footer_init(&f, NULL);
	assert_int_equal(footer_draw(&f, text, sizeof(text), buf), FOOTER_MAX);
	assert_int_equal(footer_draw(&f, "y", 1, buf), FOOTER_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_is_drawn_over_the_other),
		cmocka_unit_test(test_a_dumb_terminal_gets_blanks),
		cmocka_unit_test(test_what_is_forgotten_is_not_erased),
		cmocka_unit_test(test_a_long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

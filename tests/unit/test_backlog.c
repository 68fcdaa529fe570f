/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "output/backlog.h"

#define MANY (3 * 1024 * 1024)

static void fill(struct backlog *b, size_t len, uint8_t *next)
{
	uint8_t *room = backlog_reserve(b, len + 100); /* as encoders ask: for the most */

	assert_non_null(room);
	for (size_t i = 0; i < len; i++)
		room[i] = (*next)++;
	backlog_commit(b, len);
}

static void take(struct backlog *b, size_t len, uint8_t *next)
{
	while (len) {
		size_t n;
		const uint8_t *data = backlog_peek(b, &n);

		assert_non_null(data);
		n = n < len ? n : len;
		assert_true(n > 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(data[i], (*next)++);
		backlog_consume(b, n);
		len -= n;
	}
}

/* Records of all sizes, above that of a piece too, taken away in other portions. */
static void what_is_put_comes_out_in_order(void **state)
{
	struct backlog b = {0};
	uint8_t in = 0, out = 0;
	size_t len;

	srand(1);
	for (int i = 0; i < 200; i++) {
		fill(&b, (size_t)rand() % (i % 7 ? 2000 : 400000), &in);
		while (b.waiting > MANY || (i % 50 == 49 && b.waiting))
			take(&b, 1 + (size_t)rand() % b.waiting, &out);
	}
	take(&b, b.waiting, &out);
	assert_int_equal(in, out);
	assert_null(backlog_peek(&b, &len));
	backlog_clear(&b);
}

static void what_was_not_touched_can_be_changed(void **state)
{
	struct backlog b = {0};
	uint8_t in = 0, out = 0;
	size_t len;

	assert_null(backlog_untouched(&b, &len));
	fill(&b, 10, &in);
	fill(&b, 20, &in);
	assert_non_null(backlog_untouched(&b, &len));
	assert_int_equal(len, 30);
	take(&b, 1, &out);
	assert_null(backlog_untouched(&b, &len));
	backlog_clear(&b);
	in = out = 0;
	fill(&b, 10, &in);
	fill(&b, 300000, &in); /* another piece */
	assert_null(backlog_untouched(&b, &len));
	take(&b, 300010, &out);
	assert_null(backlog_untouched(&b, &len));
	backlog_clear(&b);
}

static void one_too_large_for_the_emptied_piece_is_found(void **state)
{
	struct backlog b = {0};
	uint8_t in = 0, out = 0;

	fill(&b, 10, &in);
	take(&b, 10, &out);
	fill(&b, 300000, &in);
	fill(&b, 10, &in);
	take(&b, 300010, &out);
	backlog_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_comes_out_in_order),
		cmocka_unit_test(what_was_not_touched_can_be_changed),
		cmocka_unit_test(one_too_large_for_the_emptied_piece_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

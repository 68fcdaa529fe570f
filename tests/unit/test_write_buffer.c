/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "output/write_buffer.h"

static int setup(void **state)
{
	struct write_buffer *b = calloc(1, sizeof(*b));

	*state = b;
	return b ? write_buffer_init(b) : -1;
}

static int teardown(void **state)
{
	write_buffer_clear(*state);
	free(*state);
	return 0;
}

static void put(struct write_buffer *b, int byte, size_t len)
{
	uint8_t *room = write_buffer_reserve(b, len);

	assert_non_null(room);
	memset(room, byte, len);
	write_buffer_commit(b, len);
}

static void what_is_written_counts_by_bytes_and_whole_records(void **state)
{
	struct write_buffer *b = *state;
	size_t len;

	write_buffer_put_header(b, "HEAD", 4);
	assert_int_equal(write_buffer_partial(b), 0);
	write_buffer_consume(b, 2);
	assert_int_equal(write_buffer_partial(b), 0); /* the header is no record */
	put(b, 'a', 10);
	put(b, 'b', 10);
	assert_int_equal(write_buffer_put(b), 24);
	write_buffer_consume(b, 2 + 10 + 3);
	assert_int_equal(write_buffer_records(b), 1);
	assert_int_equal(write_buffer_partial(b), 3);
	assert_int_equal(write_buffer_written(b), 17);
	assert_int_equal(*write_buffer_peek(b, &len), 'b');
	assert_int_equal(len, 7);
	write_buffer_consume(b, 7);
	assert_null(write_buffer_peek(b, &len));
	assert_int_equal(write_buffer_records(b), 2);
	put(b, 'c', 10);
	write_buffer_consume(b, 4);
	assert_int_equal(write_buffer_partial(b), 4);
	assert_int_equal(write_buffer_records(b), 2);
}

/* Room is made by moving what waits to the front; its bytes, records and counts stay. */
static void room_is_made_behind_what_waits(void **state)
{
	struct write_buffer *b = *state;
	size_t len, half = STREAM_RECORD_MAX / 2;

	for (int i = 0; i < 20; i++) {
		while (write_buffer_waiting(b) <= STREAM_LIMIT)
			put(b, 'a' + i, half);
		assert_null(write_buffer_reserve(b, 1));
		while (write_buffer_waiting(b) > half)
			write_buffer_consume(b, half);
		assert_int_equal(*write_buffer_peek(b, &len), 'a' + i);
		assert_int_equal(write_buffer_partial(b), 0);
		assert_int_equal(write_buffer_records(b), write_buffer_written(b) / half);
	}
	assert_null(write_buffer_reserve(b, STREAM_RECORD_MAX + 1));
}

static void the_header_and_what_follows_change_until_written(void **state)
{
	struct write_buffer *b = *state;
	uint8_t *body;
	size_t len;

	assert_false(write_buffer_replace_header(b, "NEWH", 4));
	write_buffer_put_header(b, "HEAD", 4);
	put(b, 'a', 10);
	assert_true(write_buffer_replace_header(b, "NEWH", 4));
	assert_memory_equal(write_buffer_peek(b, &len), "NEWH", 4);
	body = write_buffer_body(b, &len);
	assert_int_equal(len, 10);
	assert_int_equal(*body, 'a');
	write_buffer_consume(b, 4);
	assert_false(write_buffer_replace_header(b, "LATE", 4));
	assert_ptr_equal(write_buffer_body(b, &len), body);
	write_buffer_consume(b, 1);
	assert_null(write_buffer_body(b, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_counts_by_bytes_and_whole_records,
						setup, teardown),
		cmocka_unit_test_setup_teardown(room_is_made_behind_what_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(the_header_and_what_follows_change_until_written,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

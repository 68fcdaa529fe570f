/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "consumer/partitions.h"

static bool no_memory;

/* In place of libc's. */
void *reallocarray(void *p, size_t n, size_t size)
{
	return no_memory ? NULL : realloc(p, n * size);
}

static int open_table(void **state)
{
	static struct partitions table;

	table = (struct partitions){0};
	no_memory = false;
	*state = &table;
	return 0;
}

static int close_table(void **state)
{
	partitions_clear(*state);
	return 0;
}

static void assert_new(const struct partition *p)
{
	assert_non_null(p);
	assert_false(p->known || p->assigned || p->added || p->done || p->paused);
	assert_int_equal(p->next, -1);
	assert_true(p->end == PARTITION_NO_END);
	assert_int_equal(p->stored, -1);
}

/* The numbers come in any order; those between are there as well, and know nothing. */
static void test_what_is_asked_for_is_made(void **state)
{
	struct partitions *ps = *state;

	assert_null(partitions_find(ps, 0));
	assert_new(partitions_get(ps, 3));
	partitions_get(ps, 3)->next = 17;
	for (int32_t i = 0; i < 3; i++)
		assert_new(partitions_find(ps, i));
	assert_null(partitions_find(ps, 4));
	assert_null(partitions_find(ps, -1));
	assert_new(partitions_get(ps, 5000)); /* the table moves */
	assert_int_equal(partitions_find(ps, 3)->next, 17);
	assert_new(partitions_find(ps, 4));
	assert_ptr_equal(partitions_get(ps, 3), partitions_find(ps, 3));
	assert_int_equal(ps->n, 5001);
}

static void test_what_is_no_number_is_not_made(void **state)
{
	struct partitions *ps = *state;

	assert_null(partitions_get(ps, -1));
	assert_null(partitions_get(ps, INT32_MIN));
	assert_null(partitions_get(ps, 1000000));
	assert_null(partitions_get(ps, INT32_MAX));
	assert_int_equal(ps->n, 0);
	assert_new(partitions_get(ps, 999999));
}

static void test_without_memory_all_stays(void **state)
{
	struct partitions *ps = *state;

	partitions_get(ps, 1)->next = 5;
	no_memory = true;
	assert_null(partitions_get(ps, 2));
	assert_int_equal(ps->n, 2);
	assert_null(partitions_find(ps, 2));
	assert_int_equal(partitions_get(ps, 1)->next, 5);
}

static bool is_assigned(const struct partition *p)
{
	return p->assigned;
}

static bool is_any(const struct partition *p)
{
	return true;
}

static void assert_list(const struct partitions *ps, bool (*match)(const struct partition *p),
			const int64_t (*want)[2], int n)
{
	rd_kafka_topic_partition_list_t *list = partitions_list(ps, "pcap", match);

	assert_int_equal(list->cnt, n);
	for (int i = 0; i < n; i++) {
		assert_string_equal(list->elems[i].topic, "pcap");
		assert_int_equal(list->elems[i].partition, want[i][0]);
		assert_int_equal(list->elems[i].offset, want[i][1]);
	}
	rd_kafka_topic_partition_list_destroy(list);
}

static void test_a_list_has_those_that_match_and_where_they_are(void **state)
{
	static const int64_t two[][2] = {{1, 100}, {3, 0}},
			     all[][2] = {{0, -1}, {1, 100}, {2, 50}, {3, 0}};
	struct partitions *ps = *state;

	assert_list(ps, is_any, NULL, 0);
	*partitions_get(ps, 3) = (struct partition){.assigned = true, .next = 0, .end = 9};
	*partitions_get(ps, 1) = (struct partition){.assigned = true, .next = 100, .end = 9};
	partitions_get(ps, 2)->next = 50;
	assert_list(ps, is_assigned, two, 2);
	assert_list(ps, is_any, all, 4);
}

static void test_what_is_cleared_is_new(void **state)
{
	struct partitions *ps = *state;

	partitions_get(ps, 2)->assigned = true;
	partitions_clear(ps);
	assert_null(partitions_find(ps, 0));
	assert_new(partitions_get(ps, 2));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_table, close_table)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_what_is_asked_for_is_made),
		CASE(test_what_is_no_number_is_not_made),
		CASE(test_without_memory_all_stays),
		CASE(test_a_list_has_those_that_match_and_where_they_are),
		CASE(test_what_is_cleared_is_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

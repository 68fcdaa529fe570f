/* SPDX-License-Identifier: Apache-2.0 */
/* Names of interfaces, over a kernel that counts how often it is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "capture/ifnames.h"
#include "capture/netdev.h"

static struct {
	unsigned int asked;
	const char *name; /* with the index behind it; NULL: no interface is there */
} kernel;

bool netdev_find_index(int index, struct netdev *out)
{
	kernel.asked++;
	if (kernel.name)
		snprintf(out->name, sizeof(out->name), "%.4s%d", kernel.name, index);
	return kernel.name;
}

static int set_up(void **state)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.name = "veth";
	return ifnames_new((struct ifnames **)state);
}

static int tear_down(void **state)
{
	ifnames_free(*state);
	return 0;
}

static void assert_name(struct ifnames *n, int index, const char *want)
{
	const char *name = NULL;
	size_t len = ifnames_get(n, index, &name);

	assert_int_equal(len, strlen(want));
	if (len)
		assert_memory_equal(name, want, len);
}

static void the_kernel_is_asked_once(void **state)
{
	for (int i = 0; i < 1000; i++) {
		assert_name(*state, 3, "veth3");
		assert_name(*state, 3 + 64, "veth67"); /* in the same place of the table */
	}
	assert_int_equal(kernel.asked, 2);
}

static void who_is_not_there_is_asked_for_once(void **state)
{
	kernel.name = NULL;
	for (int i = 0; i < 1000; i++)
		assert_name(*state, 9, "");
	assert_int_equal(kernel.asked, 1);
	assert_name(*state, 0, "");
	assert_name(*state, -1, "");
	assert_int_equal(kernel.asked, 1);
}

static void a_change_is_noticed(void **state)
{
	assert_name(*state, 5, "veth5");
	assert_name(*state, 6, "veth6");
	kernel.name = "lan";
	ifnames_changed(*state, 5);
	assert_name(*state, 5, "lan5");
	assert_name(*state, 6, "veth6");
	ifnames_changed(*state, 0); /* nobody knows which */
	assert_name(*state, 6, "lan6");
}

/* Its packets may be read later than the news. */
static void one_that_is_gone_keeps_its_name(void **state)
{
	ifnames_changed(*state, 5); /* it is new: no packet has come yet */
	kernel.name = NULL;
	ifnames_changed(*state, 5);
	assert_name(*state, 5, "veth5");
	ifnames_changed(*state, 0);
	assert_name(*state, 5, "veth5");
}

static void there_is_room_for_many(void **state)
{
	char want[16];

	for (int round = 0; round < 2; round++) {
		for (int i = 1; i < 4000; i++) {
			snprintf(want, sizeof(want), "veth%d", i * 7);
			assert_name(*state, i * 7, want);
		}
		assert_int_equal(kernel.asked, 3999);
	}
	for (int i = 1; i < 40000; i++) /* but not for any number */
		ifnames_changed(*state, i);
	assert_name(*state, 39999, "veth39999");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_kernel_is_asked_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_is_not_there_is_asked_for_once, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_change_is_noticed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_is_gone_keeps_its_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(there_is_room_for_many, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

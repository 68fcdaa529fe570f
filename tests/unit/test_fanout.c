/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the kernel for a fanout group, and what is said when it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "capture/fanout.h"
#include "capture/fanout_member.h"
#include "capture/netdev.h"

static struct {
	int answer; /* errno of setsockopt(2) */
	unsigned int arg;
	bool has_member;
	struct fanout_member member;
} world;

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	assert_int_equal(fd, 5);
	assert_int_equal(level, SOL_PACKET);
	assert_int_equal(name, PACKET_FANOUT);
	assert_int_equal(len, sizeof(world.arg));
	memcpy(&world.arg, value, len);
	errno = world.answer;
	return world.answer ? -1 : 0;
}

bool fanout_member_find(uint16_t group, struct fanout_member *out)
{
	assert_int_equal(group, 7);
	*out = world.member;
	return world.has_member;
}

int netdev_bound_index(int fd)
{
	return 3;
}

char *if_indextoname(unsigned int index, char name[IF_NAMESIZE])
{
	if (index != 4)
		return NULL;
	return strcpy(name, "eth1");
}

static void test_what_is_asked_for(void **state)
{
	char why[160];

	world.answer = 0;
	assert_int_equal(fanout_join(5, 7, false, why, sizeof(why)), 0);
	assert_int_equal(world.arg, 7); /* PACKET_FANOUT_HASH is 0 */
	assert_int_equal(fanout_join(5, 65535, true, why, sizeof(why)), 0);
	assert_int_equal(world.arg, 0x4000ffff);
}

static void test_a_refusal_says_which_partner(void **state)
{
	static const struct {
		int err;
		bool has_member;
		struct fanout_member member;
		const char *why;
	} rows[] = {
		{EINVAL, true, {4, 0}, "the group is already that of interface eth1"},
		{EINVAL, true, {0, 0}, "the group is already that of all interfaces"},
		{EINVAL, true, {-1, 0}, "an interface that is gone: it must end first"},
		{EINVAL, true, {3, PACKET_FANOUT_CPU}, "shares its packets by CPU, not by flow"},
		{EINVAL, true, {3, 99}, "by other means, not by flow hash"},
		{EINVAL, true, {3, 0}, "for another interface, or shares its packets otherwise"},
		{EINVAL, false, {0, 0}, "for another interface, or shares its packets otherwise"},
		{ENOSPC, false, {0, 0}, "the group is full"},
		{ENOMEM, false, {0, 0}, "Cannot allocate memory"},
	};
	char why[160];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world.answer = rows[i].err;
		world.has_member = rows[i].has_member;
		world.member = rows[i].member;
		assert_int_equal(fanout_join(5, 7, false, why, sizeof(why)), -rows[i].err);
		if (!strstr(why, rows[i].why))
			fail_msg("%s", why);
	}
}

static void test_a_check_needs_no_join(void **state)
{
	char why[160] = "";

	world.has_member = false;
	assert_int_equal(fanout_check(3, 7, why, sizeof(why)), 0);
	world.has_member = true;
	world.member = (struct fanout_member){3, PACKET_FANOUT_HASH};
	assert_int_equal(fanout_check(3, 7, why, sizeof(why)), 0);
	assert_int_equal(fanout_check(2, 7, why, sizeof(why)), -EINVAL);
	assert_true(*why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_asked_for),
		cmocka_unit_test(test_a_refusal_says_which_partner),
		cmocka_unit_test(test_a_check_needs_no_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

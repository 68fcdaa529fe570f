/* SPDX-License-Identifier: Apache-2.0 */
/* In which order a socket joins its group and gets its filter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capture/fanout.h"
#include "capture/kernel_filter.h"
#include "capture/pcap_handle.h"

static struct {
	char steps[32];
	uint16_t group;
	bool loopback;
	int answer;
} world;

int pcap_fileno(pcap_t *p)
{
	return 5;
}

int pcap_datalink(pcap_t *p)
{
	return DLT_EN10MB;
}

int fanout_join(int fd, uint16_t group, bool loopback, char *why, size_t size)
{
	strcat(world.steps, "join ");
	world.group = group;
	world.loopback = loopback;
	snprintf(why, size, "the group is full");
	return world.answer;
}

int fanout_check(int index, uint16_t group, char *why, size_t size)
{
	return 0;
}

int kernel_filter_reject_all(int fd)
{
	return 0;
}

int kernel_filter_attach(int fd, const struct bpf_program *program)
{
	strcat(world.steps, "filter ");
	return 0;
}

int kernel_filter_probe(const struct bpf_program *program)
{
	return 0;
}

int kernel_filter_for_direction(struct bpf_program *out, const struct bpf_program *program, int dlt,
				enum config_direction direction)
{
	*out = (struct bpf_program){0};
	return 0;
}

bool kernel_filter_is_set(int fd)
{
	return true;
}

bool kernel_filter_is_needed(const struct bpf_program *program)
{
	return false;
}

static int begin(uint32_t fanout, char *why, size_t size)
{
	struct pcap_handle d = {
		.name = "eth0",
		.packet_socket = true,
		.loopback = true,
		.fanout = fanout,
	};

	world.steps[0] = '\0';
	return pcap_handle_begin(&d, why, size);
}

/* What it took before, the members would have taken too. */
static void test_nothing_is_let_in_before_the_join(void **state)
{
	char why[160];

	world.answer = 0;
	assert_int_equal(begin(8, why, sizeof(why)), 0);
	assert_string_equal(world.steps, "join filter ");
	assert_int_equal(world.group, 7);
	assert_true(world.loopback);
	assert_int_equal(begin(0, why, sizeof(why)), 0);
	assert_string_equal(world.steps, "filter ");
}

static void test_one_that_cannot_join_lets_nothing_in(void **state)
{
	char why[160];

	world.answer = -ENOSPC;
	assert_int_equal(begin(8, why, sizeof(why)), CAPTURE_E_OTHER);
	assert_string_equal(world.steps, "join ");
	assert_string_equal(why, "eth0: fanout 7: the group is full");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_let_in_before_the_join),
		cmocka_unit_test(test_one_that_cannot_join_lets_nothing_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two instances of a group in one process, over the kernel's own sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"
#include "packet/members.h"
#include "packet/own_traffic.h"

#define WAIT_MS 10000

struct instance {
	struct own_traffic *own;
	struct members *members;
	int fd;
	uint16_t port;
};

/* Tests of other runs have other numbers. */
static uint16_t group(void)
{
	return (uint16_t)(getpid() % 60000);
}

static void start(struct instance *i)
{
	assert_int_equal(own_traffic_new(&i->own), 0);
	assert_int_equal(members_new(&i->members, group(), i->own), 0);
}

static void end(struct instance *i)
{
	members_free(i->members);
	own_traffic_unref(i->own);
}

/* To a port where nobody listens: what counts is that it is known. */
static void connect_it(struct instance *i, struct own_traffic *own)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)}, from;
	socklen_t len = sizeof(from);

	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	i->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(i->fd >= 0);
	own_traffic_connect(own, i->fd, (struct sockaddr *)&to, sizeof(to));
	assert_int_equal(getsockname(i->fd, (struct sockaddr *)&from, &len), 0);
	i->port = ntohs(from.sin_port);
}

static bool knows(struct instance *i, uint16_t port)
{
	uint8_t frame[64] = {[12] = 8, [14] = 0x45, [23] = 6, [26] = 127,
			     [29] = 1, [30] = 127,  [33] = 1, [37] = 9};
	const struct packet pkt = {.data = frame,
				   .caplen = sizeof(frame),
				   .wirelen = sizeof(frame),
				   .linktype = 1};

	frame[34] = (uint8_t)(port >> 8);
	frame[35] = (uint8_t)port;
	return own_traffic_match(i->own, &pkt);
}

/* Waits for what comes within a second. */
static void wait_described(struct members *m, uint64_t packets, const char *wanted)
{
	uint64_t until = thread_now_ms() + WAIT_MS;
	char text[128];

	do {
		members_describe(m, packets, text, sizeof(text));
		if (strstr(text, wanted))
			return;
		usleep(10000);
	} while (thread_now_ms() < until);
	fail_msg("%s, not %s", text, wanted);
}

static void test_a_connection_is_known_to_all_before_its_first_packet(void **state)
{
	struct instance a = {.fd = -1}, b = {.fd = -1};

	start(&a);
	start(&b);
	connect_it(&a, a.own);
	assert_true(knows(&a, a.port));
	assert_true(knows(&b, a.port));
	connect_it(&b, b.own);
	assert_true(knows(&a, b.port));
	own_traffic_close(a.own, a.fd);
	own_traffic_close(b.own, b.fd);
	assert_true(knows(&b, a.port)); /* for a minute */
	end(&a);
	end(&b);
}

static void test_a_newcomer_knows_what_there_is(void **state)
{
	struct instance a = {.fd = -1}, b = {.fd = -1};

	start(&a);
	connect_it(&a, a.own);
	start(&b);
	assert_true(knows(&b, a.port));
	own_traffic_close(a.own, a.fd);
	end(&a);
	end(&b);
}

static void test_each_has_its_share(void **state)
{
	struct instance a = {.fd = -1}, b = {.fd = -1};
	char text[128];

	start(&a);
	members_describe(a.members, 0, text, sizeof(text));
	assert_non_null(strstr(text, ": 1 instance"));
	assert_null(strstr(text, "%"));
	start(&b);
	members_describe(b.members, 300, text, sizeof(text));
	wait_described(a.members, 100, ": 25 % of the packets of 2 instances");
	wait_described(b.members, 300, ": 75 % of the packets of 2 instances");
	end(&b);
	wait_described(a.members, 100, "of 1 instance");
	end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_connection_is_known_to_all_before_its_first_packet),
		cmocka_unit_test(test_a_newcomer_knows_what_there_is),
		cmocka_unit_test(test_each_has_its_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

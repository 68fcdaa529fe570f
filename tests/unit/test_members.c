/* SPDX-License-Identifier: Apache-2.0 */
/* Two instances of a group in one process, over the kernel's own sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
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

/* Somebody else has the place, and reads nothing. */
static int take_place(unsigned int place)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), from;
	int n = snprintf(to.sun_path + 1, sizeof(to.sun_path) - 1, "pycapa-fanout-%u-%u", group(),
			 place);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	unsigned int sent;

	assert_int_equal(bind(fd, (struct sockaddr *)&to, len), 0);
	/* What one may send is limited too. */
	do {
		from = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		for (sent = 0; sendto(from, "", 1, MSG_DONTWAIT, (struct sockaddr *)&to, len) > 0;)
			sent++;
		close(from);
	} while (sent);
	return fd;
}

static void test_who_does_not_read_holds_up_nobody(void **state)
{
	struct instance a = {.fd = -1};
	int fds[40];
	uint64_t began;

	for (unsigned int i = 0; i < 40; i++)
		fds[i] = take_place(i);
	began = thread_now_ms();
	start(&a);
	assert_in_range(thread_now_ms() - began, 0, 1000);
	end(&a);
	for (unsigned int i = 0; i < 40; i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_connection_is_known_to_all_before_its_first_packet),
		cmocka_unit_test(test_a_newcomer_knows_what_there_is),
		cmocka_unit_test(test_each_has_its_share),
		cmocka_unit_test(test_who_does_not_read_holds_up_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

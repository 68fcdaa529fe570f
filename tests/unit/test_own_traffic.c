/* SPDX-License-Identifier: Apache-2.0 */
/* Our own connections, on a kernel and with a clock that do as a test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lines.h"
#include "packet/own_traffic.h"

#define FIRST_FD   100000 /* the first of the kernel's below */
#define PLACES     1024   /* of the table */
#define MOST       (2 * PLACES)
#define PORT_OF(i) ((uint16_t)(20000 + (i)))

#define HERE  "192.0.2.1"
#define HERE6 "2001:db8::" /* by its first bytes an IPv4 address */

/* ---- the kernel ---- */

static struct {
	bool bound[MOST], connected[MOST], closed[MOST];
	int refuses_bind, answer; /* errno values; answer: of connect(2), 0: it is connected */
	int64_t later_s;          /* of the clock */
	struct own_traffic *own;
	const struct packet *syn; /* sent within connect(2) */
	bool syn_is_own;
} kernel;

/* In place of libc's, as the next four; each for what is not the kernel's above too. */
int bind(int fd, __CONST_SOCKADDR_ARG to, socklen_t len)
{
	const struct sockaddr *addr = to.__sockaddr__;
	static const uint8_t any[16];
	const struct sockaddr_in *in = (const void *)addr;
	const struct sockaddr_in6 *in6 = (const void *)addr;

	if (kernel.refuses_bind) {
		errno = kernel.refuses_bind;
		return -1;
	}
	assert_true(addr->sa_family == AF_INET
			    ? in->sin_port == 0 && in->sin_addr.s_addr == 0
			    : in6->sin6_port == 0 && memcmp(&in6->sin6_addr, any, 16) == 0);
	assert_false(kernel.connected[fd - FIRST_FD]);
	kernel.bound[fd - FIRST_FD] = true;
	return 0;
}

int connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t len)
{
	if (kernel.syn)
		kernel.syn_is_own = own_traffic_match(kernel.own, kernel.syn);
	errno = kernel.answer;
	if (kernel.answer && kernel.answer != EINPROGRESS)
		return -1;
	kernel.bound[fd - FIRST_FD] = kernel.connected[fd - FIRST_FD] = true;
	return kernel.answer ? -1 : 0;
}

/* Even descriptors are of IPv4, odd ones of IPv6. */
int getsockname(int fd, __SOCKADDR_ARG to, socklen_t *len)
{
	struct sockaddr *addr = to.__sockaddr__;
	const int i = fd - FIRST_FD;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(PORT_OF(i))};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT_OF(i))};

	assert_true(kernel.bound[i]);
	if (kernel.connected[i]) {
		inet_pton(AF_INET, HERE, &in.sin_addr);
		inet_pton(AF_INET6, HERE6, &in6.sin6_addr);
	}
	if (i % 2)
		memcpy(addr, &in6, sizeof(in6));
	else
		memcpy(addr, &in, sizeof(in));
	return 0;
}

int close(int fd)
{
	if (fd < FIRST_FD)
		return (int)syscall(SYS_close, fd);
	assert_false(kernel.closed[fd - FIRST_FD]);
	kernel.closed[fd - FIRST_FD] = true;
	return 0;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, ts);
	*ts = (struct timespec){.tv_sec = 1000 + kernel.later_s};
	return 0;
}

/* ---- connections and packets ---- */

static int open_world(void **state)
{
	memset(&kernel, 0, sizeof(kernel));
	return own_traffic_new(&kernel.own);
}

static int close_world(void **state)
{
	lines_release();
	own_traffic_unref(kernel.own);
	return 0;
}

/* Returns what connect(2) said. */
static int open_connection(int i, const char *to, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (i % 2) {
		assert_int_equal(inet_pton(AF_INET6, to, &in6.sin6_addr), 1);
		return own_traffic_connect(kernel.own, FIRST_FD + i, (struct sockaddr *)&in6,
					   sizeof(in6));
	}
	assert_int_equal(inet_pton(AF_INET, to, &in.sin_addr), 1);
	return own_traffic_connect(kernel.own, FIRST_FD + i, (struct sockaddr *)&in, sizeof(in));
}

static void close_connection(int i)
{
	assert_int_equal(own_traffic_close(kernel.own, FIRST_FD + i), 0);
	assert_true(kernel.closed[i]);
}

struct built {
	uint8_t bytes[80];
	struct packet pkt;
};

/* A TCP segment, or what else has ports, in Ethernet. */
static struct packet *build(struct built *b, uint8_t proto, const char *src, uint16_t sport,
			    const char *dst, uint16_t dport)
{
	bool v6 = strchr(src, ':') != NULL;
	uint8_t *ip = b->bytes + 14, *ports = ip + (v6 ? 40 : 20);

	memset(b, 0, sizeof(*b));
	memcpy(b->bytes + 12, v6 ? "\x86\xdd" : "\x08\x00", 2);
	ip[0] = v6 ? 0x60 : 0x45;
	ip[v6 ? 6 : 9] = proto;
	inet_pton(v6 ? AF_INET6 : AF_INET, src, ip + (v6 ? 8 : 12));
	inet_pton(v6 ? AF_INET6 : AF_INET, dst, ip + (v6 ? 24 : 16));
	sport = htons(sport);
	dport = htons(dport);
	memcpy(ports, &sport, 2);
	memcpy(ports + 2, &dport, 2);
	b->pkt = (struct packet){.data = b->bytes, .caplen = sizeof(b->bytes), .linktype = 1};
	b->pkt.wirelen = b->pkt.caplen;
	return &b->pkt;
}

static bool is_own(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	struct built there, back;
	bool own = own_traffic_match(kernel.own, build(&there, 6, src, sport, dst, dport));

	/* Both directions, always. */
	assert_int_equal(own_traffic_match(kernel.own, build(&back, 6, dst, dport, src, sport)),
			 own);
	return own;
}

/* ---- tests ---- */

static void test_a_connection_is_known_by_both_its_ends(void **state)
{
	struct built b;

	assert_false(is_own(HERE, PORT_OF(0), "192.0.2.9", 9092));
	assert_int_equal(open_connection(0, "192.0.2.9", 9092), 0);
	assert_true(is_own(HERE, PORT_OF(0), "192.0.2.9", 9092));
	assert_false(is_own("192.0.2.2", PORT_OF(0), "192.0.2.9", 9092)); /* another host's */
	assert_false(is_own(HERE, PORT_OF(0), "192.0.2.8", 9092));
	assert_false(is_own(HERE, PORT_OF(0), "192.0.2.9", 9093));
	assert_false(is_own(HERE, PORT_OF(2), "192.0.2.9", 9092));
	assert_false(is_own(HERE, 9092, "192.0.2.9", PORT_OF(0)));
	assert_false(
		own_traffic_match(kernel.own, build(&b, 17, HERE, PORT_OF(0), "192.0.2.9", 9092)));
	build(&b, 6, HERE, PORT_OF(0), "192.0.2.9", 9092)->caplen = 14 + 20 + 3;
	assert_false(own_traffic_match(kernel.own, &b.pkt));
}

static void test_ipv6_is_told_from_ipv4(void **state)
{
	assert_int_equal(open_connection(1, "2001:db8::9", 9092), 0);
	assert_true(is_own(HERE6, PORT_OF(1), "2001:db8::9", 9092));
	assert_false(is_own("2001:db8::2", PORT_OF(1), "2001:db8::9", 9092));
	assert_false(is_own(HERE6, PORT_OF(1), "2001:db8::8", 9092));
	/* The same first bytes, and zeros. */
	assert_int_equal(open_connection(3, "a00:1::", 9092), 0);
	assert_true(is_own(HERE6, PORT_OF(3), "a00:1::", 9092));
	assert_false(is_own("32.1.13.184", PORT_OF(3), "10.0.0.1", 9092));
}

/* Its local address is the kernel's to choose, so any will do until then. */
static void test_the_first_packet_is_known(void **state)
{
	struct built b;

	kernel.syn = build(&b, 6, "198.51.100.7", PORT_OF(0), "192.0.2.9", 9092);
	assert_int_equal(open_connection(0, "192.0.2.9", 9092), 0);
	assert_true(kernel.syn_is_own);
	assert_false(own_traffic_match(kernel.own, &b.pkt));
	kernel.syn = build(&b, 6, HERE, PORT_OF(2), "192.0.2.8", 9092);
	assert_int_equal(open_connection(2, "192.0.2.9", 9092), 0);
	assert_false(kernel.syn_is_own);
}

/* As librdkafka's connect_cb shall; it closes the socket then. */
static void test_what_connect_says_is_handed_on(void **state)
{
	kernel.answer = EINPROGRESS;
	assert_int_equal(open_connection(0, "192.0.2.9", 9092), 0);
	assert_true(is_own(HERE, PORT_OF(0), "192.0.2.9", 9092));
	kernel.answer = ECONNREFUSED;
	assert_int_equal(open_connection(2, "192.0.2.9", 9092), ECONNREFUSED);
	assert_true(is_own("0.0.0.0", PORT_OF(2), "192.0.2.9", 9092)); /* a SYN has gone */
	close_connection(2);
	assert_true(is_own("0.0.0.0", PORT_OF(2), "192.0.2.9", 9092));
}

static void test_what_cannot_be_registered_is_connected(void **state)
{
	const struct sockaddr local = {.sa_family = AF_UNIX};

	lines_catch();
	kernel.refuses_bind = EADDRINUSE;
	assert_int_equal(open_connection(0, "192.0.2.9", 9092), 0);
	assert_int_equal(lines_with("Cannot identify our own connection to Kafka (Address already "
				    "in use)"),
			 1);
	assert_true(kernel.connected[0]);
	kernel.refuses_bind = 0;
	assert_false(is_own(HERE, PORT_OF(0), "192.0.2.9", 9092));
	assert_int_equal(own_traffic_connect(kernel.own, FIRST_FD + 2, &local, sizeof(local)), 0);
	assert_int_equal(lines_with("Cannot identify"), 2);
	assert_true(kernel.connected[2]);
}

/* Its last segments may come late. It is forgotten when room is looked for. */
static void test_a_closed_connection_is_known_for_a_minute(void **state)
{
	open_connection(0, "192.0.2.9", 9092);
	open_connection(2, "192.0.2.9", 9092);
	close_connection(0);
	kernel.later_s = 60;
	open_connection(4, "192.0.2.9", 9092);
	assert_true(is_own(HERE, PORT_OF(0), "192.0.2.9", 9092));
	kernel.later_s = 61;
	open_connection(6, "192.0.2.9", 9092);
	assert_false(is_own(HERE, PORT_OF(0), "192.0.2.9", 9092));
	for (int i = 2; i <= 6; i += 2) /* these are open */
		assert_true(is_own(HERE, PORT_OF(i), "192.0.2.9", 9092));
}

/* The kernel gives a port again to another remote end; one row's end is not the other's. */
static void test_a_port_that_two_have_had(void **state)
{
	open_connection(0, "192.0.2.9", 9092);
	close_connection(0);
	kernel.later_s = 30;
	kernel.closed[0] = kernel.connected[0] = false;
	open_connection(0, "192.0.2.8", 9092);
	assert_true(is_own(HERE, PORT_OF(0), "192.0.2.9", 9092));
	assert_true(is_own(HERE, PORT_OF(0), "192.0.2.8", 9092));
	kernel.later_s = 61;
	open_connection(2, "192.0.2.9", 9092);
	assert_false(is_own(HERE, PORT_OF(0), "192.0.2.9", 9092));
	assert_true(is_own(HERE, PORT_OF(0), "192.0.2.8", 9092));
}

/* With all its places taken, those that closed long ago go first, and none that is open. */
static void test_a_full_table(void **state)
{
	int i;

	for (i = 0; i < 2 * PLACES; i += 2)
		assert_int_equal(open_connection(i, "192.0.2.9", 9092), 0);
	assert_int_equal(open_connection(1, "2001:db8::9", 9092), 0); /* no place for it */
	assert_false(is_own(HERE6, PORT_OF(1), "2001:db8::9", 9092));
	close_connection(1);
	close_connection(10);
	kernel.later_s = 1;
	close_connection(4);
	assert_int_equal(open_connection(3, "2001:db8::9", 9092), 0);
	assert_true(is_own(HERE6, PORT_OF(3), "2001:db8::9", 9092));
	for (i = 0; i < 2 * PLACES; i += 2)
		assert_int_equal(is_own(HERE, PORT_OF(i), "192.0.2.9", 9092), i != 10);
}

/* ---- other processes ---- */

static struct {
	int fresh, others;
	struct own_connection list[4];
	size_t n;
} told;

static void on_change(void *ctx, bool fresh)
{
	told.fresh += fresh;
	told.others += !fresh;
	told.n = own_traffic_list(kernel.own, told.list, 4);
}

static void test_what_changes_is_told(void **state)
{
	memset(&told, 0, sizeof(told));
	own_traffic_watch(kernel.own, on_change, NULL);
	open_connection(0, "192.0.2.9", 9092);
	assert_int_equal(told.fresh, 1);
	assert_int_equal(told.others, 1);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.list[0].local.port, PORT_OF(0));
	assert_int_equal(told.list[0].remote.port, 9092);
	assert_true(told.list[0].local_known);
	close_connection(0);
	assert_int_equal(told.others, 2);
	assert_int_equal(told.n, 0);
	own_traffic_watch(kernel.own, NULL, NULL);
	open_connection(2, "192.0.2.9", 9092);
	assert_int_equal(told.fresh, 1);
}

/* They are ours as long as they are theirs, and a minute more. */
static void test_those_of_another_process_are_ours_too(void **state)
{
	struct own_connection theirs = {.local.port = 5, .remote.port = 9092};

	inet_pton(AF_INET, HERE, theirs.remote.addr);
	own_traffic_learn(kernel.own, 1, &theirs, 1);
	assert_true(is_own("192.0.2.77", 5, HERE, 9092)); /* its local address is not known */
	inet_pton(AF_INET, "192.0.2.9", theirs.local.addr);
	theirs.local_known = true;
	own_traffic_learn(kernel.own, 1, &theirs, 1);
	assert_true(is_own("192.0.2.9", 5, HERE, 9092));
	assert_false(is_own("192.0.2.77", 5, HERE, 9092));
	assert_int_equal(own_traffic_list(kernel.own, told.list, 4), 0);
	own_traffic_learn(kernel.own, 2, NULL, 0); /* another one has none */
	kernel.later_s = 100;
	open_connection(0, "192.0.2.9", 9092);
	assert_true(is_own("192.0.2.9", 5, HERE, 9092));
	own_traffic_learn(kernel.own, 1, NULL, 0);
	kernel.later_s = 160;
	open_connection(2, "192.0.2.9", 9092);
	assert_true(is_own("192.0.2.9", 5, HERE, 9092));
	kernel.later_s = 161;
	open_connection(4, "192.0.2.9", 9092);
	assert_false(is_own("192.0.2.9", 5, HERE, 9092));
}

/* Whoever has no room is counted while it is open, and a line says so. */
static void test_what_has_no_room_is_counted(void **state)
{
	static struct own_connection theirs[PLACES];

	for (size_t i = 0; i < PLACES; i++) {
		theirs[i].local.port = (uint16_t)(1 + i);
		theirs[i].remote.port = 9092;
	}
	lines_catch();
	own_traffic_learn(kernel.own, 1, theirs, PLACES);
	assert_int_equal(own_traffic_missing(kernel.own), 0);
	assert_int_equal(lines_with("no room"), 0);
	own_traffic_learn(kernel.own, 2, theirs, 2);
	own_traffic_learn(kernel.own, 2, theirs, 2); /* as each second */
	assert_int_equal(own_traffic_missing(kernel.own), 2);
	open_connection(0, "192.0.2.9", 9092);
	assert_int_equal(own_traffic_missing(kernel.own), 3);
	assert_int_equal(lines_with("no room for 2 more: the capture includes those"), 1);
	assert_int_equal(lines_with("no room"), 1);
	close_connection(0);
	own_traffic_learn(kernel.own, 2, NULL, 0);
	assert_int_equal(own_traffic_missing(kernel.own), 0);
}

static void test_the_last_reference_frees(void **state)
{
	struct own_traffic *other = NULL;

	own_traffic_ref(NULL);
	own_traffic_unref(NULL);
	assert_int_equal(own_traffic_new(&other), 0);
	own_traffic_ref(other);
	own_traffic_unref(other);
	assert_false(own_traffic_match(other, &(struct packet){.linktype = 1}));
	own_traffic_unref(other); /* AddressSanitizer's leak check sees the rest */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_connection_is_known_by_both_its_ends),
		CASE(test_ipv6_is_told_from_ipv4),
		CASE(test_the_first_packet_is_known),
		CASE(test_what_connect_says_is_handed_on),
		CASE(test_what_cannot_be_registered_is_connected),
		CASE(test_a_closed_connection_is_known_for_a_minute),
		CASE(test_a_port_that_two_have_had),
		CASE(test_a_full_table),
		CASE(test_what_changes_is_told),
		CASE(test_those_of_another_process_are_ours_too),
		CASE(test_what_has_no_room_is_counted),
		CASE(test_the_last_reference_frees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two instances of a group in one process, over the kernel's own sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "lines.h"
#include "packet/members.h"
#include "packet/own_traffic.h"

#define PLACES 256

/*
 * The clock of what is tested: it moves when a test says so, so that a machine that gives us no
 * time for a second changes nothing. An hour ahead: what waits by the true one waits for others.
 */
static atomic_long clock_ms;

/* In place of libc's. */
int clock_gettime(clockid_t clock, struct timespec *ts)
{
	long now;

	if (clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, ts);
	now = atomic_load(&clock_ms);
	*ts = (struct timespec){now / 1000, now % 1000 * 1000000};
	return 0;
}

static time_t true_seconds(void)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static int start_clock(void **state)
{
	clock_ms = (true_seconds() + 3600) * 1000;
	return 0;
}

/* Whoever is to tell something once a second does so. */
static void pass_a_second(void)
{
	atomic_fetch_add(&clock_ms, 1001);
}

/* In place of libc's: it looks at the clock more often. */
int poll(struct pollfd *fds, nfds_t n, int ms)
{
	const struct timespec ts = {.tv_nsec = (ms < 5 ? ms : 5) * 1000000L};

	return ppoll(fds, n, &ts, NULL);
}

/* To somebody who does not read: the next message of this thread waits until the test lets it go.
 */
static _Thread_local bool held_up;
static struct {
	bool gave_up;
	sem_t waits, go;
} full;

/* How often somebody waited for one that does not read: each time for 50 ms. */
static atomic_int waited;

/* In place of libc's. */
ssize_t sendto(int fd, const void *buf, size_t len, int flags, __CONST_SOCKADDR_ARG to,
	       socklen_t to_len)
{
	struct timespec until;
	ssize_t r;

	if (held_up) {
		held_up = false;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += DEADLINE_S;
		sem_post(&full.waits);
		full.gave_up |= sem_timedwait(&full.go, &until) < 0;
	}
	r = syscall(SYS_sendto, fd, buf, len, flags, to.__sockaddr__, to_len);
	if (r < 0 && errno == EAGAIN && !(flags & MSG_DONTWAIT)) {
		atomic_fetch_add(&waited, 1);
		atomic_fetch_add(&clock_ms, 50);
		errno = EAGAIN;
	}
	return r;
}

struct instance {
	struct own_traffic *own;
	struct members *members;
	int fd;
	uint16_t port;
};

/* Tests of other runs have other numbers. */
static uint16_t group(void)
{
	return (uint16_t)(60000 + getpid() % 5000); /* no group of tests beside it */
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
	time_t until = true_seconds() + DEADLINE_S;
	char text[128];

	members_describe(m, packets, text, sizeof(text));
	pass_a_second();
	do {
		members_describe(m, packets, text, sizeof(text));
		if (strstr(text, wanted))
			return;
		usleep(1000);
	} while (true_seconds() < until);
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
	members_describe(b.members, 0, text, sizeof(text));
	members_describe(b.members, 300, text, sizeof(text));
	wait_described(a.members, 100, ": 25 % of the packets of 2 instances");
	wait_described(b.members, 300, ": 75 % of the packets of 2 instances");
	end(&b);
	wait_described(a.members, 100, "of 1 instance");
	end(&a);
}

/* What it had before is not of the last seconds. */
static void test_who_joins_by_a_reload_begins_with_nothing(void **state)
{
	struct instance a = {.fd = -1};
	char text[128];

	start(&a);
	members_describe(a.members, 1000000, text, sizeof(text));
	assert_null(strstr(text, "%"));
	members_describe(a.members, 1000300, text, sizeof(text));
	assert_non_null(strstr(text, ": 100 % of the packets of 1 instance"));
	end(&a);
}

static socklen_t address_of(struct sockaddr_un *out, unsigned int place)
{
	int n;

	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	n = snprintf(out->sun_path + 1, sizeof(out->sun_path) - 1, "pycapa-fanout-%u-%u", group(),
		     place);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

/* Somebody else has the place. */
static int bind_place(unsigned int place)
{
	struct sockaddr_un to;
	socklen_t len = address_of(&to, place);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&to, len), 0);
	return fd;
}

/* And reads nothing. */
static int take_place(unsigned int place)
{
	struct sockaddr_un to;
	socklen_t len = address_of(&to, place);
	int fd = bind_place(place), from;
	unsigned int sent;

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

	for (unsigned int i = 0; i < 40; i++)
		fds[i] = take_place(i);
	waited = 0;
	start(&a);
	assert_in_range(waited, 1, 5); /* 200 ms */
	end(&a);
	for (unsigned int i = 0; i < 40; i++)
		close(fds[i]);
}

/* The loop asks each second, also while a connection waits for one that is stopped. */
static void *connect_in_thread(void *arg)
{
	struct instance *i = arg;

	held_up = true;
	connect_it(i, i->own);
	return NULL;
}

static void test_the_loop_waits_for_nobody(void **state)
{
	struct instance a = {.fd = -1}, b = {.fd = -1};
	pthread_t thread;
	char text[128];

	start(&a);
	start(&b);
	sem_init(&full.waits, 0, 0);
	sem_init(&full.go, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, connect_in_thread, &a), 0);
	sem_wait(&full.waits);
	members_describe(a.members, 1, text, sizeof(text));
	sem_post(&full.go);
	pthread_join(thread, NULL);
	assert_false(full.gave_up);
	assert_non_null(strstr(text, "2 instances"));
	own_traffic_close(a.own, a.fd);
	end(&a);
	end(&b);
}

/* Any local user can have the names: no reason not to capture. */
static void test_without_a_name_it_goes_on(void **state)
{
	struct instance a = {.fd = -1};
	int fds[PLACES];

	for (unsigned int i = 0; i < PLACES; i++)
		fds[i] = bind_place(i);
	lines_catch();
	start(&a);
	assert_null(a.members);
	assert_int_equal(lines_with("other programs have all names of the group"), 1);
	lines_release();
	members_set_filter(a.members, "tcp", 0);
	end(&a);
	for (unsigned int i = 0; i < PLACES; i++)
		close(fds[i]);
}

/* As once a second, so long that whoever differs has told it. */
static unsigned int look(struct instance *i, unsigned int wanted)
{
	time_t until = true_seconds() + DEADLINE_S;
	unsigned int found;
	char text[128];

	pass_a_second();
	do {
		for (int n = 0; n < 10; n++)
			members_describe(i->members, 0, text, sizeof(text));
		usleep(1000);
		found = lines_with("another filter or direction");
	} while (found < wanted && true_seconds() < until);
	return found;
}

static void test_another_filter_is_warned_of(void **state)
{
	struct instance a = {.fd = -1}, b = {.fd = -1};

	start(&a);
	start(&b);
	lines_catch();
	members_set_filter(a.members, "tcp", 0);
	assert_int_equal(look(&a, 0), 0); /* b has not told */
	members_set_filter(b.members, "udp", 0);
	assert_int_equal(look(&a, 1), 1);
	assert_int_equal(look(&b, 2), 2);
	members_set_filter(b.members, "tcp", 1);
	assert_int_equal(look(&a, 0), 2); /* it was said */
	members_set_filter(a.members, "tcp", 1);
	assert_int_equal(look(&b, 0), 2);
	lines_release();
	end(&a);
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_connection_is_known_to_all_before_its_first_packet,
				       start_clock),
		cmocka_unit_test_setup(test_a_newcomer_knows_what_there_is, start_clock),
		cmocka_unit_test_setup(test_each_has_its_share, start_clock),
		cmocka_unit_test_setup(test_who_joins_by_a_reload_begins_with_nothing, start_clock),
		cmocka_unit_test_setup(test_who_does_not_read_holds_up_nobody, start_clock),
		cmocka_unit_test_setup(test_the_loop_waits_for_nobody, start_clock),
		cmocka_unit_test_setup(test_without_a_name_it_goes_on, start_clock),
		cmocka_unit_test_setup(test_another_filter_is_warned_of, start_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

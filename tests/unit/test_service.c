/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/service.h"
#include "deadline.h"

/* A manager that reads when it is asked to, and whose queue others have filled. */
struct fixture {
	struct ev_loop *loop;
	struct service *service;
	struct sockaddr_un addr;
	socklen_t addr_len;
	int manager;
	int filler;
	char heard[2048]; /* messages, each with a '|' behind it */
	int fed;          /* watchdog messages, which are not among them */
};

static void fill(struct fixture *f)
{
	while (sendto(f->filler, "X", 1, MSG_DONTWAIT, (struct sockaddr *)&f->addr, f->addr_len) ==
	       1)
		;
	assert_int_equal(errno, EAGAIN);
}

static void hear(struct fixture *f)
{
	char text[1024];
	ssize_t n;

	while ((n = recv(f->manager, text, sizeof(text) - 1, MSG_DONTWAIT)) >= 0) {
		text[n] = '\0';
		if (strcmp(text, "WATCHDOG=1") == 0)
			f->fed++;
		else if (strcmp(text, "X") != 0)
			snprintf(f->heard + strlen(f->heard), sizeof(f->heard) - strlen(f->heard),
				 "%s|", text);
	}
}

/* Runs the loop until `text` was heard. */
static void wait_for(struct fixture *f, const char *text)
{
	for (hear(f); !strstr(f->heard, text); hear(f))
		ev_run(f->loop, EVRUN_ONCE);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char name[64];

	alarm(DEADLINE_S);
	if (!f)
		return -1;
	*state = f;
	f->addr.sun_family = AF_UNIX;
	snprintf(name, sizeof(name), "@pycapa-test-service-%d", (int)getpid());
	memcpy(f->addr.sun_path + 1, name + 1, strlen(name) - 1);
	f->addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	f->manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	f->filler = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(f->manager, (struct sockaddr *)&f->addr, f->addr_len) < 0)
		return -1;
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "200000", 1);
	unsetenv("WATCHDOG_PID");
	f->loop = ev_loop_new(EVFLAG_AUTO);
	return service_new(&f->service, f->loop);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	service_free(f->service);
	ev_loop_destroy(f->loop);
	close(f->manager);
	close(f->filler);
	free(f);
	return 0;
}

static void test_what_there_is_room_for_is_told_at_once(void **state)
{
	struct fixture *f = *state;

	service_set_status(f->service, "capturing on eth0");
	service_ready(f->service);
	service_set_status(f->service, "capturing on eth0");
	hear(f);
	assert_string_equal(f->heard, "STATUS=capturing on eth0|READY=1|");
}

static void test_a_full_queue_holds_nobody_up_and_loses_nothing(void **state)
{
	struct fixture *f = *state;

	fill(f);
	service_set_status(f->service, "starting");
	service_ready(f->service);
	service_set_status(f->service, "capturing");
	hear(f);
	assert_string_equal(f->heard, "");
	wait_for(f, "STATUS=");
	assert_string_equal(f->heard, "READY=1|STATUS=capturing|");
}

static void test_reloads_that_nobody_heard_of_end_as_the_last_one(void **state)
{
	struct fixture *f = *state;
	char *at;

	fill(f);
	service_ready(f->service);
	for (int i = 0; i < 3; i++) {
		service_reloading(f->service);
		service_ready(f->service);
	}
	service_stopping(f->service, 1000);
	wait_for(f, "STOPPING=1\nEXTEND_TIMEOUT_USEC=1000000|");
	at = f->heard;
	assert_ptr_equal(strstr(at, "READY=1|RELOADING=1\nMONOTONIC_USEC="), at);
	at = strchr(at + strlen("READY=1|"), '|');
	assert_ptr_equal(strstr(at, "|READY=1|STOPPING=1\n"), at);
}

static void test_the_watchdog_is_fed_once_there_is_room(void **state)
{
	struct fixture *f = *state;

	double until = ev_now(f->loop) + 0.35; /* its timer makes three by then */

	/* One that finds no room is the only one due, however many the timer makes of it. */
	fill(f);
	while (ev_now(f->loop) < until)
		ev_run(f->loop, EVRUN_ONCE);
	hear(f);
	assert_int_equal(f->fed, 0);
	service_set_status(f->service, "capturing"); /* sends what is due; the loop does not run */
	hear(f);
	assert_int_equal(f->fed, 1);
	assert_string_equal(f->heard, "STATUS=capturing|");
	while (f->fed < 2) { /* and then by the timer alone */
		ev_run(f->loop, EVRUN_ONCE);
		hear(f);
	}
}

static void test_a_status_is_one_assignment(void **state)
{
	struct fixture *f = *state;

	service_set_status(f->service, "broker \x1b[2J\nSTOPPING=1");
	hear(f);
	assert_string_equal(f->heard, "STATUS=broker ?[2J STOPPING=1|");
}

static void test_a_manager_that_is_gone_is_no_trouble(void **state)
{
	struct fixture *f = *state;

	/* Without a watchdog the loop runs as long as something is due, and no longer. */
	service_free(f->service);
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(service_new(&f->service, f->loop), 0);
	fill(f);
	service_ready(f->service);
	close(f->manager);
	f->manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ev_run(f->loop, 0);
	service_set_status(f->service, "capturing");
	service_stopping(f->service, 0);
	ev_run(f->loop, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_what_there_is_room_for_is_told_at_once),
		CASE(test_a_full_queue_holds_nobody_up_and_loses_nothing),
		CASE(test_reloads_that_nobody_heard_of_end_as_the_last_one),
		CASE(test_the_watchdog_is_fed_once_there_is_room),
		CASE(test_a_status_is_one_assignment),
		CASE(test_a_manager_that_is_gone_is_no_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/control_socket.h"
#include "base/log.h"
#include "deadline.h"

static int warnings;

void log_write(enum log_level level, const char *fmt, ...)
{
	warnings += level == LOG_LEVEL_WARN;
}

struct fixture {
	struct ev_loop *loop;
	struct control_socket *control;
	ev_async wake;
	char dir[32];
	char path[64];
	int result; /* what on_reload answers, and why */
	const char *reason;
	int reloads;
	int client_result;
	char why[512];
};

static int on_reload(void *ctx, char *why, size_t size)
{
	struct fixture *f = ctx;

	f->reloads++;
	if (f->result < 0)
		snprintf(why, size, "%s", f->reason);
	return f->result;
}

static void on_wake(struct ev_loop *loop, ev_async *w, int revents)
{
	ev_break(loop, EVBREAK_ALL);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	warnings = 0;
	alarm(DEADLINE_S);
	if (!f)
		return -1;
	strcpy(f->dir, "/tmp/pycapa-control-XXXXXX");
	if (!mkdtemp(f->dir)) {
		free(f);
		return -1;
	}
	snprintf(f->path, sizeof(f->path), "%s/control", f->dir);
	f->loop = ev_loop_new(EVFLAG_AUTO);
	ev_async_init(&f->wake, on_wake);
	ev_async_start(f->loop, &f->wake);
	*state = f;
	return control_socket_new(&f->control, f->loop, f->path, on_reload, f);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	control_socket_free(f->control);
	ev_loop_destroy(f->loop);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void *run_client(void *arg)
{
	struct fixture *f = arg;

	f->client_result = control_socket_request_reload(f->path, f->why, sizeof(f->why));
	ev_async_send(f->loop, &f->wake);
	return NULL;
}

/* Runs the client in a thread and the loop here until the client is done. */
static void request(struct fixture *f)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run_client, f), 0);
	ev_run(f->loop, 0);
	pthread_join(thread, NULL);
}

static void test_applied(void **state)
{
	struct fixture *f = *state;

	request(f);
	request(f);
	assert_int_equal(f->client_result, 0);
	assert_int_equal(f->reloads, 2);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;

	f->result = -EINVAL;
	f->reason = "eth0.cfg:3: snaplen: out of range";
	request(f);
	assert_int_equal(f->client_result, -EINVAL);
	assert_string_equal(f->why, "eth0.cfg:3: snaplen: out of range");
	f->reason = "eth0.cfg:3: topic '\x1b[2J\x9b': no\neth0.cfg:4: snaplen: no";
	request(f);
	assert_string_equal(f->why, "eth0.cfg:3: topic '?[2J?': no\neth0.cfg:4: snaplen: no");
}

static int open_client(const struct fixture *f)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, f->path, strlen(f->path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void test_unknown_request(void **state)
{
	static const char unknown[] = "error unknown request";
	struct fixture *f = *state;
	char answer[64];
	ssize_t len;
	int fd = open_client(f);

	assert_int_equal(send(fd, "reboot", 6, 0), 6);
	while ((len = recv(fd, answer, sizeof(answer), MSG_DONTWAIT)) < 0)
		ev_run(f->loop, EVRUN_ONCE);
	assert_int_equal(len, strlen(unknown));
	assert_memory_equal(answer, unknown, strlen(unknown));
	assert_int_equal(f->reloads, 0);
	close(fd);
}

static bool has_answer(const struct fixture *f, int fd, char *answer, size_t size)
{
	ssize_t len;

	ev_run(f->loop, EVRUN_NOWAIT);
	len = recv(fd, answer, size - 1, MSG_DONTWAIT);
	answer[len > 0 ? len : 0] = '\0';
	return len >= 0;
}

/* All who wait get the answer; one that left meanwhile is none of them. */
static void test_pending(void **state)
{
	struct fixture *f = *state;
	char answer[128];
	int fds[3];

	f->result = CONTROL_E_PENDING;
	for (size_t i = 0; i < 3; i++) {
		fds[i] = open_client(f);
		assert_int_equal(send(fds[i], "reload", 6, 0), 6);
		while (f->reloads < (int)i + 1)
			ev_run(f->loop, EVRUN_ONCE);
		assert_false(has_answer(f, fds[i], answer, sizeof(answer)));
	}
	close(fds[1]);
	ev_run(f->loop, EVRUN_ONCE);
	control_socket_answer(f->control, -EINVAL, "no such interface");
	assert_true(has_answer(f, fds[0], answer, sizeof(answer)));
	assert_string_equal(answer, "error no such interface");
	assert_true(has_answer(f, fds[2], answer, sizeof(answer)));
	assert_string_equal(answer, "error no such interface");
	/* They were told, and are gone. */
	control_socket_answer(f->control, 0, "");
	assert_true(has_answer(f, fds[0], answer, sizeof(answer)));
	assert_string_equal(answer, "");
	close(fds[0]);
	close(fds[2]);
	f->result = 0;
	request(f);
	assert_int_equal(f->client_result, 0);
}

/* Clients that connect and say nothing take all places; the ninth is served once they leave. */
static void test_silent_clients(void **state)
{
	struct fixture *f = *state;
	int fds[8], ninth;

	for (size_t i = 0; i < 8; i++) {
		fds[i] = open_client(f);
		ev_run(f->loop, EVRUN_ONCE);
	}
	ninth = open_client(f);
	assert_int_equal(send(ninth, "reload", 6, 0), 6);
	for (int i = 0; i < 4; i++) /* to take it, and to read from it, with some to spare */
		ev_run(f->loop, EVRUN_NOWAIT);
	assert_int_equal(f->reloads, 0);
	for (size_t i = 0; i < 8; i++)
		close(fds[i]);
	while (f->reloads == 0)
		ev_run(f->loop, EVRUN_ONCE);
	close(ninth);
	request(f);
	assert_int_equal(f->client_result, 0);
}

static void test_mode(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_a_living_instance_keeps_its_socket(void **state)
{
	struct fixture *f = *state;
	struct control_socket *second = NULL;

	assert_int_equal(control_socket_new(&second, f->loop, f->path, on_reload, f), -EADDRINUSE);
	assert_null(second);
	request(f);
	assert_int_equal(f->client_result, 0);
}

static void test_what_a_dead_process_left_is_replaced(void **state)
{
	struct fixture *f = *state;
	char kept[80];

	/* Closing it removes its name; another one keeps the socket, which nobody listens on. */
	snprintf(kept, sizeof(kept), "%s-kept", f->path);
	assert_int_equal(link(f->path, kept), 0);
	control_socket_free(f->control);
	f->control = NULL;
	assert_int_equal(rename(kept, f->path), 0);
	assert_int_equal(control_socket_new(&f->control, f->loop, f->path, on_reload, f), 0);
	request(f);
	assert_int_equal(f->client_result, 0);
}

static void on_over(struct ev_loop *loop, ev_timer *w, int revents)
{
	ev_break(loop, EVBREAK_ALL);
}

/* Lowers the limit until none is left, and puts it back. */
static void allow_descriptors(bool allowed)
{
	static struct rlimit before;
	struct rlimit none;
	int next = dup(STDIN_FILENO);

	if (allowed) {
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	} else {
		assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
		none = before;
		none.rlim_cur = (rlim_t)next;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	}
	close(next);
}

static void test_a_client_without_a_descriptor_waits_and_costs_nothing(void **state)
{
	struct fixture *f = *state;
	ev_timer over;
	char answer[64];
	int fd = open_client(f);
	unsigned int before;

	ev_timer_init(&over, on_over, 1.3, 0.);
	ev_timer_start(f->loop, &over);
	allow_descriptors(false);
	before = ev_iteration(f->loop);
	ev_run(f->loop, 0);
	assert_in_range(ev_iteration(f->loop) - before, 1, 10);
	assert_int_equal(warnings, 1);
	allow_descriptors(true);
	assert_int_equal(send(fd, "reload", 6, 0), 6);
	while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) < 0)
		ev_run(f->loop, EVRUN_ONCE);
	assert_int_equal(f->reloads, 1);
	close(fd);
}

static void test_nobody_there(void **state)
{
	struct fixture *f = *state;

	control_socket_free(f->control);
	f->control = NULL;
	assert_int_equal(control_socket_request_reload(f->path, f->why, sizeof(f->why)), -ENOENT);
	assert_non_null(strstr(f->why, "no running instance listens on"));
	assert_non_null(strstr(f->why, f->path));
}

static void test_path(void **state)
{
	char path[128];
	char name[128];

	assert_int_equal(control_socket_path(path, sizeof(path), "eth0.100"), 0);
	assert_string_equal(path, "/run/pycapa/eth0.100/control");
	assert_int_equal(control_socket_path(path, sizeof(path), ""), -EINVAL);
	assert_int_equal(control_socket_path(path, sizeof(path), "../etc"), -EINVAL);
	assert_int_equal(control_socket_path(path, 20, "eth0"), -ENAMETOOLONG);
	memset(name, 'a', sizeof(name));
	name[control_socket_name_max() + 1] = '\0';
	assert_int_equal(control_socket_path(path, sizeof(path), name), -ENAMETOOLONG);
	name[control_socket_name_max()] = '\0';
	assert_int_equal(control_socket_path(path, sizeof(path), name), 0);
	assert_int_equal(strlen(path), sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
}

static void test_whose_directory_it_is(void **state)
{
	assert_true(control_socket_has_directory("/run/pycapa/eth0", "eth0"));
	assert_true(control_socket_has_directory("/run/other:/run/pycapa/eth0:/run/x", "eth0"));
	assert_false(control_socket_has_directory("/run/other", "eth0"));
	assert_false(control_socket_has_directory("/run/pycapa", "eth0"));
	assert_false(control_socket_has_directory("/run/pycapa/eth0", "eth"));
	assert_false(control_socket_has_directory("/run/pycapa/eth", "eth0"));
	assert_false(control_socket_has_directory("/run/pycapa/eth1:", "eth0"));
	assert_false(control_socket_has_directory("", "eth0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_applied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unknown_request, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pending, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_silent_clients, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_mode, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_living_instance_keeps_its_socket, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_what_a_dead_process_left_is_replaced, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_client_without_a_descriptor_waits_and_costs_nothing, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_there, set_up, tear_down),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_whose_directory_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

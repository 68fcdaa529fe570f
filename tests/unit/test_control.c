/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"

struct fixture {
	struct ev_loop *loop;
	struct control *control;
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
	return control_new(&f->control, f->loop, f->path, on_reload, f);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	control_free(f->control);
	ev_loop_destroy(f->loop);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void *run_client(void *arg)
{
	struct fixture *f = arg;

	f->client_result = control_request_reload(f->path, f->why, sizeof(f->why));
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
	struct fixture *f = *state;
	char answer[64];
	ssize_t len;
	int fd = open_client(f);

	assert_int_equal(send(fd, "reboot", 6, 0), 6);
	while ((len = recv(fd, answer, sizeof(answer), MSG_DONTWAIT)) < 0)
		ev_run(f->loop, EVRUN_ONCE);
	assert_memory_equal(answer, "error unknown request", (size_t)len);
	assert_int_equal(f->reloads, 0);
	close(fd);
}

/* Clients that connect and say nothing take all places; the next is served once they leave. */
static void test_silent_clients(void **state)
{
	struct fixture *f = *state;
	int fds[8];

	for (size_t i = 0; i < 8; i++) {
		fds[i] = open_client(f);
		ev_run(f->loop, EVRUN_ONCE);
	}
	for (size_t i = 0; i < 8; i++)
		close(fds[i]);
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

static void test_replaces_stale_socket(void **state)
{
	struct fixture *f = *state;
	struct control *second = NULL;

	assert_int_equal(control_new(&second, f->loop, f->path, on_reload, f), 0);
	control_free(f->control);
	f->control = NULL;
	assert_int_not_equal(access(f->path, F_OK), 0);
	control_free(second);
}

static void test_nobody_there(void **state)
{
	struct fixture *f = *state;

	control_free(f->control);
	f->control = NULL;
	assert_int_equal(control_request_reload(f->path, f->why, sizeof(f->why)), -ENOENT);
	assert_non_null(strstr(f->why, "no running instance listens on"));
	assert_non_null(strstr(f->why, f->path));
}

static void test_path(void **state)
{
	char path[64];
	char name[256];

	assert_int_equal(control_path(path, sizeof(path), "eth0.100"), 0);
	assert_string_equal(path, "/run/pycapa/eth0.100/control");
	assert_int_equal(control_path(path, sizeof(path), ""), -EINVAL);
	assert_int_equal(control_path(path, sizeof(path), "../etc"), -EINVAL);
	assert_int_equal(control_path(path, 20, "eth0"), -ENAMETOOLONG);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(control_path(path, sizeof(path), name), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_applied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unknown_request, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_silent_clients, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_mode, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_replaces_stale_socket, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_there, set_up, tear_down),
		cmocka_unit_test(test_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Where clients of a capture connect: a path, and sockets passed as systemd passes them. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/unix_listen.h"
#include "deadline.h"
#include "lines.h"
#include "output/listening.h"

static struct {
	struct ev_loop *loop;
	struct listening *l;
	char path[64];
	char name[LISTENING_NAME_MAX];
	int clients;
} world;

static void on_client(void *ctx, int fd, const char *name)
{
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	snprintf(world.name, sizeof(world.name), "%s", name);
	world.clients++;
	close(fd);
}

static int open_world(void **state)
{
	memset(&world, 0, sizeof(world));
	world.loop = ev_default_loop(0);
	snprintf(world.path, sizeof(world.path), "/tmp/test_listening.%d", getpid());
	return 0;
}

static int close_world(void **state)
{
	lines_release();
	listening_free(world.l);
	unlink(world.path);
	return 0;
}

static int listen_on(const char *where)
{
	const struct listening_options opt = {.loop = world.loop,
					      .where = where,
					      .on_client = on_client};

	return listening_new(&world.l, &opt);
}

static int dial(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(addr.sun_path, world.path, strlen(world.path) + 1);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void on_deadline(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	fail_msg("nobody is let in");
}

static unsigned int wait_clients(int n)
{
	struct ev_timer deadline;
	unsigned int turns = 0;

	ev_timer_init(&deadline, on_deadline, DEADLINE_S, 0);
	ev_timer_start(world.loop, &deadline);
	for (; world.clients < n; turns++)
		ev_run(world.loop, EVRUN_ONCE);
	ev_timer_stop(world.loop, &deadline);
	return turns;
}

static void a_path_is_for_the_user_and_the_group(void **state)
{
	char name[32];
	struct stat st;
	int fd;

	assert_int_equal(listen_on(world.path), 0);
	assert_int_equal(stat(world.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	fd = dial();
	wait_clients(1);
	snprintf(name, sizeof(name), "process %d", (int)getpid());
	assert_string_equal(world.name, name);
	close(fd);
	listening_free(world.l);
	world.l = NULL;
	assert_int_equal(stat(world.path, &st), -1);
}

static void a_place_that_is_taken_is_named(void **state)
{
	int other = unix_listen(world.path, SOCK_STREAM, 0600, 1);
	char line[128];

	assert_true(other >= 0);
	lines_catch();
	assert_int_equal(listen_on(world.path), -EADDRINUSE);
	snprintf(line, sizeof(line), "cannot listen on %s: Address already in use: another",
		 world.path);
	assert_int_equal(lines_with(line), 1);
	assert_int_equal(access(world.path, F_OK), 0);
	close(other);
	assert_int_equal(listen_on("192.0.2.1:1"), -EADDRNOTAVAIL);
	assert_int_equal(lines_with("192.0.2.1:1: Cannot assign requested address: this host has "),
			 1);
}

/* Without a descriptor left the loop must not spin, and they are let in when there are some. */
static void clients_are_let_in_when_there_are_descriptors_again(void **state)
{
	struct rlimit old, none;
	int fd;

	assert_int_equal(listen_on(world.path), 0);
	fd = dial();
	lines_catch();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	ev_run(world.loop, EVRUN_ONCE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(world.clients, 0);
	assert_int_equal(lines_with("a client cannot connect: Too many open files"), 1);
	assert_true(wait_clients(1) <= 3); /* the rest, and then the client */
	close(fd);
}

static void pass_sockets(int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", getpid());
	assert_int_equal(setenv("LISTEN_PID", text, 1), 0);
	snprintf(text, sizeof(text), "%d", n);
	assert_int_equal(setenv("LISTEN_FDS", text, 1), 0);
}

static void sockets_of_systemd_are_taken_and_left(void **state)
{
	int fd = unix_listen(world.path, SOCK_STREAM, 0600, 1), client;
	char where[LISTENING_WHERE_MAX];

	assert_int_equal(dup2(fd, 3), 3);
	pass_sockets(1);
	assert_int_equal(listen_on("systemd"), 0);
	assert_null(getenv("LISTEN_FDS")); /* a kinit is not to have them */
	listening_describe(world.l, where, sizeof(where));
	assert_string_equal(where, world.path);
	client = dial();
	wait_clients(1);
	listening_free(world.l);
	world.l = NULL;
	assert_int_equal(access(world.path, F_OK), 0);
	close(client);
	close(fd);
	assert_int_equal(fcntl(3, F_GETFD), -1); /* ours is closed */
}

/* The host too, which a port that was typed alone leaves out. */
static void where_it_listens_is_told_in_full(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char where[LISTENING_WHERE_MAX], wanted[32];
	socklen_t len = sizeof(in);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	assert_int_equal(dup2(fd, 3), 3);
	pass_sockets(1);
	assert_int_equal(listen_on("systemd"), 0);
	listening_describe(world.l, where, sizeof(where));
	snprintf(wanted, sizeof(wanted), "127.0.0.1:%u", ntohs(in.sin_port));
	assert_string_equal(where, wanted);
	listening_free(world.l);
	assert_int_equal(listen_on(world.path), 0);
	listening_describe(world.l, where, sizeof(where));
	assert_string_equal(where, world.path);
	close(fd);
}

static void systemd_that_passes_none_is_told(void **state)
{
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	lines_catch();
	assert_int_equal(listen_on("systemd"), -ENOENT);
	assert_int_equal(lines_with("systemd passed no socket: start the .socket unit"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_path_is_for_the_user_and_the_group, open_world,
						close_world),
		cmocka_unit_test_setup_teardown(a_place_that_is_taken_is_named, open_world,
						close_world),
		cmocka_unit_test_setup_teardown(clients_are_let_in_when_there_are_descriptors_again,
						open_world, close_world),
		cmocka_unit_test_setup_teardown(sockets_of_systemd_are_taken_and_left, open_world,
						close_world),
		cmocka_unit_test_setup_teardown(where_it_listens_is_told_in_full, open_world,
						close_world),
		cmocka_unit_test_setup_teardown(systemd_that_passes_none_is_told, open_world,
						close_world),
	};

	/* Where systemd passes the first one; nothing else is to be there. */
	if (dup2(STDERR_FILENO, 3) != 3)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The server on a loop, its clients real sockets that the test holds: nobody else runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/http_server.h"

#define CLIENTS    8
#define DEADLINE_S 20

struct fixture {
	struct ev_loop *loop;
	struct http_server *server;
	struct http_server_options opt;
	char dir[32], path[64];
	int clients[CLIENTS];
	unsigned int asked;
	char asked_path[64], accept[64];
};

static void on_get(void *ctx, const char *path, const char *accept, struct http_answer *out)
{
	struct fixture *f = ctx;

	f->asked++;
	snprintf(f->asked_path, sizeof(f->asked_path), "%s", path);
	snprintf(f->accept, sizeof(f->accept), "%s", accept ? accept : "none");
	out->status = 200;
	out->type = "text/plain";
	out->text = strdup("all is well\n");
	out->len = strlen(out->text);
}

static int open_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = ev_loop_new(0);
	snprintf(f->dir, sizeof(f->dir), "/tmp/pycapa-http-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/socket", f->dir);
	f->opt = (struct http_server_options){
		.loop = f->loop, .connections = 4, .silence_s = 1, .on_get = on_get, .ctx = f};
	assert_int_equal(listen_address_parse(&f->opt.address, f->path, NULL, 0), 0);
	for (int i = 0; i < CLIENTS; i++)
		f->clients[i] = -1;
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < CLIENTS; i++)
		if (f->clients[i] >= 0)
			close(f->clients[i]);
	http_server_free(f->server);
	assert_int_equal(access(f->path, F_OK), -1);
	rmdir(f->dir);
	ev_loop_destroy(f->loop);
	free(f);
	return 0;
}

static void start(struct fixture *f)
{
	assert_int_equal(http_server_new(&f->server, &f->opt), 0);
}

static int connect_client(struct fixture *f, int i)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, f->path, strlen(f->path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	f->clients[i] = fd;
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
}

/* Runs the loop until the server has closed the connection; what it sent is in `buf`. */
static double read_all(struct fixture *f, int fd, char *buf, size_t size)
{
	double began = ev_time();
	ev_timer tick;
	size_t len = 0;

	ev_timer_init(&tick, on_tick, 0.005, 0.005);
	ev_timer_start(f->loop, &tick);
	for (;;) {
		ssize_t n = recv(fd, buf + len, size - 1 - len, 0);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		len += n > 0 ? (size_t)n : 0;
		assert_true(ev_time() - began < DEADLINE_S);
		ev_run(f->loop, EVRUN_ONCE);
	}
	ev_timer_stop(f->loop, &tick);
	buf[len] = '\0';
	return ev_time() - began;
}

static void ask(struct fixture *f, int i, const char *request, char *buf, size_t size)
{
	int fd = connect_client(f, i);

	say(fd, request);
	read_all(f, fd, buf, size);
}

static void a_get_is_answered(void **state)
{
	struct fixture *f = *state;
	char text[1024];

	start(f);
	ask(f, 0, "GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\n\r\n", text,
	    sizeof(text));
	assert_int_equal(strncmp(text, "HTTP/1.1 200 OK\r\n", 17), 0);
	assert_non_null(strstr(text, "\r\nContent-Type: text/plain\r\n"));
	assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
	assert_non_null(strstr(text, "\r\n\r\nall is well\n"));
	assert_string_equal(f->asked_path, "/metrics");
	assert_string_equal(f->accept, "text/plain");
	ask(f, 1, "HEAD / HTTP/1.0\r\n\r\n", text, sizeof(text));
	assert_non_null(strstr(text, " 200 OK\r\n"));
	assert_null(strstr(text, "all is well"));
	assert_string_equal(f->accept, "none");
}

static void nothing_but_get_is_answered(void **state)
{
	struct fixture *f = *state;
	char text[1024];

	start(f);
	ask(f, 0, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc", text,
	    sizeof(text));
	assert_non_null(strstr(text, " 405 "));
	assert_non_null(strstr(text, "\r\nAllow: GET, HEAD\r\n"));
	assert_int_equal(f->asked, 0);
}

/* The connection is closed, with a 400 or without a word. */
static void garbage_is_closed(void **state)
{
	static const char *const garbage[] = {
		"\x16\x03\x01\x02\x01\x01\xfc",
		"GET\r\n\r\n",
		"\r\n\r\n\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n",
	};
	struct fixture *f = *state;
	char text[1024];

	start(f);
	for (int i = 0; i < 4; i++) {
		ask(f, i, garbage[i], text, sizeof(text));
		assert_null(strstr(text, " 200 "));
		close(f->clients[i]);
		f->clients[i] = -1;
	}
	assert_int_equal(f->asked, 0);
}

static void headers_that_do_not_end_are_closed(void **state)
{
	struct fixture *f = *state;
	char text[1024], *header = malloc(20001);

	start(f);
	memset(header, 'h', 20000);
	memcpy(header, "GET / HTTP/1.1\r\nX: ", 19);
	header[20000] = '\0';
	ask(f, 0, header, text, sizeof(text));
	assert_null(strstr(text, " 200 "));
	assert_int_equal(f->asked, 0);
	free(header);
}

/* With four connections at most: those behind them are served when the silent ones are gone. */
static void silent_ones_make_room(void **state)
{
	struct fixture *f = *state;
	char text[1024];
	double waited;
	int fd;

	start(f);
	for (int i = 0; i < 6; i++)
		connect_client(f, i);
	fd = connect_client(f, 6);
	say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	waited = read_all(f, fd, text, sizeof(text));
	assert_non_null(strstr(text, " 200 "));
	assert_true(waited > 0.5 && waited < 5);
	for (int i = 0; i < 4; i++)
		read_all(f, f->clients[i], text, sizeof(text));
}

static void on_turn(struct ev_loop *loop, ev_timer *w, int revents)
{
	*(bool *)w->data = true;
}

/* Who sends a byte now and then is not silent, and yet not served for ever. */
static void slow_ones_are_closed(void **state)
{
	struct fixture *f = *state;
	double began = ev_time();
	ev_timer tick;
	bool turn = true, closed = false;
	int fd;

	f->opt.lifetime_s = 0.6;
	start(f);
	fd = connect_client(f, 0);
	ev_timer_init(&tick, on_turn, 0.05, 0.05);
	tick.data = &turn;
	ev_timer_start(f->loop, &tick);
	while (!closed) {
		char byte;

		if (turn)
			send(fd, "G", 1, MSG_NOSIGNAL);
		turn = false;
		ev_run(f->loop, EVRUN_ONCE);
		closed = recv(fd, &byte, 1, 0) >= 0 || errno != EAGAIN;
		assert_true(ev_time() - began < DEADLINE_S);
	}
	assert_true(ev_time() - began > 0.5);
	ev_timer_stop(f->loop, &tick);
}

/* With nobody there it lets the loop sleep. */
static void it_is_quiet(void **state)
{
	struct fixture *f = *state;
	char text[1024];
	ev_timer end;

	start(f);
	ask(f, 0, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", text, sizeof(text));
	ev_timer_init(&end, on_tick, 0.3, 0);
	ev_timer_start(f->loop, &end);
	ev_run(f->loop, EVRUN_ONCE); /* what is due */
	unsigned int before = ev_iteration(f->loop);
	while (ev_is_active(&end))
		ev_run(f->loop, EVRUN_ONCE);
	assert_true(ev_iteration(f->loop) - before < 5);
}

static void a_file_in_its_place_stays(void **state)
{
	struct fixture *f = *state;
	int fd = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	close(fd);
	assert_int_equal(http_server_new(&f->server, &f->opt), -EEXIST);
	assert_int_equal(unlink(f->path), 0);
}

static void a_dead_socket_is_replaced_and_a_living_one_is_not(void **state)
{
	struct fixture *f = *state;
	struct http_server *second = NULL;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	memcpy(addr.sun_path, f->path, strlen(f->path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	start(f);
	assert_int_equal(http_server_new(&second, &f->opt), -EADDRINUSE);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
}

static void on_over(struct ev_loop *loop, ev_timer *w, int revents)
{
	ev_break(loop, EVBREAK_ALL);
}

/* How often the loop turns in that time. */
static unsigned int turns(struct fixture *f, double seconds)
{
	unsigned int before = ev_iteration(f->loop);
	ev_timer over;

	ev_timer_init(&over, on_over, seconds, 0.);
	ev_timer_start(f->loop, &over);
	ev_run(f->loop, 0);
	return ev_iteration(f->loop) - before;
}

static void without_a_descriptor_for_a_client_the_loop_does_not_spin(void **state)
{
	struct fixture *f = *state;
	struct rlimit enough, none;
	char buf[1024];
	int fd, lowest;

	start(f);
	fd = connect_client(f, 0);
	say(fd, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
	lowest = dup(fd);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &enough), 0);
	none = enough;
	none.rlim_cur = (rlim_t)lowest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_in_range(turns(f, 0.2), 1, 20);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &enough), 0);
	read_all(f, fd, buf, sizeof(buf));
	assert_non_null(strstr(buf, "all is well"));
}

/* libmicrohttpd has no descriptor for its epoll: neither socket nor path stays behind. */
static void a_start_that_fails_leaves_nothing_open(void **state)
{
	struct fixture *f = *state;
	struct rlimit enough, one_more;
	int lowest = dup(0), r, next;

	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &enough), 0);
	one_more = enough;
	one_more.rlim_cur = (rlim_t)lowest + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &one_more), 0);
	r = http_server_new(&f->server, &f->opt);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &enough), 0);
	assert_int_equal(r, -EIO);
	next = dup(0);
	close(next);
	assert_int_equal(next, lowest);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_get_is_answered),
		CASE(nothing_but_get_is_answered),
		CASE(garbage_is_closed),
		CASE(headers_that_do_not_end_are_closed),
		CASE(silent_ones_make_room),
		CASE(slow_ones_are_closed),
		CASE(without_a_descriptor_for_a_client_the_loop_does_not_spin),
		CASE(it_is_quiet),
		CASE(a_file_in_its_place_stays),
		CASE(a_start_that_fails_leaves_nothing_open),
		CASE(a_dead_socket_is_replaced_and_a_living_one_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
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
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deadline.h"
#include "lines.h"
#include "output/byte_stream.h"

struct fixture {
	struct ev_loop *loop;
	struct byte_stream *sf;
	int drained, closed, err;
	bool has_end, timed_out;
	char path[64];
};

static void on_drained(void *ctx)
{
	struct fixture *f = ctx;

	f->drained++;
	ev_break(f->loop, EVBREAK_ALL);
}

static void on_closed(void *ctx, int err)
{
	struct fixture *f = ctx;

	f->closed++;
	f->err = err;
	ev_break(f->loop, EVBREAK_ALL);
}

static void on_deadline(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct fixture *f = w->data;

	f->timed_out = true;
	ev_break(loop, EVBREAK_ALL);
}

/* Runs the loop until one of the callbacks above. */
static void run(struct fixture *f)
{
	struct ev_timer deadline;

	ev_timer_init(&deadline, on_deadline, DEADLINE_S, 0);
	deadline.data = f;
	ev_timer_start(f->loop, &deadline);
	ev_run(f->loop, 0);
	ev_timer_stop(f->loop, &deadline);
	assert_false(f->timed_out);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd;

	signal(SIGPIPE, SIG_IGN);
	f->loop = ev_loop_new(EVBACKEND_EPOLL);
	snprintf(f->path, sizeof(f->path), "/tmp/test_savefile.XXXXXX");
	fd = mkstemp(f->path);
	if (fd < 0) {
		free(f);
		return -1;
	}
	close(fd);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	byte_stream_free(f->sf);
	ev_loop_destroy(f->loop);
	unlink(f->path);
	free(f);
	return 0;
}

static int open_output(struct fixture *f, const char *path, int fd)
{
	const struct byte_stream_options opt = {
		.loop = f->loop,
		.path = path,
		.has_end = f->has_end,
		.fd = fd,
		.on_drained = on_drained,
		.on_closed = on_closed,
		.ctx = f,
	};

	return byte_stream_new(&f->sf, &opt);
}

/* Puts a record of `len` bytes, all of the value `fill`. Returns false when there is no room. */
static bool put(struct fixture *f, size_t len, int fill)
{
	uint8_t *room = byte_stream_reserve(f->sf, len);

	if (!room)
		return false;
	memset(room, fill, len);
	byte_stream_commit(f->sf, len);
	return true;
}

static size_t read_all(int fd, uint8_t *out, size_t size)
{
	size_t n = 0;
	ssize_t r;

	while (n < size && (r = read(fd, out + n, size - n)) > 0)
		n += (size_t)r;
	return n;
}

static void file_holds_what_was_put(void **state)
{
	struct fixture *f = *state;
	uint8_t got[64];
	int fd;

	assert_int_equal(open_output(f, f->path, -1), 0);
	assert_false(byte_stream_is_stream(f->sf));
	byte_stream_put_header(f->sf, "HEAD", 4);
	assert_int_equal(byte_stream_flush(f->sf), 0);
	assert_true(put(f, 3, 'a'));
	assert_true(put(f, 2, 'b'));
	assert_int_equal(byte_stream_written(f->sf), 0);
	assert_int_equal(byte_stream_waiting(f->sf), 5);
	assert_int_equal(byte_stream_flush(f->sf), 0);
	assert_int_equal(byte_stream_written(f->sf), 2);
	assert_int_equal(byte_stream_waiting(f->sf), 0);
	fd = open(f->path, O_RDONLY);
	assert_int_equal(read_all(fd, got, sizeof(got)), 9);
	assert_memory_equal(got, "HEADaaabb", 9);
	close(fd);
}

static void header_changes_in_a_file(void **state)
{
	struct fixture *f = *state;
	uint8_t got[64];
	int fd = open(f->path, O_RDWR);

	/* As after `(echo before; pycapa) >file`: the header is not where the file begins. */
	assert_int_equal(write(fd, "before", 6), 6);
	assert_int_equal(open_output(f, NULL, fd), 0);
	byte_stream_put_header(f->sf, "HEAD", 4);
	assert_true(byte_stream_replace_header(f->sf, "HEA1", 4));
	assert_int_equal(byte_stream_flush(f->sf), 0);
	assert_true(byte_stream_replace_header(f->sf, "HEA2", 4));
	assert_true(put(f, 2, 'b'));
	assert_int_equal(byte_stream_flush(f->sf), 0);
	assert_int_equal(pread(fd, got, sizeof(got), 0), 12);
	assert_memory_equal(got, "beforeHEA2bb", 12);
	close(fd);
}

static void header_stays_where_it_cannot_change(void **state)
{
	struct fixture *f = *state;
	uint8_t got[64];
	int fd = open(f->path, O_WRONLY | O_APPEND), ends[2];

	assert_int_equal(open_output(f, NULL, fd), 0);
	byte_stream_put_header(f->sf, "HEAD", 4);
	assert_int_equal(byte_stream_flush(f->sf), 0);
	assert_false(byte_stream_replace_header(f->sf, "HEA2", 4));
	byte_stream_free(f->sf);
	close(fd);

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(open_output(f, NULL, ends[1]), 0);
	byte_stream_put_header(f->sf, "HEAD", 4);
	assert_true(byte_stream_replace_header(f->sf, "HEA1", 4));
	assert_int_equal(byte_stream_flush(f->sf), 0);
	assert_false(byte_stream_replace_header(f->sf, "HEA2", 4));
	assert_int_equal(read(ends[0], got, sizeof(got)), 4);
	assert_memory_equal(got, "HEA1", 4);
	close(ends[0]);
	close(ends[1]);
}

/* Puts records of 1000 bytes until there is no room; returns how many. */
static unsigned int fill(struct fixture *f)
{
	unsigned int n = 0;

	while (put(f, 1000, (int)(n & 0xff)))
		n++;
	return n;
}

/* Takes the bytes of `n` records of fill() and compares them. */
static void expect_records(int fd, unsigned int n, struct fixture *f)
{
	uint8_t got[1000], want[1000];

	for (unsigned int i = 0; i < n; i++) {
		size_t have = 0;

		memset(want, (int)(i & 0xff), sizeof(want));
		while (have < sizeof(got)) {
			ssize_t r = read(fd, got + have, sizeof(got) - have);

			if (r < 0 && errno == EAGAIN) {
				ev_run(f->loop, EVRUN_NOWAIT);
				continue;
			}
			assert_true(r > 0);
			have += (size_t)r;
		}
		assert_memory_equal(got, want, sizeof(want));
	}
}

static void slow_reader_gets_everything(struct fixture *f, int reader, int writer)
{
	unsigned int n;

	assert_int_equal(open_output(f, NULL, writer), 0);
	assert_true(byte_stream_is_stream(f->sf));
	close(writer);
	fcntl(reader, F_SETFL, O_NONBLOCK);
	n = fill(f);
	assert_true(n > STREAM_LIMIT / 1000 && n < STREAM_LIMIT / 1000 + 3);
	assert_int_equal(byte_stream_flush(f->sf), STREAM_E_BLOCKED);
	assert_true(byte_stream_written(f->sf) < n);
	expect_records(reader, n, f);
	if (!f->drained)
		run(f);
	assert_int_equal(f->drained, 1);
	assert_int_equal(byte_stream_written(f->sf), n);
	assert_true(put(f, 10, 0));
	assert_int_equal(byte_stream_flush(f->sf), 0);
	close(reader);
}

static void slow_pipe(void **state)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	slow_reader_gets_everything(*state, ends[0], ends[1]);
}

static void slow_socket(void **state)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	slow_reader_gets_everything(*state, ends[0], ends[1]);
}

static void flags_of_others_stay(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(open_output(f, NULL, ends[1]), 0);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	close(ends[0]);
	close(ends[1]);
}

static void idle_reader_that_closes_is_noticed(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(open_output(f, NULL, ends[1]), 0);
	close(ends[1]);
	close(ends[0]);
	run(f);
	assert_int_equal(f->closed, 1);
	assert_int_equal(f->err, 0);
	assert_true(put(f, 10, 0));
	assert_int_equal(byte_stream_flush(f->sf), STREAM_E_CLOSED);
	assert_int_equal(byte_stream_written(f->sf), 0);
}

static void reader_that_was_gone_before_is_noticed(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	assert_int_equal(open_output(f, NULL, ends[1]), 0);
	close(ends[1]);
	byte_stream_put_header(f->sf, "HEAD", 4);
	assert_int_equal(byte_stream_flush(f->sf), STREAM_E_CLOSED);
}

static void socket_that_talks_is_no_trouble(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(open_output(f, NULL, ends[1]), 0);
	close(ends[1]);
	assert_int_equal(write(ends[0], "hello", 5), 5);
	assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
	for (int i = 0; i < 5; i++)
		ev_run(f->loop, EVRUN_NOWAIT);
	assert_int_equal(f->closed, 0);
	assert_true(put(f, 10, 0));
	assert_int_equal(byte_stream_flush(f->sf), 0);
	close(ends[0]);
}

static void full_file_ends_with_a_whole_record(void **state)
{
	struct rlimit old, tight;
	struct fixture *f = *state;
	struct stat st;

	/* A limit on file size stands for a full disk: both cut a write short, then fail. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = (struct rlimit){.rlim_cur = 2500, .rlim_max = old.rlim_max};
	assert_int_equal(open_output(f, f->path, -1), 0);
	byte_stream_put_header(f->sf, "HEAD", 4);
	for (int i = 0; i < 5; i++)
		assert_true(put(f, 1000, i));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_int_equal(byte_stream_flush(f->sf), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(byte_stream_written(f->sf), 2);
	assert_int_equal(byte_stream_flush(f->sf), -EFBIG);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_size, 2004);
}

/* What has the name then is not of this run. */
static void a_full_disk_is_not_said_to_hold_what_it_does_not(void **state)
{
	struct rlimit old, tight;
	struct fixture *f = *state;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
	f->has_end = true;
	assert_int_equal(open_output(f, f->path, -1), 0);
	assert_true(put(f, 1000, 1));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_int_equal(byte_stream_flush(f->sf), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(byte_stream_settle(f->sf, false), 0);
	lines_catch();
	byte_stream_log_failure(f->sf);
	assert_int_equal(lines_with("File too large; it is left as it was"), 1);
	lines_release();
}

static void fifo_waits_for_its_reader(void **state)
{
	struct fixture *f = *state;
	uint8_t got[16];
	int fd;

	unlink(f->path);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_equal(open_output(f, f->path, -1), 0);
	byte_stream_put_header(f->sf, "HEAD", 4);
	assert_int_equal(byte_stream_flush(f->sf), STREAM_E_BLOCKED);
	fd = open(f->path, O_RDONLY | O_NONBLOCK);
	assert_true(fd >= 0);
	run(f);
	assert_int_equal(f->drained, 1);
	assert_int_equal(read(fd, got, sizeof(got)), 4);
	close(fd);
}

static void what_cannot_be_opened_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_output(f, "/", -1), -EISDIR);
	assert_int_equal(open_output(f, "/nonexistent/x", -1), -ENOENT);
	assert_int_equal(open_output(f, NULL, 1000), -EBADF);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(file_holds_what_was_put),
		CASE(header_changes_in_a_file),
		CASE(header_stays_where_it_cannot_change),
		CASE(slow_pipe),
		CASE(slow_socket),
		CASE(flags_of_others_stay),
		CASE(idle_reader_that_closes_is_noticed),
		CASE(reader_that_was_gone_before_is_noticed),
		CASE(socket_that_talks_is_no_trouble),
		CASE(full_file_ends_with_a_whole_record),
		CASE(a_full_disk_is_not_said_to_hold_what_it_does_not),
		CASE(fifo_waits_for_its_reader),
		CASE(what_cannot_be_opened_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

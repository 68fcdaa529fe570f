/* SPDX-License-Identifier: Apache-2.0 */
/* A stream that is compressed: what can be unpacked of it, and when. */
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
#include <unistd.h>

#include "deadline.h"
#include "output/byte_stream.h"
#include "output/packer.h"
#include "version.h"

#if PYCAPA_ZSTD

#include "unzstd.h"

static struct {
	struct ev_loop *loop;
	struct byte_stream *sf;
	int drained;
	char path[64];
} world;

static void on_drained(void *ctx)
{
	world.drained++;
}

static void on_closed(void *ctx, int err)
{
	fail_msg("closed: %d", err);
}

static void open_stream(const char *path, int fd)
{
	const struct byte_stream_options opt = {
		.loop = world.loop,
		.path = path,
		.fd = fd,
		.pack = true,
		.on_drained = on_drained,
		.on_closed = on_closed,
	};

	assert_int_equal(byte_stream_new(&world.sf, &opt), 0);
}

static int setup(void **state)
{
	int fd;

	memset(&world, 0, sizeof(world));
	signal(SIGPIPE, SIG_IGN);
	world.loop = ev_loop_new(EVBACKEND_EPOLL);
	snprintf(world.path, sizeof(world.path), "/tmp/test_packer.XXXXXX");
	fd = mkstemp(world.path);
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	byte_stream_free(world.sf);
	ev_loop_destroy(world.loop);
	return unlink(world.path);
}

/* A record of bytes that do not compress, the same for the same `seed`. */
static void noise(uint8_t *room, size_t len, uint32_t seed)
{
	uint32_t x = seed * 2654435761U + 1;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		room[i] = (uint8_t)x;
	}
}

#define RECORD 1000

static bool put(uint32_t seed)
{
	uint8_t *room = byte_stream_reserve(world.sf, RECORD);

	if (!room)
		return false;
	noise(room, RECORD, seed);
	byte_stream_commit(world.sf, RECORD);
	return true;
}

static void expect(const uint8_t *got, size_t len, uint32_t records)
{
	uint8_t want[RECORD];

	assert_int_equal(len, 4 + records * RECORD);
	assert_memory_equal(got, "HEAD", 4);
	for (uint32_t i = 0; i < records; i++) {
		noise(want, RECORD, i);
		assert_memory_equal(got + 4 + (size_t)i * RECORD, want, RECORD);
	}
}

static void expect_file(uint32_t records, bool whole)
{
	bool is_whole;
	size_t len;
	uint8_t *got = unzstd_file(world.path, &len, &is_whole);

	expect(got, len, records);
	assert_int_equal(is_whole, whole);
	free(got);
}

static void what_is_written_can_be_unpacked_at_once(void **state)
{
	open_stream(world.path, -1);
	byte_stream_put_header(world.sf, "HEAD", 4);
	assert_int_equal(byte_stream_flush(world.sf), 0);
	expect_file(0, false);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(put(i));
	assert_int_equal(byte_stream_flush(world.sf), 0);
	assert_int_equal(byte_stream_written(world.sf), 3);
	expect_file(3, false);
	assert_true(put(3));
	byte_stream_finish(world.sf);
	assert_int_equal(byte_stream_flush(world.sf), 0);
	expect_file(4, true);
	assert_int_equal(byte_stream_flush(world.sf), 0); /* its end is written once */
	expect_file(4, true);
	assert_int_equal(byte_stream_size(world.sf), 4 + 4 * RECORD);
}

static void an_end_alone_is_written_too(void **state)
{
	open_stream(world.path, -1);
	byte_stream_put_header(world.sf, "HEAD", 4);
	assert_int_equal(byte_stream_flush(world.sf), 0);
	byte_stream_finish(world.sf);
	assert_int_equal(byte_stream_flush(world.sf), 0);
	expect_file(0, true);
}

/* Neither while it waits in the piece, nor when that is written. */
static void what_is_packed_stays_as_it_is(void **state)
{
	size_t len;

	open_stream(world.path, -1);
	byte_stream_put_header(world.sf, "XXXX", 4);
	assert_true(put(0));
	assert_non_null(byte_stream_unwritten(world.sf, &len));
	assert_int_equal(len, RECORD);
	assert_true(byte_stream_replace_header(world.sf, "HEAD", 4));
	assert_int_equal(byte_stream_flush(world.sf), 0);
	assert_null(byte_stream_unwritten(world.sf, &len));
	assert_false(byte_stream_replace_header(world.sf, "YYYY", 4));
	expect_file(1, false);
}

/* Takes from the pipe what there is. Returns false at its end. */
static bool take(int fd, uint8_t *data, size_t *n)
{
	ssize_t r = read(fd, data + *n, UNZSTD_MAX - *n);

	if (r > 0)
		*n += (size_t)r;
	else if (r < 0 && errno == EAGAIN)
		ev_run(world.loop, EVRUN_NOWAIT);
	return r != 0;
}

/* More is put behind a piece that is on its way. */
static void a_slow_pipe_gets_all(void **state)
{
	uint8_t *data = malloc(UNZSTD_MAX), *got = malloc(UNZSTD_MAX);
	ev_tstamp deadline = ev_time() + DEADLINE_S;
	uint32_t n = 0;
	size_t len = 0;
	int ends[2];
	bool whole;

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	open_stream(NULL, ends[1]);
	close(ends[1]);
	byte_stream_put_header(world.sf, "HEAD", 4);
	while (n < 500 && put(n))
		n++;
	assert_int_equal(byte_stream_flush(world.sf), STREAM_E_BLOCKED);
	assert_int_equal(byte_stream_written(world.sf), 0);
	while (put(n))
		n++;
	assert_true(n > 1000);
	byte_stream_finish(world.sf);
	assert_int_equal(byte_stream_flush(world.sf), STREAM_E_BLOCKED);
	while (!world.drained && ev_time() < deadline)
		take(ends[0], data, &len);
	assert_int_equal(byte_stream_written(world.sf), n);
	byte_stream_free(world.sf);
	world.sf = NULL;
	while (take(ends[0], data, &len))
		;
	expect(got, unzstd(data, len, got, UNZSTD_MAX, &whole), n);
	assert_true(whole);
	close(ends[0]);
	free(got);
	free(data);
}

/* A limit on file size stands for a disk that fails. */
static void what_failed_ends_with_a_whole_piece(void **state)
{
	struct rlimit old, tight;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = (struct rlimit){.rlim_cur = 3500, .rlim_max = old.rlim_max};
	open_stream(world.path, -1);
	byte_stream_put_header(world.sf, "HEAD", 4);
	assert_true(put(0) && put(1));
	assert_int_equal(byte_stream_flush(world.sf), 0);
	assert_true(put(2) && put(3));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_int_equal(byte_stream_flush(world.sf), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(byte_stream_written(world.sf), 2);
	expect_file(2, false);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_written_can_be_unpacked_at_once), CASE(an_end_alone_is_written_too),
		CASE(what_is_packed_stays_as_it_is),           CASE(a_slow_pipe_gets_all),
		CASE(what_failed_ends_with_a_whole_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void there_is_none(void **state)
{
	struct packer *p = NULL;

	assert_int_equal(packer_new(&p), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(there_is_none)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool on a disk that takes long to sync, or does not end it at all until the test lets it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "lines.h"
#include "spool/spool_sync.h"
#include "spool_rig.h"

#define FILES_MAX 1024

/* ---- the disk ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t released;
	bool held, fails, writeback_fails, slow, very_slow, disordered;
	unsigned int begun, ended, written_out;
	uint64_t last;              /* number of the file that was synced last */
	uint64_t synced[FILES_MAX]; /* by numbers of files: bytes of them that are on the disk */
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .released = PTHREAD_COND_INITIALIZER};

static bool parse_number(const char *name, uint64_t *number)
{
	char *end;

	if (strncmp(name, "spool-", 6) != 0)
		return false;
	*number = strtoull(name + 6, &end, 16);
	return !strncmp(end, ".pcapng", 7);
}

/* The number of an open file of a spool. False: it is something else. */
static bool number_of(int fd, uint64_t *number)
{
	char link[64], path[512];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	return parse_number(strrchr(path, '/') + 1, number);
}

/* Under the lock, which is released meanwhile. */
static int sync_now(int fd)
{
	int r;

	while (disk.held)
		pthread_cond_wait(&disk.released, &disk.lock);
	if (disk.fails) {
		errno = EIO;
		return -1;
	}
	pthread_mutex_unlock(&disk.lock);
	if (disk.very_slow)
		nanosleep(&(struct timespec){.tv_nsec = 800000000}, NULL);
	if (disk.slow)
		nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
	r = (int)syscall(SYS_fdatasync, fd);
	pthread_mutex_lock(&disk.lock);
	return r;
}

/* In place of libc's, as the next. */
int sync_file_range(int fd, off_t offset, off_t count, unsigned int flags)
{
	int r = 0;

	pthread_mutex_lock(&disk.lock);
	if (disk.writeback_fails) {
		disk.written_out++;
		errno = ENODATA;
		r = -1;
	}
	pthread_mutex_unlock(&disk.lock);
	return r;
}

int fdatasync(int fd)
{
	struct stat st = {0};
	uint64_t number;
	int r;

	pthread_mutex_lock(&disk.lock);
	disk.begun++;
	fstat(fd, &st);
	r = sync_now(fd);
	disk.ended++;
	if (r == 0 && number_of(fd, &number)) {
		disk.disordered |= number < disk.last;
		disk.last = number;
		disk.synced[number % FILES_MAX] = (uint64_t)st.st_size;
	}
	pthread_mutex_unlock(&disk.lock);
	return r;
}

/* Files of which anything was synced. */
static unsigned int files_synced(void)
{
	unsigned int n = 0;

	pthread_mutex_lock(&disk.lock);
	for (unsigned int i = 0; i < FILES_MAX; i++)
		n += disk.synced[i] > 0;
	pthread_mutex_unlock(&disk.lock);
	return n;
}

static void disk_set(bool *what, bool value)
{
	pthread_mutex_lock(&disk.lock);
	*what = value;
	pthread_cond_broadcast(&disk.released);
	pthread_mutex_unlock(&disk.lock);
}

static unsigned int disk_count(const unsigned int *what)
{
	unsigned int n;

	pthread_mutex_lock(&disk.lock);
	n = *what;
	pthread_mutex_unlock(&disk.lock);
	return n;
}

/* Bytes of the spool's files; `unsynced`: those of them that a loss of power would take. */
static uint64_t bytes_there(struct rig *r, uint64_t *unsynced)
{
	DIR *d = opendir(r->dir);
	uint64_t n = 0, number;
	struct dirent *e;
	struct stat st;

	assert_non_null(d);
	*unsynced = 0;
	while ((e = readdir(d))) {
		if (!parse_number(e->d_name, &number) || fstatat(dirfd(d), e->d_name, &st, 0) < 0)
			continue;
		n += (uint64_t)st.st_size;
		pthread_mutex_lock(&disk.lock);
		*unsynced += (uint64_t)st.st_size - disk.synced[number % FILES_MAX];
		pthread_mutex_unlock(&disk.lock);
	}
	closedir(d);
	return n;
}

static uint64_t bytes_written(struct rig *r)
{
	uint64_t unsynced;

	return bytes_there(r, &unsynced);
}

static bool all_synced(struct rig *r)
{
	uint64_t unsynced, n = bytes_there(r, &unsynced);

	return n > 0 && unsynced == 0;
}

static unsigned int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int sync_setup(void **state)
{
	int r = setup(state);

	rig_open(*state); /* the loop's own fds stay from now on */
	rig_close(*state);
	memset(disk.synced, 0, sizeof(disk.synced));
	disk.begun = disk.ended = 0;
	disk.last = 0;
	disk.disordered = false;
	return r;
}

static int sync_teardown(void **state)
{
	disk_set(&disk.held, false);
	disk_set(&disk.fails, false);
	disk_set(&disk.slow, false);
	disk_set(&disk.very_slow, false);
	lines_release();
	return teardown(state);
}

/* ---- tests ---- */

/* Several times of what may wait to be written goes to the disk during one fdatasync. */
static void a_long_sync_holds_up_no_write(void **state)
{
	unsigned int fds = open_fds(), ended;
	struct rig *r = *state;

	r->opt.sync_ms = 5;
	r->opt.segment_size = 4u << 20;
	disk_set(&disk.held, true);
	rig_open(r);
	append_all(r, 0, 10);
	WAIT(r, disk_count(&disk.begun) > 0);
	ended = disk_count(&disk.ended);
	append_all(r, 10, 150000);
	WAIT(r, bytes_written(r) > 3u * (16u << 20));
	read_until(r, 150000);
	assert_got(r, 0, 0, 150000);
	assert_int_equal(disk_count(&disk.ended), ended);
	disk_set(&disk.held, false);
	WAIT(r, all_synced(r));
	assert_false(disk.disordered);
	rig_close(r);
	assert_true(all_synced(r));
	assert_false(disk.disordered);
	assert_int_equal(open_fds(), fds);
}

static bool append_until_full(struct rig *r, uint32_t *n)
{
	int e;

	while ((e = append(r, *n)) == 0)
		(*n)++;
	assert_int_equal(e, PACKET_E_FULL);
	return true;
}

/* So many files wait for their sync that the writes wait too; they go on by themselves. */
static void many_files_wait_for_their_sync(void **state)
{
	unsigned int fds = open_fds();
	struct rig *r = *state;
	uint32_t n = 0;

	r->opt.segment_size = 256u << 10;
	disk_set(&disk.held, true);
	rig_open(r);
	WAIT(r, append_until_full(r, &n) && open_fds() > fds + 32);
	append_until_full(r, &n);
	assert_true(open_fds() < fds + 48);
	disk_set(&disk.held, false);
	r->room = false;
	WAIT(r, r->room);
	append_all(r, n, n + 1000);
	rig_close(r);
	assert_true(all_synced(r));
	assert_false(disk.disordered);
	assert_int_equal(open_fds(), fds);
}

/* Those that only wait for their sync are not written out for nothing. */
static void a_file_may_go_while_it_is_synced(void **state)
{
	unsigned int fds = open_fds();
	struct rig *r = *state;

	r->opt.sync_ms = 5;
	disk_set(&disk.held, true);
	rig_open(r);
	append_all(r, 0, 9000); /* several files */
	WAIT(r, disk_count(&disk.begun) > 0);
	read_until(r, 9000);
	spool_acknowledge(r->spool, r->last_number + 1);
	WAIT(r, each_file(r, false) == 0);
	disk_set(&disk.held, false);
	append_all(r, 9000, 9100);
	WAIT(r, all_synced(r));
	assert_int_equal(files_synced(), 2); /* one was at it */
	rig_close(r);
	assert_int_equal(open_fds(), fds);
}

static void a_flush_waits_for_the_last_sync(void **state)
{
	struct rig *r = *state;

	r->opt.sync_ms = 5;
	disk_set(&disk.slow, true);
	rig_open(r);
	for (uint32_t i = 0; i < 9000; i += 1500) {
		append_all(r, i, i + 1500);
		assert_int_equal(spool_flush(r->spool), 0);
		assert_true(all_synced(r));
	}
	rig_close(r);
	assert_true(all_synced(r));
}

/* All of them take longer than a disk is waited for that does nothing. */
static void a_flush_waits_for_many_slow_syncs(void **state)
{
	struct rig *r = *state;

	disk_set(&disk.very_slow, true);
	rig_open(r);
	append_all(r, 10, 6000); /* two files */
	lines_catch();
	assert_int_equal(spool_flush(r->spool), 0);
	assert_true(all_synced(r));
	disk_set(&disk.very_slow, false);
	rig_close(r);
	assert_int_equal(lines_with("hangs"), 0);
}

static void a_disk_that_goes_on_is_waited_for_again(void **state)
{
	struct packet pkt = make(1, 100);
	struct rig *r = *state;
	uint32_t n = 10;
	int err;

	r->opt.segment_size = 256u << 10;
	disk_set(&disk.held, true);
	rig_open(r);
	WAIT(r, append_until_full(r, &n) && disk_count(&disk.begun) > 0);
	append_until_full(r, &n);
	lines_catch();
	/* The thread may still make room, until its files for the sync are too many too. */
	do
		err = spool_append_waiting(r->spool, &pkt);
	while (err == 0);
	assert_int_equal(err, SPOOL_E_NOSPACE);
	append_until_full(r, &n);
	r->room = false;
	disk_set(&disk.held, false);
	WAIT(r, r->room);
	assert_int_equal(spool_flush(r->spool), 0);
	assert_true(all_synced(r));
	assert_int_equal(lines_with("hangs"), 0);
}

/* Also when nothing is synced meanwhile; what the end of the file adds is the kernel's then. */
static void a_flush_syncs_though_the_kernel_may_choose(void **state)
{
	struct rig *r = *state;

	r->opt.sync_ms = 0;
	rig_open(r);
	append_all(r, 0, 1500);
	WAIT(r, bytes_written(r) > 0);
	assert_int_equal(disk_count(&disk.begun), 0);
	assert_int_equal(spool_flush(r->spool), 0);
	assert_true(all_synced(r));
}

static void a_sync_that_failed_is_tried_again(void **state)
{
	struct rig *r = *state;

	r->opt.sync_ms = 5;
	disk_set(&disk.fails, true);
	rig_open(r);
	append_all(r, 0, 100);
	WAIT(r, disk_count(&disk.ended) > 2);
	disk_set(&disk.fails, false);
	WAIT(r, all_synced(r));
}

/* The kernel tells of it once: fdatasync would answer that all is well. */
static void what_could_not_be_written_out_is_not_synced(void **state)
{
	struct rig *r = *state;

	r->opt.sync_ms = 5;
	disk_set(&disk.writeback_fails, true);
	rig_open(r);
	append_all(r, 0, 100);
	WAIT(r, disk_count(&disk.written_out) > 2);
	assert_int_equal(disk_count(&disk.begun), 0);
	disk_set(&disk.writeback_fails, false);
	WAIT(r, all_synced(r));
}

/* Of a slow disk: much of one file is no hang. */
static void a_sync_of_much_shows_signs_of_life(void **state)
{
	static const uint8_t zeros[1u << 20];
	struct rig *r = *state;
	struct spool_sync *s;
	struct spool_dir *dir;
	int fd;

	assert_int_equal(spool_dir_new(&dir, r->dir), 0);
	fd = spool_dir_open(dir, 1, O_RDWR | O_CREAT);
	assert_true(fd >= 0);
	for (int i = 0; i < 16; i++)
		assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
	assert_int_equal(spool_sync_new(&s, dir, 0), 0);
	disk_set(&disk.held, true);
	spool_sync_close(s, fd, true);
	WAIT(r, disk_count(&disk.begun) > 0);
	assert_true(spool_sync_steps(s) >= 4); /* before its fdatasync is through */
	disk_set(&disk.held, false);
	spool_sync_free(s);
	spool_dir_free(dir);
}

#define SYNC_TEST(f) cmocka_unit_test_setup_teardown(f, sync_setup, sync_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(a_long_sync_holds_up_no_write),
		SYNC_TEST(many_files_wait_for_their_sync),
		SYNC_TEST(a_file_may_go_while_it_is_synced),
		SYNC_TEST(a_flush_waits_for_the_last_sync),
		SYNC_TEST(a_flush_waits_for_many_slow_syncs),
		SYNC_TEST(a_disk_that_goes_on_is_waited_for_again),
		SYNC_TEST(a_flush_syncs_though_the_kernel_may_choose),
		SYNC_TEST(a_sync_that_failed_is_tried_again),
		SYNC_TEST(what_could_not_be_written_out_is_not_synced),
		SYNC_TEST(a_sync_of_much_shows_signs_of_life),
	};

	return cmocka_run_group_tests_name("spool_sync", tests, NULL, NULL);
}

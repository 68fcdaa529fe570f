/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool on a disk that is full, damaged, cannot be read or does not sync.
 */
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "app/hardening.h"
#include "lines.h"
#include "spool/spool_format.h"
#include "spool_rig.h"

/* ---- no more files can be opened than so many; 0: as before ---- */

static void limit_files(rlim_t n)
{
	static struct rlimit before;
	struct rlimit limit;

	if (!before.rlim_cur)
		assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	if (n)
		limit.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* ---- no file may grow beyond so many bytes; RLIM_INFINITY: as before ---- */

static void limit_size(rlim_t n)
{
	const struct rlimit limit = {.rlim_cur = n, .rlim_max = RLIM_INFINITY};

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* ---- a disk that does not sync ---- */

static atomic_bool sync_fails;

/* In place of libc's. */
int fdatasync(int fd)
{
	if (!sync_fails)
		return (int)syscall(SYS_fdatasync, fd);
	errno = EIO;
	return -1;
}

/* ---- a directory that is read-only ---- */

static atomic_bool removal_fails;

/* In place of libc's. */
int unlinkat(int dir, const char *name, int flags)
{
	if (!removal_fails)
		return (int)syscall(SYS_unlinkat, dir, name, flags);
	errno = EROFS;
	return -1;
}

static int restore_and_teardown(void **state)
{
	lines_release();
	limit_files(0);
	limit_size(RLIM_INFINITY);
	sync_fails = removal_fails = false;
	return teardown(state);
}

/* ---- tests ---- */

/* Packet blocks of so many bytes that do not end beyond them, by their types and lengths. */
static unsigned int whole_packets(const uint8_t *buf, size_t len)
{
	uint32_t block[2];
	unsigned int n = 0;

	for (size_t at = 0; at + sizeof(block) <= len; at += block[1]) {
		memcpy(block, buf + at, sizeof(block));
		n += block[0] == SPOOL_FORMAT_PACKET && at + block[1] <= len;
	}
	return n;
}

/* Packets are taken from the start of the file, up to the last whole one before it is cut. */
static void torn_at_every_byte(void **state)
{
	struct rig *r = *state;
	static uint8_t buf[8192];
	unsigned int whole = 0;
	char path[512];
	size_t size;

	r->opt.sync_ms = 0;
	lines_catch();
	rig_open(r);
	append_all(r, 0, 6);
	rig_close(r);
	size = slurp(r, path, sizeof(path), buf, sizeof(buf));
	for (size_t n = 0; n <= size; n++) {
		whole = whole_packets(buf, n);
		spit(path, buf, n);
		rig_open(r);
		assert_int_equal(spool_count(r->spool), whole);
		r->n = 0;
		read_until(r, whole);
		assert_got(r, 0, 0, whole);
		rig_close(r);
		each_file(r, whole == 0);
	}
	assert_int_equal(whole, 6);
}

/* Six packets, of which some in the middle were damaged since they were written. */
static void open_damaged(struct rig *r)
{
	static uint8_t buf[8192];
	char path[512];
	size_t size;

	rig_open(r);
	append_all(r, 0, 6);
	rig_close(r);
	size = slurp(r, path, sizeof(path), buf, sizeof(buf));
	memset(buf + size / 2, 0xff, 64);
	spit(path, buf, size);
	rig_open(r);
}

static void damage_in_the_middle_is_counted(void **state)
{
	struct rig *r = *state;

	open_damaged(r);
	assert_int_equal(spool_count(r->spool), 6); /* as its last block says */
	append_all(r, 6, 12);
	read_all(r);
	assert_true(spool_damaged(r->spool) > 0);
	assert_int_equal(r->n + spool_damaged(r->spool), 12);
	assert_got(r, r->n - 6, 6, 12);
	spool_acknowledge(r->spool, r->last_number + 1);
	WAIT(r, each_file(r, false) == 0);
}

/* Nothing good follows that would show the gap. */
static void damage_at_the_end_is_counted(void **state)
{
	struct rig *r = *state;

	open_damaged(r);
	read_all(r);
	assert_true(r->n > 0 && r->n < 6);
	assert_int_equal(spool_damaged(r->spool), 6 - r->n);
	assert_int_equal(spool_count(r->spool), 6);
	spool_acknowledge(r->spool, r->last_number + 1);
	assert_int_equal(spool_count(r->spool), 0);
	WAIT(r, each_file(r, false) == 0);
}

/* Delivered though not read from here: a copy of what went straight. */
static void damage_of_what_is_delivered_is_no_loss(void **state)
{
	struct rig *r = *state;

	open_damaged(r);
	spool_acknowledge(r->spool, 5);
	read_all(r);
	assert_int_equal(spool_damaged(r->spool), 1);
	WAIT(r, each_file(r, false) == 0);
}

/* Two files of one packet each, of which the first is bad, and of another topic. */
static void damage_hides_no_other_topic(void **state)
{
	struct rig *r = *state;
	static uint8_t buf[8192];
	char path[512];
	size_t size;

	rig_open(r);
	append_all(r, 0, 1);
	rig_close(r);
	size = slurp(r, path, sizeof(path), buf, sizeof(buf));
	memset(buf + size - 40 - 40, 0xff, 16); /* before its last block */
	spit(path, buf, size);
	r->opt.topic = "other";
	rig_open(r);
	append_all(r, 1, 2);
	read_all(r);
	assert_int_equal(spool_damaged(r->spool), 1);
	assert_int_equal(r->n, 1);
	assert_string_equal(r->last_topic, "other");
	spool_acknowledge(r->spool, 2);
	WAIT(r, each_file(r, false) == 0);
}

/* No file can be opened for a while: nothing of what is intact may be given up. */
static void unreadable_for_now_is_read_later(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	append_all(r, 0, 30000); /* far more than is read ahead */
	rig_close(r);
	lines_catch();
	rig_open(r);
	read_until(r, 1000);
	limit_files(1);
	WAIT(r, spool_read(r->spool, take, r, 1000) >= 0 && lines_with("tried again") > 0);
	limit_files(0);
	read_until(r, 30000);
	assert_int_equal(lines_with("tried again"), 1);
	lines_release();
	assert_int_equal(spool_damaged(r->spool), 0);
	assert_got(r, 0, 0, 30000);
}

/* A file that cannot be opened at the start holds up nothing, and is there at a later start. */
static void unreadable_at_the_start_is_kept(void **state)
{
	struct rig *r = *state;
	char path[PATH_MAX], away[PATH_MAX + 8];

	rig_open(r);
	append_all(r, 0, 10);
	assert_int_equal(spool_set_topic(r->spool, "other"), 0);
	append_all(r, 10, 20);
	rig_close(r);
	oldest_file(r, path);
	snprintf(away, sizeof(away), "%s.away", path);
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(symlink(path, path), 0); /* a loop */
	rig_open(r);
	assert_int_equal(spool_count(r->spool), 10);
	read_until(r, 10);
	assert_got(r, 0, 10, 20);
	spool_acknowledge(r->spool, 10);
	WAIT(r, each_file(r, false) == 2);
	rig_close(r);
	assert_int_equal(rename(away, path), 0);
	assert_next_has(r, 0, 10);
}

static void a_failing_sync_is_told_once(void **state)
{
	struct rig *r = *state;

	r->opt.sync_ms = 5;
	rig_open(r);
	lines_catch();
	sync_fails = true;
	append_all(r, 0, 9000); /* several files, which are synced at their end */
	WAIT(r, lines_with("cannot force") > 0);
	read_until(r, 9000);
	rig_close(r);
	sync_fails = false;
	assert_int_equal(lines_with("WARN"), 1);
	lines_release();
}

static void foreign_files_stay(void **state)
{
	struct rig *r = *state;
	char path[512];

	snprintf(path, sizeof(path), "%s/spool-0000000000000004.pcapng", r->dir);
	spit(path, (const uint8_t *)"this is not ours, whatever it is", 32);
	rig_open(r);
	assert_int_equal(spool_count(r->spool), 0);
	append_all(r, 0, 5);
	read_until(r, 5);
	spool_acknowledge(r->spool, 5);
	WAIT(r, each_file(r, false) == 1);
	assert_int_equal(access(path, F_OK), 0);
}

/* At most `max` packets in one iteration; true once there is no space. */
static bool append_until_refused(struct rig *r, uint32_t *n, unsigned int max)
{
	while (max--) {
		int e = append(r, *n + 10);

		if (e)
			return e == SPOOL_E_NOSPACE;
		(*n)++;
	}
	return false;
}

static void full_disk_drops_the_newest_and_recovers(void **state)
{
	struct rig *r = *state;
	uint32_t n = 0;

	small_disk(r, "size=2m");
	r->opt.segment_size = 512u << 10;
	rig_open(r);
	lines_catch();
	for (int round = 0; round < 3; round++) {
		WAIT(r, append_until_refused(r, &n, 200));
		/* All that was taken comes out, though not all of it fits on the disk at first. */
		WAIT(r, spool_read(r->spool, take, r, 1000) >= 0 &&
				(spool_acknowledge(r->spool, r->last_number + 1), r->n == n));
		WAIT(r, append(r, n + 10) == 0);
		n++;
	}
	read_until(r, n);
	assert_got(r, 0, 10, n + 10);
	rig_close(r);
	assert_int_equal(lines_with("cannot write"), 1);
	assert_int_equal(lines_with("writing again"), 1);
	lines_release();
	assert_int_equal(umount(r->dir), 0);
}

static void unwritten_packets_are_told(void **state)
{
	struct rig *r = *state;
	uint32_t n = 0;
	uint64_t lost;

	small_disk(r, "size=1m");
	rig_open(r);
	while (append(r, n + 10) == 0)
		n++;
	lost = spool_flush(r->spool);
	assert_true(lost > 0 && lost < n);
	assert_int_equal(spool_next(r->spool), n); /* the last ones of them */
	/* What was given up stays so, though there is room by now. */
	assert_int_equal(mount("spool", r->dir, "tmpfs", MS_REMOUNT, "size=64m"), 0);
	rig_close(r);
	rig_open(r);
	assert_int_equal(spool_count(r->spool), n - lost);
	read_until(r, n - (uint32_t)lost);
	assert_got(r, 0, 10, n - (uint32_t)lost + 10);
	rig_close(r);
	assert_int_equal(umount(r->dir), 0);
}

static void append_until_full(struct rig *r, uint32_t *n)
{
	int err;

	/* PACKET_E_FULL: the thread is behind, and has not found it full yet. */
	while ((err = append(r, *n)) != SPOOL_E_NOSPACE)
		*n += err == 0;
}

/* As long as it is delivered a disk that others keep full holds up nothing, round after round. */
static void what_a_full_disk_refuses_comes_from_memory(void **state)
{
	struct rig *r = *state;
	uint32_t n = 0;
	char filler[80];

	small_disk(r, "size=1m");
	rig_open(r); /* first, it makes a file of its own */
	fill_disk(r, filler, sizeof(filler));
	lines_catch();
	for (int round = 0; round < 3; round++) {
		WAIT(r, append_until_refused(r, &n, 200));
		read_until(r, n);
		spool_acknowledge(r->spool, r->last_number + 1);
		WAIT(r, append(r, n + 10) == 0);
		n++;
	}
	read_until(r, n);
	assert_got(r, 0, 10, n + 10);
	assert_int_equal(lines_with("WARN"), 1);
	assert_int_equal(spool_damaged(r->spool), 0);
	/* The last one of each round is not acknowledged, and is not lost once there is room. */
	assert_int_equal(unlink(filler), 0);
	rig_close(r);
	lines_release();
	rig_open(r);
	assert_int_equal(spool_count(r->spool), 1);
	r->n = 0;
	read_until(r, 1);
	assert_got(r, 0, n + 9, n + 10);
	rig_close(r);
	assert_int_equal(umount(r->dir), 0);
}

/* It is made again for what comes next; what it held is lost, and counted. */
static void a_directory_that_is_removed_is_made_again(void **state)
{
	struct rig *r = *state;

	lines_catch();
	rig_open(r);
	for (uint32_t n = 1000; n <= 3000; n += 1000) {
		append_all(r, n - 1000, n);
		WAIT(r, access(r->dir, F_OK) == 0 && bytes_on_disk(r) > 300000);
		if (n == 3000)
			break;
		each_file(r, true);
		assert_int_equal(rmdir(r->dir), 0);
		read_all(r);
		spool_acknowledge(r->spool, n);
		assert_int_equal(r->n + spool_damaged(r->spool), n);
	}
	assert_int_equal(lines_with("was removed"), 2);
	lines_release();
	assert_next_has(r, 2000, 3000);
}

/* What was read from memory is written all the same, but for what is delivered by then. */
static void what_was_refused_is_written_once_there_is_room(void **state)
{
	struct rig *r = *state;
	uint32_t n = 0, done;

	small_disk(r, "size=2m");
	r->opt.segment_size = 512u << 10;
	rig_open(r);
	append_until_full(r, &n);
	read_until(r, n);
	assert_got(r, 0, 0, n);
	done = n - 500; /* none of these can be on the disk */
	spool_acknowledge(r->spool, done);
	assert_int_equal(mount("spool", r->dir, "tmpfs", MS_REMOUNT, "size=64m"), 0);
	rig_close(r);
	r->n = 0;
	rig_open(r);
	assert_int_equal(spool_count(r->spool), 500);
	read_until(r, 500);
	assert_got(r, 0, done, n);
	rig_close(r);
	assert_int_equal(umount(r->dir), 0);
}

/* Else the next start sends all that is in it again. */
static void what_cannot_be_removed_goes_later(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	append_all(r, 10, 9010); /* several files */
	read_until(r, 9000);
	assert_int_equal(spool_flush(r->spool), 0);
	lines_catch();
	removal_fails = true;
	spool_acknowledge(r->spool, 8990);
	WAIT(r, lines_with("cannot remove") > 0);
	assert_true(each_file(r, false) > 2);
	removal_fails = false;
	spool_acknowledge(r->spool, 8991);
	WAIT(r, each_file(r, false) == 1);
	assert_int_equal(lines_with("cannot remove"), 1);
	/* Or at the end, where what is left is told. */
	removal_fails = true;
	spool_acknowledge(r->spool, 9000);
	WAIT(r, lines_with("cannot remove") == 2);
	removal_fails = false;
	rig_close(r);
	assert_int_equal(each_file(r, false), 0);
	assert_int_equal(lines_with("ERROR"), 0);
	rig_open(r);
	r->n = 0;
	append_all(r, 0, 5);
	read_until(r, 5);
	assert_int_equal(spool_flush(r->spool), 0);
	removal_fails = true;
	spool_acknowledge(r->spool, 5);
	WAIT(r, lines_with("cannot remove") == 3);
	rig_close(r);
	assert_int_equal(lines_with("1 file(s) in"), 1);
}

static void limits_change_while_it_runs(void **state)
{
	struct rig *r = *state;

	r->opt.sync_ms = 0;
	rig_open(r);
	append_all(r, 10, 2500); /* some 900 KB, one file */
	WAIT(r, bytes_on_disk(r) > 500000);
	assert_int_equal(each_file(r, false), 1);
	spool_set_limits(r->spool, 1u << 30, 64u << 10, 1);
	append_all(r, 2500, 5000);
	WAIT(r, each_file(r, false) > 3);
	lines_catch();     /* first: what was appended may still be synced, and is told of once */
	sync_fails = true; /* seen only if it syncs at all now */
	append_all(r, 5000, 5010);
	WAIT(r, lines_with("cannot force") == 1);
	sync_fails = false;
	lines_release();

	spool_set_limits(r->spool, 1u << 20, 64u << 10, 0);
	assert_int_equal(append(r, 5010), SPOOL_E_NOSPACE);
	spool_set_limits(r->spool, 1u << 30, 1u << 20, 0);
	assert_int_equal(append(r, 5010), 0);
	read_until(r, 5001);
	assert_got(r, 0, 10, 5011);
}

static void a_limit_of_file_size_begins_new_files(void **state)
{
	struct rig *r = *state;

	hardening_apply();
	rig_open(r);
	lines_catch();
	limit_size(700u << 10); /* less than a segment */
	append_all(r, 0, 9000);
	assert_int_equal(spool_flush(r->spool), 0);
	assert_true(each_file(r, false) > 4);
	assert_int_equal(lines_with("WARN"), 0);
	rig_close(r);
	rig_open(r);
	read_until(r, 9000);
	assert_got(r, 0, 0, 9000);
}

/* As a full disk: it is said, and goes on by itself. */
static void a_limit_that_takes_no_file_is_a_full_disk(void **state)
{
	struct rig *r = *state;

	hardening_apply();
	limit_size(50);
	rig_open(r);
	lines_catch();
	append_all(r, 0, 100);
	WAIT(r, lines_with("cannot write: File too large") == 1);
	assert_int_equal(each_file(r, false), 0);
	limit_size(RLIM_INFINITY);
	WAIT(r, lines_with("writing again") == 1);
	rig_close(r);
	rig_open(r);
	read_until(r, 100);
	assert_got(r, 0, 0, 100);
}

#define FAULT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, restore_and_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAULT_TEST(torn_at_every_byte),
		FAULT_TEST(damage_in_the_middle_is_counted),
		FAULT_TEST(damage_at_the_end_is_counted),
		FAULT_TEST(damage_of_what_is_delivered_is_no_loss),
		FAULT_TEST(damage_hides_no_other_topic),
		FAULT_TEST(unreadable_for_now_is_read_later),
		FAULT_TEST(unreadable_at_the_start_is_kept),
		FAULT_TEST(a_failing_sync_is_told_once),
		FAULT_TEST(foreign_files_stay),
		FAULT_TEST(what_cannot_be_removed_goes_later),
		FAULT_TEST(limits_change_while_it_runs),
		FAULT_TEST(a_limit_of_file_size_begins_new_files),
		FAULT_TEST(a_limit_that_takes_no_file_is_a_full_disk),
		FAULT_TEST(full_disk_drops_the_newest_and_recovers),
		FAULT_TEST(unwritten_packets_are_told),
		FAULT_TEST(what_a_full_disk_refuses_comes_from_memory),
		FAULT_TEST(a_directory_that_is_removed_is_made_again),
		FAULT_TEST(what_was_refused_is_written_once_there_is_room),
	};

	return cmocka_run_group_tests_name("spool_faults", tests, NULL, NULL);
}

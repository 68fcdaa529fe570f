/* SPDX-License-Identifier: Apache-2.0 */
/* What is in a directory after a run that wrote a file there, whole or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "deadline.h"
#include "lines.h"
#include "output/target.h"

#define OLD "what was there"
#define NEW "new"

static struct {
	struct ev_loop *loop;
	struct target *target;
	int fd;
	int completed, err;
	int sync_err; /* of fsync() */
	bool mounted; /* what statx() is asked of */
	bool foreign; /* what there is, is another user's, in a directory like /tmp */
	int root;     /* the directory that the test began in */
	char directory[64];
} world;

int fsync(int fd)
{
	errno = world.sync_err;
	return world.sync_err ? -1 : 0;
}

int statx(int dirfd, const char *restrict path, int flags, unsigned int mask,
	  struct statx *restrict out)
{
	long r = syscall(SYS_statx, dirfd, path, flags, mask, out);

	if (world.mounted)
		out->stx_attributes |= STATX_ATTR_MOUNT_ROOT;
	return (int)r;
}

/* As the kernel with fs.protected_regular and fs.protected_fifos. */
int open(const char *path, int flags, ...)
{
	struct stat st;
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (world.foreign && (flags & O_CREAT) && !stat(path, &st) && !S_ISDIR(st.st_mode)) {
		errno = EACCES;
		return -1;
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static void on_completed(void *ctx, int err)
{
	world.completed++;
	world.err = err;
	ev_break(world.loop, EVBREAK_ALL);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
	ev_break(loop, EVBREAK_ALL);
}

/* Runs the loop until on_completed(). */
static void run(void)
{
	ev_timer deadline;

	ev_timer_init(&deadline, on_deadline, DEADLINE_S, 0);
	ev_timer_start(world.loop, &deadline);
	ev_run(world.loop, 0);
	ev_timer_stop(world.loop, &deadline);
	assert_int_equal(world.completed, 1);
}

/* ---- the directory, which is the current one ---- */

static int setup(void **state)
{
	memset(&world, 0, sizeof(world));
	world.fd = -1;
	world.loop = ev_loop_new(EVBACKEND_EPOLL);
	world.root = open(".", O_RDONLY | O_DIRECTORY);
	strcpy(world.directory, "/tmp/test_target.XXXXXX");
	return mkdtemp(world.directory) ? chdir(world.directory) : -1;
}

static int remove_all(void)
{
	DIR *dir = opendir(".");
	const struct dirent *e;

	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			remove(e->d_name);
	closedir(dir);
	return rmdir(world.directory);
}

static int teardown(void **state)
{
	int r;

	target_free(world.target);
	if (world.fd >= 0)
		close(world.fd);
	ev_loop_destroy(world.loop);
	r = remove_all();
	if (fchdir(world.root))
		r = -1;
	close(world.root);
	return r;
}

static void make(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void assert_holds(const char *name, const char *text)
{
	char got[64] = "";
	int fd = open(name, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	assert_string_equal(got, text);
	close(fd);
}

static int count_names(void)
{
	DIR *dir = opendir(".");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

/* ---- a run ---- */

static int begin(const char *path, bool has_end)
{
	const struct target_options opt = {.loop = world.loop,
					   .path = path,
					   .has_end = has_end,
					   .on_completed = on_completed};

	assert_int_equal(target_new(&world.target, &opt), 0);
	return target_open(world.target, &world.fd);
}

static void put(const char *text)
{
	assert_int_equal(target_begin(world.target, world.fd), 0);
	assert_int_equal(write(world.fd, text, strlen(text)), strlen(text));
}

static void complete(void)
{
	assert_int_equal(target_complete(world.target, world.fd), TARGET_E_LATER);
	run();
}

static void end(void)
{
	target_free(world.target);
	world.target = NULL;
}

static void a_whole_file_takes_the_place_of_the_old_one(void **state)
{
	struct stat st;

	make("out.pcap", OLD, 0640);
	assert_int_equal(begin("out.pcap", true), 0);
	put(NEW);
	assert_holds("out.pcap", OLD);
	complete();
	assert_int_equal(world.err, 0);
	assert_null(target_part(world.target));
	end();
	assert_holds("out.pcap", NEW);
	assert_int_equal(count_names(), 1);
	assert_int_equal(stat("out.pcap", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void a_new_file_has_the_mode_of_any_other(void **state)
{
	mode_t mask = umask(027);
	struct stat st;

	assert_int_equal(begin("out.pcap", true), 0);
	put(NEW);
	assert_int_equal(access("out.pcap", F_OK), -1);
	complete();
	umask(mask);
	assert_holds("out.pcap", NEW);
	assert_int_equal(stat("out.pcap", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(count_names(), 1);
}

static void what_is_cut_short_is_left_as_a_part(void **state)
{
	make("out.pcap", OLD, 0600);
	make("out.pcap.part", "of an earlier run", 0600);
	assert_int_equal(begin("out.pcap", true), 0);
	put(NEW);
	assert_holds("out.pcap.part", "of an earlier run");
	target_keep_part(world.target);
	assert_string_equal(target_part(world.target), "out.pcap.part");
	end();
	assert_holds("out.pcap", OLD);
	assert_holds("out.pcap.part", NEW);
	assert_int_equal(count_names(), 2);
}

static void a_part_that_cannot_have_its_name_stays_where_it_is(void **state)
{
	char part[64];

	assert_int_equal(mkdir("out.pcap.part", 0700), 0);
	assert_int_equal(begin("./out.pcap", true), 0);
	put(NEW);
	target_keep_part(world.target);
	snprintf(part, sizeof(part), "%s", target_part(world.target));
	assert_memory_equal(part, "./.out.pcap.", 12);
	end();
	assert_holds(part, NEW);
	assert_int_equal(count_names(), 2);
}

static void what_is_neither_is_removed(void **state)
{
	make("out.pcap", OLD, 0600);
	assert_int_equal(begin("out.pcap", true), 0);
	put(NEW);
	assert_int_equal(count_names(), 2);
	end();
	assert_holds("out.pcap", OLD);
	assert_int_equal(count_names(), 1);
}

static void a_disk_that_fails_to_sync_is_no_whole_file(void **state)
{
	make("out.pcap", OLD, 0600);
	assert_int_equal(begin("out.pcap", true), 0);
	put(NEW);
	world.sync_err = EIO;
	complete();
	assert_int_equal(world.err, -EIO);
	target_keep_part(world.target);
	assert_holds("out.pcap", OLD);
	assert_holds("out.pcap.part", NEW);
}

static void a_disk_without_sync_is_as_good(void **state)
{
	assert_int_equal(begin("out.pcap", true), 0);
	put(NEW);
	world.sync_err = EINVAL;
	complete();
	assert_int_equal(world.err, 0);
	assert_holds("out.pcap", NEW);
}

static void what_is_not_waited_for_becomes_a_part(void **state)
{
	make("out.pcap", OLD, 0600);
	assert_int_equal(begin("out.pcap", true), 0);
	put(NEW);
	assert_int_equal(target_complete(world.target, world.fd), TARGET_E_LATER);
	target_keep_part(world.target);
	for (int i = 0; i < 5; i++)
		ev_run(world.loop, EVRUN_NOWAIT);
	end();
	assert_int_equal(world.completed, 0);
	assert_holds("out.pcap", OLD);
	assert_holds("out.pcap.part", NEW);
}

static void links_are_followed_and_stay(void **state)
{
	struct stat st;

	assert_int_equal(mkdir("there", 0700), 0);
	make("there/real", OLD, 0600);
	assert_int_equal(symlink("real", "there/second"), 0);
	assert_int_equal(symlink("there/second", "first"), 0);
	assert_int_equal(begin("first", true), 0);
	put(NEW);
	complete();
	end();
	assert_holds("there/real", NEW);
	assert_int_equal(lstat("first", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	unlink("there/real");
	unlink("there/second");
}

static void a_link_to_what_is_not_there_yet_is_followed(void **state)
{
	struct stat st;

	assert_int_equal(symlink("real", "first"), 0);
	assert_int_equal(begin("first", true), 0);
	put(NEW);
	target_keep_part(world.target);
	assert_string_equal(target_part(world.target), "real.part");
	assert_int_equal(lstat("first", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat("first", &st), -1);
}

/* Whoever has it open is to find there what was written. */
static void what_a_descriptor_leads_to_is_written_in_place(void **state)
{
	char path[64];
	int own;

	make("out.pcap", OLD, 0600);
	own = open("out.pcap", O_RDWR);
	for (int i = 0; i < 2; i++) {
		char got[64] = "";

		snprintf(path, sizeof(path), i ? "/dev/fd/%d" : "/proc/self/fd/%d", own);
		if (i == 1)
			unlink("out.pcap");
		assert_int_equal(begin(path, true), 0);
		put(i ? "other" : NEW);
		assert_int_equal(target_complete(world.target, world.fd), 0);
		end();
		close(world.fd);
		world.fd = -1;
		assert_true(pread(own, got, sizeof(got) - 1, 0) > 0);
		assert_string_equal(got, i ? "other" : NEW);
	}
	close(own);
	assert_int_equal(count_names(), 0);
}

static void an_endless_run_writes_in_place(void **state)
{
	make("out.pcap", OLD, 0600);
	assert_int_equal(begin("out.pcap", false), 0);
	put(NEW);
	assert_holds("out.pcap", NEW);
	assert_int_equal(target_complete(world.target, world.fd), 0);
	target_keep_part(world.target);
	assert_null(target_part(world.target));
	assert_int_equal(count_names(), 1);
}

static void a_fifo_is_written_in_place_once_it_is_read(void **state)
{
	int reader;

	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(begin("fifo", true), TARGET_E_NO_READER);
	reader = open("fifo", O_RDONLY | O_NONBLOCK);
	assert_int_equal(target_open(world.target, &world.fd), 0);
	put(NEW);
	assert_int_equal(target_complete(world.target, world.fd), 0);
	close(reader);
	assert_int_equal(count_names(), 1);
}

/* A file that a container has mounted there. */
static void what_cannot_be_replaced_is_written_in_place_and_that_is_said(void **state)
{
	make("out.pcap", OLD, 0600);
	world.mounted = true;
	lines_catch();
	assert_int_equal(begin("out.pcap", true), 0);
	assert_int_equal(lines_with("out.pcap is written in place, because something is mounted "
				    "there"),
			 1);
	lines_release();
	assert_holds("out.pcap", OLD); /* until there is something to write */
	put(NEW);
	assert_holds("out.pcap", NEW);
	assert_int_equal(target_complete(world.target, world.fd), 0);
	assert_int_equal(count_names(), 1);
}

static void a_name_as_long_as_names_can_be(void **state)
{
	char name[256] = "";

	memset(name, 'n', 255);
	assert_int_equal(begin(name, true), 0);
	put(NEW);
	complete();
	assert_int_equal(world.err, 0);
	assert_holds(name, NEW);
	assert_int_equal(count_names(), 1);
}

/* Who has put it there would read what is written. */
static void what_another_user_has_put_into_tmp_is_refused(void **state)
{
	int reader;

	make("out.pcap", OLD, 0666);
	assert_int_equal(mkfifo("fifo", 0666), 0);
	reader = open("fifo", O_RDONLY | O_NONBLOCK);
	world.foreign = true;
	for (int has_end = 0; has_end < 2; has_end++) {
		assert_int_equal(begin("out.pcap", has_end), -EACCES);
		end();
		assert_int_equal(begin("fifo", has_end), -EACCES);
		end();
	}
	close(reader);
	assert_holds("out.pcap", OLD);
	assert_int_equal(count_names(), 2);
}

static void what_cannot_be_opened_is_refused(void **state)
{
	assert_int_equal(begin("/", true), -EISDIR);
	end();
	assert_int_equal(begin("missing/out.pcap", true), -ENOENT);
	end();
	assert_int_equal(symlink("first", "first"), 0);
	assert_int_equal(begin("first", true), -ELOOP);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_whole_file_takes_the_place_of_the_old_one),
		CASE(a_new_file_has_the_mode_of_any_other),
		CASE(what_is_cut_short_is_left_as_a_part),
		CASE(a_part_that_cannot_have_its_name_stays_where_it_is),
		CASE(what_is_neither_is_removed),
		CASE(a_disk_that_fails_to_sync_is_no_whole_file),
		CASE(a_disk_without_sync_is_as_good),
		CASE(what_is_not_waited_for_becomes_a_part),
		CASE(links_are_followed_and_stay),
		CASE(a_link_to_what_is_not_there_yet_is_followed),
		CASE(what_a_descriptor_leads_to_is_written_in_place),
		CASE(an_endless_run_writes_in_place),
		CASE(a_fifo_is_written_in_place_once_it_is_read),
		CASE(what_cannot_be_replaced_is_written_in_place_and_that_is_said),
		CASE(a_name_as_long_as_names_can_be),
		CASE(what_another_user_has_put_into_tmp_is_refused),
		CASE(what_cannot_be_opened_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

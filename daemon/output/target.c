/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the path leads to is opened first, as by any program: that is what may be written to, and
 * the kernel has judged the links (fs.protected_symlinks). Only then they are followed, to the name
 * that is to be given. The links of /proc/PID/fd have the text of a name, and lead to a file
 * without it.
 *
 * Only fsync() is on a thread: it takes as long as the disk does for all that was written. That of
 * the directory, which a set wants after the renaming, is a second job of the same kind.
 */
#include "output/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/worker.h"

#define OPEN_FLAGS (O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define LINKS_MAX  40  /* the kernel's own */
#define NAMES_MAX  100 /* that are tried */
#define BASE_SHOWN 200 /* of a name that may have 255 bytes */

struct target {
	struct target_options opt;
	char *given;
	char *path; /* of the name that is to be given */
	char *temp; /* where it is until then; NULL: written in place, or it has its name */
	char *part; /* where it was left */
	bool begun; /* what was there before is gone */
	struct worker *worker;
	struct sync *sync; /* that is on its way; NULL: none */
};

int target_new(struct target **out, const struct target_options *opt)
{
	struct target *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->opt = *opt;
	t->worker = opt->worker;
	t->given = strdup(opt->path);
	if (!t->given) {
		free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

const char *target_name(const struct target *t)
{
	return t->given;
}

/* ---- links ---- */

static int directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path) + 1 : 0;
}

static bool is_link_of_a_process(const char *path)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;
	bool is = fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;

	if (fd >= 0)
		close(fd);
	return is;
}

/* One link further. Returns 0; -EINVAL: `*path` is no link; -errno. */
static int follow_one(char **path)
{
	char text[PATH_MAX], *next = NULL;
	ssize_t n = readlink(*path, text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (asprintf(&next, "%.*s%s", text[0] == '/' ? 0 : directory_length(*path), *path, text) <
	    0)
		return -ENOMEM;
	free(*path);
	*path = next;
	return 0;
}

/* The path without links at its end; NULL: it leads to no name. Freed by the caller. */
static char *follow(const char *given)
{
	char *path = strdup(given);
	int r = path ? 0 : -ENOMEM;

	for (int i = 0; r == 0 && i < LINKS_MAX; i++)
		r = is_link_of_a_process(path) ? -ELOOP : follow_one(&path);
	if (r == -EINVAL || r == -ENOENT)
		return path;
	free(path);
	return NULL;
}

/* ---- beside it ---- */

static int make_temp(struct target *t, mode_t mode, int *fd)
{
	int directory = directory_length(t->path), r = -EEXIST;
	uint32_t number;

	for (int i = 0; r == -EEXIST && i < NAMES_MAX; i++) {
		if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
			number = (uint32_t)getpid() + (uint32_t)i;
		free(t->temp);
		if (asprintf(&t->temp, "%.*s.%.*s.%08x", directory, t->path, BASE_SHOWN,
			     t->path + directory, number) < 0) {
			t->temp = NULL;
			return -ENOMEM;
		}
		*fd = open(t->temp, OPEN_FLAGS | O_CREAT | O_EXCL, mode);
		r = *fd < 0 ? -errno : 0;
	}
	if (r < 0) {
		free(t->temp);
		t->temp = NULL;
	}
	return r;
}

static void remove_temp(struct target *t)
{
	if (!t->temp)
		return;
	unlink(t->temp);
	free(t->temp);
	t->temp = NULL;
}

static int keep_owner(int fd, const struct stat *old)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if ((st.st_uid != old->st_uid || st.st_gid != old->st_gid) &&
	    fchown(fd, old->st_uid, old->st_gid))
		return -errno;
	return fchmod(fd, old->st_mode & 07777) ? -errno : 0;
}

/* A file that is mounted there, as in a container, cannot be renamed over. */
static bool is_at(const char *path, const struct stat *st)
{
	struct statx at;

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO, &at) == 0 &&
	       at.stx_ino == st->st_ino &&
	       makedev(at.stx_dev_major, at.stx_dev_minor) == st->st_dev &&
	       !(at.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static bool cannot_replace(const struct target *t, const char *why, int err)
{
	log_warn("%s is written in place, because %s%s%s%s: if the run is cut short, it stays "
		 "incomplete",
		 t->given, why, err ? " (" : "", err ? strerror(-err) : "", err ? ")" : "");
	return false;
}

/* In place of `*fd`, which has a regular file open, one beside it that is to replace it. */
static bool open_beside(struct target *t, int *fd, const struct stat *st)
{
	int temp = -1, r;

	t->path = follow(t->given);
	if (!t->path)
		return false;
	if (!is_at(t->path, st))
		return cannot_replace(t, "something is mounted there", 0);
	r = make_temp(t, S_IRUSR | S_IWUSR, &temp);
	if (r < 0)
		return cannot_replace(t, "no file can be made beside it", r);
	r = keep_owner(temp, st);
	if (r < 0) {
		close(temp);
		remove_temp(t);
		return cannot_replace(t, "a new file could not keep its owner", r);
	}
	close(*fd);
	*fd = temp;
	return true;
}

/* ---- opening ---- */

/*
 * As if it might have to be made: only then the kernel refuses what another user has put into a
 * directory like /tmp (fs.protected_regular, fs.protected_fifos).
 */
static int open_in_place(struct target *t, int *fd)
{
	*fd = open(t->given, OPEN_FLAGS | O_CREAT, 0666);
	return *fd < 0 ? -errno : 0;
}

/* What leads nowhere is made; that of a run that has an end beside it. */
static int open_new(struct target *t, int *fd)
{
	t->path = t->opt.has_end ? follow(t->given) : NULL;
	if (t->path && make_temp(t, 0666, fd) == 0)
		return 0;
	return open_in_place(t, fd);
}

/* Nobody else has a say in the names of a set: what has this one is replaced, a link as well. */
static int open_of_set(struct target *t, int *fd)
{
	t->path = strdup(t->given);
	return t->path ? make_temp(t, 0666, fd) : -ENOMEM;
}

int target_open(struct target *t, int *fd)
{
	struct stat st;
	int r;

	if (t->opt.worker)
		return open_of_set(t, fd);
	if (stat(t->given, &st))
		return errno == ENOENT ? open_new(t, fd) : -errno;
	r = open_in_place(t, fd);
	if (r == -ENXIO && S_ISFIFO(st.st_mode))
		return TARGET_E_NO_READER;
	if (r == 0 && t->opt.has_end && fstat(*fd, &st) == 0 && S_ISREG(st.st_mode))
		open_beside(t, fd, &st);
	return r;
}

int target_begin(struct target *t, int fd)
{
	struct stat st;

	if (t->begun)
		return 0;
	t->begun = true;
	if (t->temp || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	return ftruncate(fd, 0) ? -errno : 0;
}

/* ---- its fate ---- */

/* The thread owns it: it may outlive the target. */
struct sync {
	struct target *target; /* NULL: nobody waits for it any more */
	int fd;
	int err;
};

static void run_sync(void *arg)
{
	struct sync *sync = arg;

	/* EINVAL: what it is on has no such thing. */
	if (fsync(sync->fd) && errno != EINVAL)
		sync->err = -errno;
}

static void drop_sync(void *arg)
{
	struct sync *sync = arg;

	if (sync->fd >= 0)
		close(sync->fd);
	free(sync);
}

static void forget_sync(struct target *t)
{
	if (t->sync)
		t->sync->target = NULL;
	t->sync = NULL;
}

static int start_sync(struct target *t, int fd, void (*done)(void *ctx, void *arg))
{
	struct sync *sync = calloc(1, sizeof(*sync));
	const struct worker_job job = {.run = run_sync,
				       .done = done,
				       .drop = drop_sync,
				       .arg = sync};
	int r;

	if (!sync)
		return -ENOMEM;
	sync->target = t;
	sync->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (sync->fd < 0) {
		r = -errno;
		free(sync);
		return r;
	}
	r = worker_add(t->worker, &job);
	if (r == 0)
		t->sync = sync;
	return r;
}

/* The target that waits for it; NULL: it was kept as a part meanwhile, or is gone. */
static struct target *take_sync(const struct sync *sync)
{
	if (sync->target)
		sync->target->sync = NULL;
	return sync->target;
}

static void on_directory_synced(void *ctx, void *arg)
{
	const struct sync *sync = arg;
	const struct target *t = take_sync(sync);

	if (t)
		t->opt.on_completed(t->opt.ctx, sync->err);
}

static int sync_directory(struct target *t)
{
	int n = directory_length(t->path), fd, r;
	char *path;

	if (asprintf(&path, "%.*s", n ? n : 1, n ? t->path : ".") < 0)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : start_sync(t, fd, on_directory_synced);
	if (fd >= 0)
		close(fd);
	free(path);
	return r < 0 ? r : TARGET_E_LATER;
}

/* Returns 0: it is done; TARGET_E_LATER; -errno. */
static int give_name(struct target *t)
{
	if (rename(t->temp, t->path))
		return -errno;
	free(t->temp);
	t->temp = NULL;
	return t->opt.worker ? sync_directory(t) : 0;
}

static void on_synced(void *ctx, void *arg)
{
	const struct sync *sync = arg;
	struct target *t = take_sync(sync);
	int r = sync->err;

	if (!t)
		return;
	if (r == 0)
		r = give_name(t);
	if (r != TARGET_E_LATER)
		t->opt.on_completed(t->opt.ctx, r);
}

int target_complete(struct target *t, int fd)
{
	int r = 0;

	if (!t->temp)
		return 0;
	if (!t->worker)
		r = worker_new(&t->worker, t->opt.loop, NULL);
	if (r == 0)
		r = start_sync(t, fd, on_synced);
	return r < 0 ? r : TARGET_E_LATER;
}

void target_keep_part(struct target *t)
{
	char *name;

	forget_sync(t);
	if (!t->temp)
		return;
	t->part = t->temp;
	t->temp = NULL;
	if (asprintf(&name, "%s.part", t->path) < 0)
		return;
	if (rename(t->part, name) == 0) {
		free(t->part);
		t->part = name;
	} else {
		free(name);
	}
}

const char *target_part(const struct target *t)
{
	return t->part;
}

bool target_is_untouched(const struct target *t)
{
	return t->temp || t->part;
}

void target_free(struct target *t)
{
	if (!t)
		return;
	forget_sync(t);
	if (!t->opt.worker)
		worker_free(t->worker, 0);
	remove_temp(t);
	free(t->part);
	free(t->path);
	free(t->given);
	free(t);
}

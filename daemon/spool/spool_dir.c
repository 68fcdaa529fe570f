/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files are called spool-NUMBER.pcapng, the number in hexadecimal, so that their order is that of
 * the names. Numbers grow for as long as the directory lives, also when files are moved away, so
 * that none that is put back meets another one of its name: the position remembers the highest,
 * and where there is no position they begin with the clock.
 *
 * The position is one line of fixed length that is written over in place. Its checksum makes a
 * line that was half written worth nothing: then packets are sent twice, and none is forgotten.
 * Earlier versions wrote the first two numbers alone.
 */
#include "spool/spool_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/clock.h"
#include "base/log.h"

#define NAME_FORMAT     "spool-%016" PRIx64 ".pcapng"
#define POSITION_FILE   "position"
#define POSITION_FORMAT "%016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " "
#define POSITION_TEXT   68 /* bytes of the numbers; the checksum and a newline follow */
#define POSITION_SIZE   85
#define POSITION_OLD    34 /* bytes of two numbers */

struct spool_dir {
	char *path;
	int fd;
	int position_fd;
	char name[48];
};

static int open_locked(const char *path)
{
	int r, fd;

	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		r = -errno;
		log_error("spool: cannot make the directory %s: %s", path, strerror(-r));
		return r;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		log_error("spool: cannot open the directory %s: %s", path, strerror(-r));
		return r;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		log_error(r == -EBUSY ? "spool: %s is in use by another instance; "
					"give each its own spool-directory"
				      : "spool: cannot lock the directory %s",
			  path);
		close(fd);
		return r;
	}
	return fd;
}

/* A device is not even opened, which alone may set it off. The fd or -errno. */
static int open_regular(int dir, const char *name, int flags)
{
	struct stat st;
	int r, fd;

	if (fstatat(dir, name, &st, 0) == 0 && !S_ISREG(st.st_mode))
		return -EMEDIUMTYPE;
	fd = openat(dir, name, flags | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	r = -EMEDIUMTYPE; /* it was put there just now */
	close(fd);
	return r;
}

int spool_dir_new(struct spool_dir **out, const char *path)
{
	struct spool_dir *d;
	int fd = open_locked(path);

	if (fd < 0)
		return fd;
	d = calloc(1, sizeof(*d));
	if (!d || !(d->path = strdup(path))) {
		free(d);
		close(fd);
		return -ENOMEM;
	}
	d->fd = fd;
	d->position_fd = open_regular(fd, POSITION_FILE, O_RDWR | O_CREAT);
	if (d->position_fd < 0) {
		int r = d->position_fd;

		log_error("spool: cannot write %s/" POSITION_FILE ": %s", path, strerror(-r));
		spool_dir_free(d);
		return r;
	}
	*out = d;
	return 0;
}

void spool_dir_free(struct spool_dir *d)
{
	if (!d)
		return;
	if (d->position_fd >= 0)
		close(d->position_fd);
	close(d->fd); /* unlocks */
	free(d->path);
	free(d);
}

const char *spool_dir_path(const struct spool_dir *d)
{
	return d->path;
}

const char *spool_dir_name(struct spool_dir *d, uint64_t number)
{
	snprintf(d->name, sizeof(d->name), NAME_FORMAT, number);
	return d->name;
}

static bool parse_name(struct spool_dir *d, const char *name, uint64_t *number)
{
	return sscanf(name, "spool-%16" SCNx64, number) == 1 &&
	       !strcmp(spool_dir_name(d, *number), name);
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int collect(struct spool_dir *d, DIR *dir, uint64_t **out, size_t *n)
{
	uint64_t *list = NULL, number;
	struct dirent *e;
	size_t used = 0;

	while ((e = readdir(dir))) {
		uint64_t *grown;

		if (!parse_name(d, e->d_name, &number))
			continue;
		grown = reallocarray(list, used + 1, sizeof(*grown));
		if (!grown) {
			free(list);
			return -ENOMEM;
		}
		list = grown;
		list[used++] = number;
	}
	if (used)
		qsort(list, used, sizeof(*list), compare_numbers);
	*out = list;
	*n = used;
	return 0;
}

int spool_dir_list(struct spool_dir *d, uint64_t **out, size_t *n)
{
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int r;

	if (!dir) {
		r = -errno;
		log_error("spool: cannot read the directory %s: %s", d->path, strerror(-r));
		if (fd >= 0)
			close(fd);
		return r;
	}
	r = collect(d, dir, out, n);
	closedir(dir);
	return r;
}

bool spool_dir_is_empty(struct spool_dir *d, uint64_t number)
{
	struct stat st;

	return fstatat(d->fd, spool_dir_name(d, number), &st, 0) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size == 0;
}

bool spool_dir_is_removed(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

/* Takes the place of a directory that is not there any more. 0 or -errno. */
static int take_place(struct spool_dir *d, int fd)
{
	int position, r = 0;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	position = open_regular(fd, POSITION_FILE, O_RDWR | O_CREAT);
	if (position < 0)
		return position;
	/* At once, and under the same numbers: another thread may be syncing them. */
	if (dup3(fd, d->fd, O_CLOEXEC) < 0 || dup3(position, d->position_fd, O_CLOEXEC) < 0)
		r = -errno;
	close(position);
	return r;
}

/* The directory was removed: goes on in the one that is there now, or makes it. 0 or -errno. */
static int make_again(struct spool_dir *d)
{
	int r, fd;

	if (!spool_dir_is_removed(d->fd))
		return -ENOENT;
	if (mkdir(d->path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = take_place(d, fd);
	close(fd);
	if (r == 0)
		log_warn("spool: the directory %s was removed, and is created again: the unsent "
			 "packets in it are lost",
			 d->path);
	return r;
}

int spool_dir_open(struct spool_dir *d, uint64_t number, int flags)
{
	int fd = open_regular(d->fd, spool_dir_name(d, number), flags);

	if (fd == -ENOENT && (flags & O_CREAT) && make_again(d) == 0)
		fd = open_regular(d->fd, spool_dir_name(d, number), flags);
	return fd;
}

int spool_dir_remove(struct spool_dir *d, uint64_t number)
{
	if (unlinkat(d->fd, spool_dir_name(d, number), 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

int spool_dir_sync(struct spool_dir *d)
{
	return fsync(d->fd) < 0 || fdatasync(d->position_fd) < 0 ? -errno : 0;
}

uint64_t spool_dir_fresh_number(void)
{
	return (uint64_t)clock_ns(CLOCK_REALTIME) / 1000;
}

/* The checksum that follows so many bytes of text is theirs. */
static bool is_whole(const char *line, size_t text)
{
	uint64_t sum;

	return sscanf(line + text, "%16" SCNx64, &sum) == 1 && sum == XXH3_64bits(line, text);
}

void spool_dir_read_position(struct spool_dir *d, struct spool_position *out)
{
	char line[POSITION_SIZE + 1] = {0};
	int n = 0;

	*out = (struct spool_position){0};
	if (pread(d->position_fd, line, POSITION_SIZE, 0) <= 0)
		return;
	if (is_whole(line, POSITION_TEXT))
		n = sscanf(line, "%16" SCNx64 " %16" SCNx64 " %16" SCNx64 " %16" SCNx64,
			   &out->number, &out->packets, &out->id, &out->highest);
	else if (is_whole(line, POSITION_OLD))
		n = sscanf(line, "%16" SCNx64 " %16" SCNx64, &out->number, &out->packets);
	if (n != 4 && n != 2)
		*out = (struct spool_position){0};
}

void spool_dir_write_position(struct spool_dir *d, const struct spool_position *pos)
{
	char line[POSITION_SIZE + 1];

	snprintf(line, sizeof(line), POSITION_FORMAT, pos->number, pos->packets, pos->id,
		 pos->highest);
	snprintf(line + POSITION_TEXT, sizeof(line) - POSITION_TEXT, "%016" PRIx64 "\n",
		 (uint64_t)XXH3_64bits(line, POSITION_TEXT));
	if (pwrite(d->position_fd, line, POSITION_SIZE, 0) != POSITION_SIZE)
		log_debug("spool: cannot record the position in %s: %s", d->path, strerror(errno));
}

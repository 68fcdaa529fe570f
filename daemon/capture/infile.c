/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/infile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/unpack.h"

#define RAW_SIZE (64 * 1024)

struct infile {
	char *path;
	int fd;
	const struct unpack_format *format; /* NULL: not compressed */
	struct unpack *unpack;
	uint64_t read, size;    /* bytes of the file; atomic */
	uint64_t unpacked;      /* bytes that were given of what is compressed */
	size_t raw_at, raw_len; /* bytes that were read and not given, or unpacked, yet */
	bool raw_end;           /* there are no more than those */
	const char *damage;     /* of what is packed: all before it was given */
	uint8_t raw[RAW_SIZE];
};

/* ---- as it is ---- */

/* May wait for a FIFO's writer, as its opening: there a thread can be cancelled. */
static ssize_t read_fd(struct infile *f, void *buf, size_t size)
{
	ssize_t n;
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	do
		n = read(f->fd, buf, size);
	while (n < 0 && errno == EINTR);
	pthread_setcancelstate(old, NULL);
	if (n > 0)
		__atomic_add_fetch(&f->read, (uint64_t)n, __ATOMIC_RELAXED);
	return n < 0 ? -errno : n;
}

static void take_size(struct infile *f)
{
	struct stat st;

	if (fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode))
		__atomic_store_n(&f->size, (uint64_t)st.st_size, __ATOMIC_RELAXED);
}

static int open_fd(struct infile *f)
{
	int old;

	if (!strcmp(f->path, "-")) {
		f->fd = STDIN_FILENO;
		return 0;
	}
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	f->fd = open(f->path, O_RDONLY | O_CLOEXEC);
	pthread_setcancelstate(old, NULL);
	return f->fd < 0 ? -errno : 0;
}

/* Further bytes behind those that lie there. 0 or -errno. */
static int read_raw(struct infile *f)
{
	ssize_t n = read_fd(f, f->raw + f->raw_len, sizeof(f->raw) - f->raw_len);

	if (n < 0)
		return (int)n;
	f->raw_end = n == 0;
	f->raw_len += (size_t)n;
	return 0;
}

static ssize_t read_plain(struct infile *f, uint8_t *buf, size_t len)
{
	size_t left = f->raw_len - f->raw_at;

	if (left == 0)
		return f->raw_end ? 0 : read_fd(f, buf, len);
	if (len > left)
		len = left;
	memcpy(buf, f->raw + f->raw_at, len);
	f->raw_at += len;
	return (ssize_t)len;
}

/* ---- unpacked ---- */

/* What lies there into `buf`. Returns how many bytes; what is damaged ends it. */
static size_t unpack_some(struct infile *f, uint8_t *buf, size_t len)
{
	struct unpack_buffers b = {
		.in = f->raw + f->raw_at,
		.in_len = f->raw_len - f->raw_at,
		.out = buf,
		.out_len = len,
	};
	const char *why = "it leads nowhere";
	int r = unpack_run(f->unpack, &b, &why);

	if (r < 0 || (b.in_len > 0 && b.in == f->raw + f->raw_at && b.out == buf))
		f->damage = why;
	f->raw_at = f->raw_len - b.in_len;
	return len - b.out_len;
}

static ssize_t end_unpacked(const struct infile *f, char *why, size_t size)
{
	if (f->damage)
		snprintf(why, size, "its %s data cannot be unpacked: %s", unpack_name(f->format),
			 f->damage);
	else if (!unpack_is_complete(f->unpack))
		snprintf(why, size, "truncated dump file: its %s data ends early",
			 unpack_name(f->format));
	else
		return 0;
	return -EBADMSG;
}

static ssize_t read_unpacked(struct infile *f, uint8_t *buf, size_t len, char *why, size_t size)
{
	size_t n;
	int r;

	while (!f->damage) {
		n = unpack_some(f, buf, len);
		f->unpacked += n;
		if (n > 0)
			return (ssize_t)n;
		if (f->raw_at < f->raw_len)
			continue;
		if (f->raw_end)
			break;
		f->raw_at = f->raw_len = 0;
		r = read_raw(f);
		if (r < 0) {
			snprintf(why, size, "%s", strerror(-r));
			return r;
		}
	}
	return end_unpacked(f, why, size);
}

ssize_t infile_read(struct infile *f, uint8_t *buf, size_t len, char *why, size_t size)
{
	ssize_t n;

	if (f->unpack)
		return read_unpacked(f, buf, len, why, size);
	n = read_plain(f, buf, len);
	if (n < 0)
		snprintf(why, size, "%s", strerror((int)-n));
	return n;
}

/* ---- life ---- */

static int begin_unpacking(struct infile *f, char *why, size_t size)
{
	bool is_stdin = !strcmp(f->path, "-");
	int r = unpack_new(&f->unpack, f->format);

	if (r == -ENOTSUP)
		snprintf(why, size, "%s: compressed with %s; unpack it: %s%s%s | pycapa -p -r -",
			 infile_name(f), unpack_name(f->format), unpack_command(f->format),
			 is_stdin ? "" : " ", is_stdin ? "" : f->path);
	else if (r < 0)
		snprintf(why, size, "%s: %s", infile_name(f), strerror(-r));
	return r;
}

int infile_open(struct infile *f, char *why, size_t size)
{
	int r = open_fd(f);

	if (r == 0)
		take_size(f);
	while (r == 0 && !f->raw_end && f->raw_len < UNPACK_MAGIC_MAX)
		r = read_raw(f);
	if (r < 0) {
		snprintf(why, size, "%s: %s", infile_name(f), strerror(-r));
		return r;
	}
	f->format = unpack_find(f->raw, f->raw_len);
	return f->format ? begin_unpacking(f, why, size) : 0;
}

void infile_position(const struct infile *f, uint64_t *read, uint64_t *size)
{
	*read = __atomic_load_n(&f->read, __ATOMIC_RELAXED);
	*size = __atomic_load_n(&f->size, __ATOMIC_RELAXED);
}

uint64_t infile_place(const struct infile *f, uint64_t n)
{
	double used = (double)(f->read - (f->raw_len - f->raw_at));

	if (!f->unpack)
		return n;
	return f->unpacked ? (uint64_t)((double)n * used / (double)f->unpacked) : 0;
}

bool infile_is_unpacked(const struct infile *f)
{
	return f->unpack;
}

const char *infile_name(const struct infile *f)
{
	return strcmp(f->path, "-") ? f->path : "stdin";
}

int infile_new(struct infile **out, const char *path)
{
	struct infile *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->fd = -1;
	f->path = strdup(path);
	if (!f->path) {
		free(f);
		return -ENOMEM;
	}
	*out = f;
	return 0;
}

void infile_free(struct infile *f)
{
	if (!f)
		return;
	unpack_free(f->unpack);
	if (f->fd > STDIN_FILENO)
		close(f->fd);
	free(f->path);
	free(f);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/regular.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a file is that cannot be read; NULL: it is a regular one. */
static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return NULL;
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a fifo";
	case S_IFSOCK:
		return "a socket";
	default:
		return "a device";
	}
}

static int refuse_kind(mode_t mode, char *why, size_t size)
{
	const char *kind = kind_of(mode);

	if (kind == NULL)
		return 0;
	snprintf(why, size, "it is %s, not a regular file", kind);
	return -EINVAL;
}

static int say_errno(char *why, size_t size)
{
	int err = errno;

	snprintf(why, size, "%s", strerror(err));
	return -err;
}

/* Opening a device can do something by itself: it is looked at before, and again once open. */
static int open_regular(struct regular *out, const char *path, int *fd, char *why, size_t size)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return say_errno(why, size);
	r = refuse_kind(st.st_mode, why, size);
	if (r < 0)
		return r;
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0 || fstat(*fd, &st) < 0)
		return say_errno(why, size);
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	return refuse_kind(st.st_mode, why, size);
}

/* Reads to the end, or one byte more than `max`. */
static int read_all(struct regular *out, int fd, size_t max, char *why, size_t size)
{
	while (out->len <= max) {
		ssize_t n = read(fd, out->text + out->len, max + 1 - out->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return say_errno(why, size);
		if (n == 0)
			return 0;
		out->len += (size_t)n;
	}
	snprintf(why, size, "it is larger than %zu KiB", max >> 10);
	return -EFBIG;
}

int regular_read(struct regular *out, const char *path, size_t max, char *why, size_t size)
{
	int fd = -1, r;

	memset(out, 0, sizeof(*out));
	r = open_regular(out, path, &fd, why, size);
	if (r == 0) {
		out->text = malloc(max + 2);
		if (out->text != NULL) {
			r = read_all(out, fd, max, why, size);
			out->text[out->len] = '\0';
		} else {
			snprintf(why, size, "out of memory");
			r = -ENOMEM;
		}
	}
	if (fd >= 0)
		close(fd);
	if (r < 0)
		regular_clear(out);
	return r;
}

void regular_clear(struct regular *file)
{
	if (file->text != NULL)
		explicit_bzero(file->text, file->len);
	free(file->text);
	memset(file, 0, sizeof(*file));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * O_NONBLOCK belongs to the open file description, which a shell shares with everything else it
 * started on that pipe or terminal. So a pipe, FIFO or terminal is opened again through
 * /proc/self/fd, which gives a description of our own; a socket takes MSG_DONTWAIT per call. Only
 * where reopening is not allowed (a pipe of another user) the flag is set on the shared one, and
 * restored at the end. Regular files and block devices never block in that sense.
 */
#include "output/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void descriptor_init(struct descriptor *d)
{
	*d = (struct descriptor){.fd = -1, .restore_flags = -1};
}

/* A description of our own for what `fd` has open. Returns 0 or -errno. */
static int reopen_nonblocking(int *fd)
{
	char name[32];
	int own;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", *fd);
	own = open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (own < 0)
		return -errno;
	close(*fd);
	*fd = own;
	return 0;
}

static int share_nonblocking(struct descriptor *d)
{
	int flags = fcntl(d->fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (flags & O_NONBLOCK)
		return 0;
	if (fcntl(d->fd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	d->restore_flags = flags;
	return 0;
}

int descriptor_take(struct descriptor *d, int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);
	int r;

	d->fd = fd;
	if (flags < 0 || fstat(fd, &st))
		return -errno;
	d->append = flags & O_APPEND;
	d->start = lseek(fd, 0, SEEK_CUR);
	if (S_ISSOCK(st.st_mode)) {
		d->kind = DESCRIPTOR_SOCKET;
		return 0;
	}
	if (!S_ISFIFO(st.st_mode) && !isatty(fd))
		return 0;
	d->kind = DESCRIPTOR_STREAM;
	r = reopen_nonblocking(&d->fd);
	if (r == -ENXIO) /* a pipe whose reader has gone already: the first write will say so */
		return 0;
	return r ? share_nonblocking(d) : 0;
}

/* One that was closed when we were started is open, but not for writing (hardening.c). */
int descriptor_inherit(struct descriptor *d, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	int own;

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH))
		return -EBADF;
	own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (own < 0)
		return -errno;
	if (fd == STDOUT_FILENO)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	return descriptor_take(d, own);
}

ssize_t descriptor_write(const struct descriptor *d, const void *data, size_t len)
{
	ssize_t n;

	do {
		if (d->kind == DESCRIPTOR_SOCKET)
			n = send(d->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = write(d->fd, data, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

bool descriptor_can_rewrite(const struct descriptor *d)
{
	return d->kind == DESCRIPTOR_FILE && d->fd >= 0 && !d->append && d->start >= 0;
}

int descriptor_close(struct descriptor *d)
{
	int fd = d->fd;

	if (fd < 0)
		return 0;
	if (d->restore_flags >= 0)
		fcntl(fd, F_SETFL, d->restore_flags);
	descriptor_init(d);
	return close(fd) && errno != EINTR ? -errno : 0;
}

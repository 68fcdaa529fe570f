/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unix_listen.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NO_WAIT (SOCK_CLOEXEC | SOCK_NONBLOCK)

static int set_address(struct sockaddr_un *addr, const char *path)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	memcpy(addr->sun_path, path, strlen(path) + 1);
	return 0;
}

/* A socket that nobody listens on any more refuses. */
static bool is_alive(const struct sockaddr_un *addr, int type)
{
	int fd = socket(AF_UNIX, type | NO_WAIT, 0);
	bool alive;

	if (fd < 0)
		return false;
	alive = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN;
	close(fd);
	return alive;
}

/* Makes room for it. */
static int remove_dead(const struct sockaddr_un *addr, int type)
{
	struct stat st;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (is_alive(addr, type))
		return -EADDRINUSE;
	return unlink(addr->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* The mode is set before listen(), so nobody else can have connected. */
static int bind_and_listen(int fd, const struct sockaddr_un *addr, mode_t mode, int backlog)
{
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ||
	    chmod(addr->sun_path, mode) < 0 || listen(fd, backlog) < 0)
		return -errno;
	return 0;
}

int unix_listen(const char *path, int type, mode_t mode, int backlog)
{
	struct sockaddr_un addr;
	int r = set_address(&addr, path), fd;

	if (r == 0)
		r = remove_dead(&addr, type);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, type | NO_WAIT, 0);
	if (fd < 0)
		return -errno;
	r = bind_and_listen(fd, &addr, mode, backlog);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

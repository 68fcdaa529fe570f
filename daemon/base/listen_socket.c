/* SPDX-License-Identifier: Apache-2.0 */
#include "base/listen_socket.h"

#include <errno.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/unix_listen.h"

static int listen_tcp(const struct sockaddr *addr, socklen_t len, int backlog)
{
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, r;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, addr, len) == 0 && listen(fd, backlog) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

int listen_socket(const struct sockaddr *addr, socklen_t len, mode_t mode, int backlog)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)addr;

	if (addr->sa_family == AF_UNIX)
		return unix_listen(un->sun_path, SOCK_STREAM, mode, backlog);
	return listen_tcp(addr, len, backlog);
}

const char *listen_socket_advice(int err)
{
	switch (err) {
	case EADDRINUSE:
		return ": another program or instance listens there; each needs an address of its "
		       "own";
	case EADDRNOTAVAIL:
		return ": this host has no such address; 0.0.0.0 stands for all that it has";
	case EACCES:
		return ": use a port from 1024 on, or a directory that pycapa may write to";
	case EROFS:
		return ": in a service, ReadWritePaths= of the unit has to name its directory";
	case EEXIST:
		return ": something other than a socket has this name";
	case ENOENT:
		return ": its directory does not exist";
	default:
		return "";
	}
}

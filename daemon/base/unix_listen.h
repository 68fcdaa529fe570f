/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A UNIX socket that listens on a path.
 */
#pragma once

#include <sys/types.h>

/*
 * Listens on `path`, replacing a socket that a dead process left there; its directory must exist.
 * `type`: SOCK_STREAM or SOCK_SEQPACKET. `mode`: who may connect, set before anybody can. Returns
 * the descriptor, which does not block; -EADDRINUSE: a living process listens there, and keeps it;
 * -EEXIST: what is there is no socket, and stays; -ENAMETOOLONG; or -errno.
 */
int unix_listen(const char *path, int type, mode_t mode, int backlog);

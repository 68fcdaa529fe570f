/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream socket that listens on an address: of TCP, or a path (unix_listen.h).
 */
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

/*
 * `mode`: who may connect to a path. Returns the descriptor, which does not block; -EADDRINUSE,
 * -EACCES, … or what unix_listen() says.
 */
int listen_socket(const struct sockaddr *addr, socklen_t len, mode_t mode, int backlog);

/* What to do about a positive errno of listen_socket(), as the end of a line; "": no more is known.
 */
const char *listen_socket_advice(int err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: how `systemctl reload` waits for the reload and learns its result.
 *
 * A running instance listens on /run/pycapa/INSTANCE/control (SOCK_SEQPACKET, mode 0600; root and
 * its own user may talk to it). One message asks, one answers:
 *	"reload"  ->  "ok"  or  "error REASON", more reasons on lines of their own
 * The unit's ExecReload= runs `pycapa --reload INSTANCE`, which is the client side below.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

/* The most that a reason can have, with its end. */
#define CONTROL_WHY_MAX 8000

struct control_socket;

/* The answer of a request comes later, by control_socket_answer(). */
#define CONTROL_E_PENDING 1

/*
 * Applies the configuration anew. 0; -errno with the faults in `why`, a line each; or
 * CONTROL_E_PENDING.
 */
typedef int (*control_socket_reload_fn)(void *ctx, char *why, size_t size);

/*
 * Writes the path of an instance's socket into buf. Returns 0, -EINVAL when the name is empty or
 * contains a slash, or -ENAMETOOLONG when the path does not fit buf or a socket address.
 */
int control_socket_path(char *buf, size_t size, const char *instance);

/* The longest name of an instance whose path fits a socket address. */
size_t control_socket_name_max(void);

/*
 * True when the directory of the instance's socket is among `directories`, which are separated by
 * colons as in $RUNTIME_DIRECTORY: whoever set that has made it for us.
 */
bool control_socket_has_directory(const char *directories, const char *instance);

/*
 * Listens on `path`, replacing a socket that a dead process left there; its directory must exist.
 * Each request calls `on_reload` from the loop. Returns 0; -EADDRINUSE: a living process listens
 * there, and keeps it; or -errno (logged).
 */
int control_socket_new(struct control_socket **out, struct ev_loop *loop, const char *path,
		       control_socket_reload_fn on_reload, void *ctx);

/* Answers all whose requests were pending: 0, or -errno with lines. NULL is legal. */
void control_socket_answer(struct control_socket *control, int r, const char *why);

/* Closes all connections and removes the socket. NULL is legal. */
void control_socket_free(struct control_socket *control);

/*
 * Client: asks the instance that listens on `path` to reload, and waits for the result, at most
 * 85 s. Returns 0 when the new settings are in force; else -errno with one line in `why`:
 * -ECONNREFUSED or -ENOENT no instance listens there, -ETIMEDOUT no answer, -EINVAL refused,
 * `why` is then what the instance said, a line for each fault.
 */
int control_socket_request_reload(const char *path, char *why, size_t size);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets that clients of a capture connect to: one on an address, or those that systemd has
 * opened for the service (sd_listen_fds(3)).
 */
#pragma once

#include <ev.h>
#include <stddef.h>

struct listening;

/* The longest name of a client. */
#define LISTENING_NAME_MAX 80
/* The longest text of where it listens; what is longer is cut. */
#define LISTENING_WHERE_MAX 256

struct listening_options {
	struct ev_loop *loop;
	const char *where; /* listen_target_check() */
	/* Somebody has connected: `fd` is the callee's, and does not block; `name` for messages. */
	void (*on_client)(void *ctx, int fd, const char *name);
	void *ctx;
};

/* Listens. Returns 0 or -errno (logged). */
int listening_new(struct listening **out, const struct listening_options *opt);

/* The address and port, or the path, of each socket. */
void listening_describe(const struct listening *l, char *buf, size_t size);

/* Nobody can connect any more; a UNIX socket of ours is removed. NULL is legal. */
void listening_free(struct listening *l);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small regular files, read whole: a configuration, a password.
 *
 * Never waits: a fifo, a device, a socket or a directory is refused, and what is larger than the
 * caller's limit (or never ends) too.
 */
#pragma once

#include <stddef.h>
#include <sys/stat.h>

struct regular {
	char *text; /* `len` bytes and a zero byte; may hold a secret */
	size_t len;
	dev_t dev; /* which file it is */
	ino_t ino;
};

/*
 * Reads the file at `path`, of at most `max` bytes. Returns 0 and *out, to be given to
 * regular_clear(), or -errno with a few words in `why` that say what is wrong with it but not its
 * name: "No such file or directory", "it is a fifo, not a regular file".
 */
int regular_read(struct regular *out, const char *path, size_t max, char *why, size_t size);

/* Overwrites and frees. All zero is legal. */
void regular_clear(struct regular *file);

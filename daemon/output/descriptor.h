/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open descriptor, so that writing to it never blocks, and nobody who shares it notices.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum descriptor_kind {
	DESCRIPTOR_FILE,   /* always takes what is written, or fails */
	DESCRIPTOR_STREAM, /* pipe, FIFO, terminal: non-blocking, to be watched */
	DESCRIPTOR_SOCKET, /* the same */
};

/* Part of its owner. To be read, but for the last. */
struct descriptor {
	int fd; /* -1: none */
	enum descriptor_kind kind;
	bool append; /* O_APPEND: what is written cannot be changed */
	off_t start; /* of a regular file: where our first byte is */
	int restore_flags;
};

void descriptor_init(struct descriptor *d);

/* Takes `fd` over, also when it fails. Returns 0 or -errno. */
int descriptor_take(struct descriptor *d, int fd);

/*
 * Takes a duplicate of a descriptor that the process was started with; of its standard output it
 * keeps everybody else off: 1 is standard error from then on. Returns 0 or -errno; -EBADF: it is
 * closed, or not open for writing.
 */
int descriptor_inherit(struct descriptor *d, int fd);

/* Returns how many bytes it took, -EAGAIN or -errno. */
ssize_t descriptor_write(const struct descriptor *d, const void *data, size_t len);

/* What was written can be changed. */
bool descriptor_can_rewrite(const struct descriptor *d);

/* Closes it; flags that had to be changed are restored. Returns 0 or -errno. Legal on none. */
int descriptor_close(struct descriptor *d);

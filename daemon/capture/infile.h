/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a file, a FIFO or stdin, unpacked if they are compressed. Nothing is sought in it.
 *
 * It logs nothing and may wait; a thread can be cancelled in opening and reading, and nowhere else
 * if that is disabled when it calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct infile;

/* "-" = stdin; the text is copied. Nothing is opened yet. 0 or -ENOMEM. */
int infile_new(struct infile **out, const char *path);
/* NULL is legal. */
void infile_free(struct infile *f);

/*
 * Opens it, and reads as much as tells whether it is compressed. 0, or -errno with one line in
 * `why` that names the file and, for what pycapa does not unpack, the command that does.
 */
int infile_open(struct infile *f, char *why, size_t size);

/* The next bytes. How many; 0: the end; -errno with `why`, which does not name the file. */
ssize_t infile_read(struct infile *f, uint8_t *buf, size_t len, char *why, size_t size);

/* From any thread: bytes read of the file as it is, and its size; 0: it has none, as a FIFO. */
void infile_position(const struct infile *f, uint64_t *read, uint64_t *size);

/* About where in the file as it is the byte `n` of those lies that infile_read() gave. */
uint64_t infile_place(const struct infile *f, uint64_t n);

bool infile_is_unpacked(const struct infile *f); /* it is compressed */
const char *infile_name(const struct infile *f); /* for messages: the path, or "stdin" */

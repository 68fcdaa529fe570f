/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a set (file_names.h) in their directory: which numbers there are, the next one, and
 * how many are kept. One process at a time has a set: its lock is .NAME.lock beside the files.
 *
 * What a process that died left unfinished (.FILE.XXXXXXXX, target.h) is found at the next start:
 * removed where its packets are read again, else it is named FILE.part; a line says so.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/file_limits.h"

struct file_set;
struct worker;

struct file_set_options {
	struct ev_loop *loop;
	const char *path;                 /* borrowed */
	const struct file_limits *limits; /* borrowed */
	bool packed;                      /* a program may compress its files */
	bool again;                       /* what an unfinished file holds is read again */
	/* A file that was to go is gone. */
	void (*on_removed)(void *ctx);
	void *ctx;
};

/* Locks it and looks what there is. Returns 0 or -errno (logged). */
int file_set_new(struct file_set **out, const struct file_set_options *opt);

/* The path of the next file; malloc()ed, NULL: out of memory. */
char *file_set_next(struct file_set *s, uint64_t first_us);

/* A file has its name, for good: the oldest goes, if there is one too many now. */
void file_set_add(struct file_set *s, const char *path);

/* Frees space. Returns false when there is no file that could go. */
bool file_set_remove_oldest(struct file_set *s);

/* What syncs and removes the files, in this order. */
struct worker *file_set_worker(const struct file_set *s);

/* Does not wait for the disk. NULL is legal. */
void file_set_free(struct file_set *s);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of a spool: its lock, the names of its files, and the note of how much of the
 * oldest file is delivered. For spool_list.c and spool_disk.c alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool_dir;

/* How much of one file has been delivered; number 0: nothing is known. */
struct spool_position {
	uint64_t number;  /* of the file */
	uint64_t packets; /* from its start on */
	uint64_t id;      /* of the file: another one may have got its name */
	uint64_t highest; /* number that any file ever had; 0: not known */
};

/*
 * Opens (makes, if only the last part of the path is missing) and locks the directory.
 * Returns 0, -EBUSY when another process has it, or -errno; both are logged.
 */
int spool_dir_new(struct spool_dir **out, const char *path);
void spool_dir_free(struct spool_dir *d);

const char *spool_dir_path(const struct spool_dir *d);

/* The numbers of its files, ascending; `*out` is malloc'ed. 0 or -errno (logged). */
int spool_dir_list(struct spool_dir *d, uint64_t **out, size_t *n);

/*
 * Opens a file; `flags` as open(2)'s. The fd or -errno (not logged), -EMEDIUMTYPE when it is not a
 * regular file: it is not waited for anybody at the other end of a FIFO. Where one is to be made
 * and the directory was removed, that is made again, and a warning says so.
 */
int spool_dir_open(struct spool_dir *d, uint64_t number, int flags);
/* True of a regular file of 0 bytes. */
bool spool_dir_is_empty(struct spool_dir *d, uint64_t number);
/* True when an open file or directory has no name any more. */
bool spool_dir_is_removed(int fd);
/* The name of a file, for messages; valid until the next call. */
const char *spool_dir_name(struct spool_dir *d, uint64_t number);
/* 0, also when it is not there, or -errno (not logged). */
int spool_dir_remove(struct spool_dir *d, uint64_t number);

/* Makes the names of new files survive a loss of power. 0 or -errno (not logged). */
int spool_dir_sync(struct spool_dir *d);

/* A number that no file here had, as far as the clock can tell; ever larger ones follow it. */
uint64_t spool_dir_fresh_number(void);

void spool_dir_read_position(struct spool_dir *d, struct spool_position *out);
/* Survives the death of the process at once, a loss of power only after spool_dir_sync(). */
void spool_dir_write_position(struct spool_dir *d, const struct spool_position *pos);

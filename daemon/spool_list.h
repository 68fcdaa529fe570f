/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files a spool consists of, which packets each holds, and up to where they are delivered.
 * For spool_disk.c alone.
 */
#pragma once

#include <stdint.h>

#include "spool_dir.h"

/* One file. */
struct spool_segment {
	struct spool_segment *next;
	uint64_t number;  /* of the file */
	uint64_t first;   /* number of its first packet */
	uint64_t packets; /* whole and written */
	uint64_t usable;  /* how many can be read; less after damage was found */
	uint64_t bytes;
	const char *topic;
};

struct spool_list {
	struct spool_dir *dir;
	struct spool_segment *head, *tail; /* in the order of their packets */
	struct spool_topic *topics;
	uint64_t last_number; /* the highest of any file there was */
	uint64_t skipped;     /* the lowest of a file that could not be read; UINT64_MAX: none */
	uint64_t first, end;  /* packet numbers: not delivered yet, next to be written */
};

/*
 * Locks the directory and takes in the files of earlier runs; one that cannot be read now is named
 * and stays for a later start. `l` is all zero before. 0, -EBUSY or -errno, logged;
 * spool_list_close() follows in any case.
 */
int spool_list_open(struct spool_list *l, const char *directory);
void spool_list_close(struct spool_list *l);

/* The name of a topic, the same pointer each time, kept as long as the list. NULL: no memory. */
const char *spool_list_topic(struct spool_list *l, const char *name);

/* A new file behind all others; NULL: no memory. */
struct spool_segment *spool_list_add(struct spool_list *l, uint64_t number);

/* The file of this packet, looked for from `s` on; NULL when it is not written yet. */
struct spool_segment *spool_list_find(struct spool_segment *s, uint64_t packet);

/* Bytes of all files. */
uint64_t spool_list_bytes(const struct spool_list *l);

/* Notes on disk that the oldest file is delivered up to this many packets. */
void spool_list_note(struct spool_list *l, uint64_t packets);

/* Removes the oldest file, from the disk too. */
void spool_list_remove(struct spool_list *l);

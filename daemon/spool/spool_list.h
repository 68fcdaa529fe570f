/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files a spool consists of, which packets each holds, and up to where they are delivered.
 * For spool_disk.c alone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "spool/spool_dir.h"

/* One file. */
struct spool_segment {
	struct spool_segment *next;
	uint64_t number; /* of the file */
	uint64_t id;     /* of the file, for ever; 0: of an earlier version */
	uint64_t inode;  /* for one without an id, at the start; 0: it was empty */
	uint64_t skip;   /* packets at its start that an earlier run delivered: they do not count */
	uint64_t first;  /* number of its first packet */
	uint64_t packets; /* whole and written */
	uint64_t usable;  /* how many can be read; less after damage was found */
	uint64_t damaged; /* of those that were read, and not told yet */
	bool gone;        /* somebody has taken it away */
	uint64_t bytes;
	const char *topic;
};

struct spool_list {
	struct spool_dir *dir;
	struct spool_segment *head, *tail; /* in the order of their packets */
	struct spool_segment *left;        /* delivered, and could not be removed yet */
	struct spool_topic *topics;
	struct spool_position position; /* as noted on disk */
	uint64_t last_number;           /* the highest of any file there was */
	_Atomic unsigned int files;     /* in the list, for any thread */
	unsigned int unreadable;        /* files that are none of a spool's, or damaged */
	uint64_t first;                 /* number of the first packet that is not delivered yet */
	_Atomic uint64_t end;           /* of the next to be written, for any thread */
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

/* A file behind all others; NULL: no memory. */
struct spool_segment *spool_list_add(struct spool_list *l, uint64_t number, uint64_t id);

/* Makes a new file, of a number that none ever had. The fd or -errno. */
int spool_list_create(struct spool_list *l, uint64_t *number);

/* The file of this packet, looked for from `s` on; NULL when it is not written yet. */
struct spool_segment *spool_list_find(struct spool_segment *s, uint64_t packet);

/* Bytes of all files. */
uint64_t spool_list_bytes(const struct spool_list *l);

/* Notes on disk that the oldest file is delivered up to this many packets. */
void spool_list_note(struct spool_list *l, uint64_t packets);

/* Removes the oldest file, from the disk too unless it is another one by now (logged). */
void spool_list_remove(struct spool_list *l);
/* Tries again to remove what could not be removed (logged); spool_list_close() does so too. */
void spool_list_remove_left(struct spool_list *l);

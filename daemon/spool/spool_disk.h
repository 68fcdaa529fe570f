/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a spool: written at the end, read at the start, removed once delivered. It blocks
 * on the disk, though not on its syncs (spool_sync.h), and knows no loop: spool_thread.c calls it
 * from its one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "packet/pktbuf.h"
#include "spool/spool_batch.h"

struct spool_disk;

/*
 * Locks the directory and takes in what earlier runs left. What is written is forced to the disk
 * every `sync_ms`, and when a file ends; a failure is logged, not too often. With 0 that is left
 * to the kernel. 0, -EBUSY or -errno, logged.
 */
int spool_disk_new(struct spool_disk **out, const char *directory, uint64_t segment_size,
		   uint32_t sync_ms);
/* Closes what is open, and waits for its sync; what spool_disk_write() could not write is lost. */
void spool_disk_free(struct spool_disk *d);

/* The numbers of the packets there: [first, end). Those of earlier runs, after _new(). */
uint64_t spool_disk_first(const struct spool_disk *d);
/* For any thread. */
uint64_t spool_disk_end(const struct spool_disk *d);
/* Files of earlier runs that are no spool's, or damaged at their start (logged): they stay. */
unsigned int spool_disk_unreadable(const struct spool_disk *d);
/* spool_sync_steps(), for any thread. */
uint64_t spool_disk_sync_steps(const struct spool_disk *d);
/* How many files there are, for any thread. */
unsigned int spool_disk_files(const struct spool_disk *d);
/* Bytes of its files. */
uint64_t spool_disk_bytes(const struct spool_disk *d);

/*
 * Writes what is left of a batch. Returns 0, or -errno when the disk takes no more: the batch knows
 * what is left, and the call may be repeated. Its packets are only read, and stay.
 */
int spool_disk_write(struct spool_disk *d, struct spool_batch *b);

/* In place of spool_disk_write(): packets below this number are delivered and need no disk. */
void spool_disk_skip(struct spool_disk *d, struct spool_batch *b, uint64_t below);

/* As given to spool_disk_new(), from now on. */
void spool_disk_set_limits(struct spool_disk *d, uint64_t segment_size, uint32_t sync_ms);

/*
 * Reads packets of one topic on to `out`, their numbers as tags, until it holds `bytes`.
 * Numbers that are missing were lost to damage (logged). 0, or -errno (logged, not too often):
 * `out` holds what came before; the call may be repeated.
 */
int spool_disk_read(struct spool_disk *d, struct pktbuf *out, size_t bytes, const char **topic);
/* All packets below this number were given by spool_disk_read(), or are lost. */
uint64_t spool_disk_read_to(const struct spool_disk *d);

/* Packets below this number were read elsewhere, from memory: goes on behind them. */
void spool_disk_pass(struct spool_disk *d, uint64_t below);

/* All packets below this number are delivered: removes the files that hold no others. */
void spool_disk_acknowledge(struct spool_disk *d, uint64_t below);

/* Forces what is written to the disk now, and waits for it. */
void spool_disk_sync(struct spool_disk *d);

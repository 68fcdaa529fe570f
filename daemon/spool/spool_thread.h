/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that writes, reads ahead and removes the files of a spool, and the bounded
 * queues between it and the loop. For spool.c alone; all functions are the loop's to call.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "spool/spool_batch.h"
#include "spool/spool_disk.h"

struct spool_thread;

struct spool_thread_options {
	struct spool_disk *disk; /* taken over by _new(), when that does not fail */
	/* From the thread: something that the loop asked to be told of has come. */
	void (*on_event)(void *ctx);
	void *ctx;
};

/* 0 or -errno. */
int spool_thread_new(struct spool_thread **out, const struct spool_thread_options *opt);
/*
 * Ends the thread, which closes the disk; what was not written is lost. When the disk hangs it is
 * left to itself, and ends some time. `release` is called once nobody uses what it was given.
 */
void spool_thread_free(struct spool_thread *t, void (*release)(void *ctx), void *ctx);

/* Gives a batch to be written (taken over; may be NULL), and up to where all is delivered. */
void spool_thread_give(struct spool_thread *t, struct spool_batch *b, uint64_t below);

/*
 * A batch to be read from, the caller's from then on; `from`: what was not read yet. It was read
 * ahead, and may begin before `from`, or it holds what is still to be written. NULL: none yet,
 * on_event follows; packets below `*read_to` that were never in a batch are lost.
 */
struct spool_batch *spool_thread_take(struct spool_thread *t, uint64_t from, uint64_t *read_to);
/* True when spool_thread_take() has one, or knows of more that are lost. */
bool spool_thread_has(struct spool_thread *t, uint64_t from);

/* Bytes that were counted by spool_thread_add() and are not written yet. */
uint64_t spool_thread_pending(const struct spool_thread *t);
void spool_thread_add(struct spool_thread *t, uint64_t bytes);
/* Bytes of the files. */
uint64_t spool_thread_on_disk(const struct spool_thread *t);
/* True while the disk takes nothing more. */
bool spool_thread_refused(const struct spool_thread *t);

/* on_event follows once all that was given is written, or the disk has refused it. */
void spool_thread_ask(struct spool_thread *t);

/*
 * Waits until no more than `pending` bytes wait, or the disk refuses. False: it hangs (see
 * spool_patience.h), and nothing is waited for until it goes on.
 */
bool spool_thread_wait(struct spool_thread *t, uint64_t pending);

/*
 * Waits until all that was given, up to this number, is written and synced, or the disk hangs. What
 * could not be written is given up: how many packets.
 */
uint64_t spool_thread_flush(struct spool_thread *t, uint64_t end);

/* What the two before have found, the last time. */
bool spool_thread_hangs(const struct spool_thread *t);

/* New values of what spool_disk_new() was given. */
void spool_thread_set_limits(struct spool_thread *t, uint64_t segment_size, uint32_t sync_ms);

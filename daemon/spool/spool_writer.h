/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes packets behind the last file of a spool, and begins and ends files. For spool_disk.c
 * alone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "spool/spool_batch.h"
#include "spool/spool_list.h"
#include "spool/spool_sync.h"

struct spool_writer;

/* Both are borrowed. 0 or -ENOMEM. */
int spool_writer_new(struct spool_writer **out, struct spool_list *list, struct spool_sync *sync);
/* Ends the open file. NULL is legal. */
void spool_writer_free(struct spool_writer *w);

/* From now on a file ends when it has this size, and is synced then if `sync_ended`. */
void spool_writer_set_limits(struct spool_writer *w, uint64_t segment_size, bool sync_ended);

/* As spool_disk_write(): what is written is in the list. */
int spool_writer_write(struct spool_writer *w, struct spool_batch *b);

/* The file that is being written; NULL: none, or none any more. */
const struct spool_segment *spool_writer_open(const struct spool_writer *w);

/* What follows goes to a new file. */
void spool_writer_end(struct spool_writer *w);
/* The same, when the open file is to be removed. There must be one. */
void spool_writer_let_go(struct spool_writer *w);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that forces the files of a spool to the disk and closes them, so that a sync which
 * takes long holds up no write. For spool_disk.c alone; one thread at a time calls it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "spool/spool_dir.h"

struct spool_sync;

/* `dir` is borrowed; `interval_ms` as below. 0 or -errno. */
int spool_sync_new(struct spool_sync **out, struct spool_dir *dir, uint32_t interval_ms);
/* Waits until what was handed over is synced and closed, then ends the thread. NULL is legal. */
void spool_sync_free(struct spool_sync *s);

/*
 * What is written is forced to the disk at least this often, as long as the disk can; a failure is
 * logged, not too often, and tried again as often. 0: not at all but by spool_sync_all().
 */
void spool_sync_set_interval(struct spool_sync *s, uint32_t interval_ms);

/* The open file holds so many bytes by now. Its fd is to be closed by spool_sync_close() alone. */
void spool_sync_written(struct spool_sync *s, int fd, uint64_t bytes);
/* The position changed. */
void spool_sync_noted(struct spool_sync *s);

/*
 * The open file has ended: its fd is taken over, synced first when `sync` says so, and closed,
 * after those of before. Waits only while very many files do so already.
 */
void spool_sync_close(struct spool_sync *s, int fd, bool sync);

/* Forces all that was written to the disk, and waits for it. */
void spool_sync_all(struct spool_sync *s);

/* Grows as long as the disk goes on, also within a sync of much. For any thread. */
uint64_t spool_sync_steps(const struct spool_sync *s);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the loop waits for a thread that works on the disk, and whose the memory is when that
 * hangs and the thread is left to itself. For spool_thread.c alone: it is a part of that thread,
 * and borrows its lock.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Without a step for so long the disk hangs, until there is one after all. */
#define SPOOL_PATIENCE_MS 4000

struct spool_patience {
	pthread_t thread;
	pthread_mutex_t *lock;
	pthread_cond_t done;
	_Atomic uint64_t steps;
	atomic_bool left; /* see thread_leave() */
	bool hangs;       /* the loop's: it does, and nothing is waited for */
	uint64_t hung_at; /* steps by then */
};

/* Starts the thread; `p` is all zero before. 0 or -errno; spool_patience_clear() follows. */
int spool_patience_start(struct spool_patience *p, pthread_mutex_t *lock, void *(*run)(void *arg),
			 void *arg);
void spool_patience_clear(struct spool_patience *p);

/* ---- the thread's ---- */

/* Some of its work is done. */
void spool_patience_step(struct spool_patience *p);
/* Its last word. True: nobody waits for it, and what it used is its own to free. */
bool spool_patience_end(struct spool_patience *p);

/* ---- the loop's ---- */

/* What one waiting remembers; {0} at its start. */
struct spool_waiting {
	uint64_t steps, until;
};

/*
 * Under the lock: waits for a step, or longer; `others`: steps of other threads at the same disk,
 * by a count that grows. False: the disk hangs.
 */
bool spool_patience_wait(struct spool_patience *p, struct spool_waiting *w, uint64_t others);
/* Waits until the thread ends, as it was told to. False: it does not, and is left to itself. */
bool spool_patience_join(struct spool_patience *p);

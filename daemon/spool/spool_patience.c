/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nobody can end a thread that waits for a disk. So it is abandoned, with the memory that it uses.
 */
#include "spool/spool_patience.h"

#include "base/thread.h"

int spool_patience_start(struct spool_patience *p, pthread_mutex_t *lock, void *(*run)(void *arg),
			 void *arg)
{
	int r = thread_cond_init(&p->done);

	p->lock = lock;
	return r < 0 ? r : thread_start(&p->thread, run, arg);
}

void spool_patience_clear(struct spool_patience *p)
{
	pthread_cond_destroy(&p->done);
}

void spool_patience_step(struct spool_patience *p)
{
	atomic_fetch_add(&p->steps, 1);
	pthread_cond_broadcast(&p->done);
}

bool spool_patience_end(struct spool_patience *p)
{
	return thread_leave(&p->left);
}

bool spool_patience_wait(struct spool_patience *p, struct spool_waiting *w, uint64_t others)
{
	uint64_t steps = atomic_load(&p->steps) + others;

	p->hangs &= steps == p->hung_at;
	if (!w->until || steps != w->steps)
		w->until = thread_now_ms() + SPOOL_PATIENCE_MS;
	w->steps = steps;
	p->hangs |= thread_now_ms() >= w->until;
	p->hung_at = steps;
	if (!p->hangs)
		thread_cond_wait(&p->done, p->lock, w->until);
	return !p->hangs;
}

bool spool_patience_join(struct spool_patience *p)
{
	return thread_join_or_leave(p->thread, p->hangs ? 0 : SPOOL_PATIENCE_MS, &p->left);
}

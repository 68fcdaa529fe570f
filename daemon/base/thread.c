/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

static struct {
	pthread_t *threads;
	size_t n, room;
	bool unknown; /* one had to be forgotten */
} abandoned;

int thread_start(pthread_t *out, void *(*run)(void *arg), void *arg)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(out, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

uint64_t thread_now_ms(void)
{
	return (uint64_t)clock_ns(CLOCK_MONOTONIC) / 1000000;
}

bool thread_join_within(pthread_t thread, unsigned int ms)
{
	const struct timespec ts = clock_timespec(thread_now_ms() + ms);

	return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &ts) == 0;
}

/* Those that have ended need no memory any more: a service abandons some in each long outage. */
static void reap(void)
{
	size_t left = 0;

	for (size_t i = 0; i < abandoned.n; i++)
		if (pthread_tryjoin_np(abandoned.threads[i], NULL) != 0)
			abandoned.threads[left++] = abandoned.threads[i];
	abandoned.n = left;
}

static bool make_room(void)
{
	size_t room = abandoned.room ? abandoned.room * 2 : 8;
	pthread_t *threads;

	if (abandoned.n < abandoned.room)
		return true;
	threads = reallocarray(abandoned.threads, room, sizeof(*threads));
	if (!threads)
		return false;
	abandoned.threads = threads;
	abandoned.room = room;
	return true;
}

void thread_abandon(pthread_t thread)
{
	reap();
	if (make_room()) {
		abandoned.threads[abandoned.n++] = thread;
		return;
	}
	pthread_detach(thread);
	abandoned.unknown = true;
}

bool thread_leave(atomic_bool *left)
{
	return atomic_exchange(left, true);
}

bool thread_join_or_leave(pthread_t thread, unsigned int ms, atomic_bool *left)
{
	if (thread_join_within(thread, ms))
		return true;
	thread_abandon(thread);
	return thread_leave(left);
}

bool thread_may_exit(void)
{
	reap();
	return abandoned.n == 0 && !abandoned.unknown;
}

int thread_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	int r = pthread_condattr_init(&attr);

	if (r)
		return -r;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	r = pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
	return -r;
}

void thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ms)
{
	const struct timespec ts = clock_timespec(until_ms);

	if (until_ms == UINT64_MAX)
		pthread_cond_wait(cond, lock);
	else
		pthread_cond_timedwait(cond, lock, &ts);
}

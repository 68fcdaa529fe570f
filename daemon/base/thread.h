/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pthreads leave out. All that abandons and thread_may_exit() are called by one thread, the
 * loop's; the rest by any.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* pthread_create(3) of a thread that gets no signals: those are the loop's. 0 or -errno. */
int thread_start(pthread_t *out, void *(*run)(void *arg), void *arg);

/* pthread_join(3) for at most `ms`. False: the thread still runs, and is joinable. */
bool thread_join_within(pthread_t thread, unsigned int ms);

/*
 * Instead of pthread_detach(3): nobody waits for this thread any more. It may be in a library that
 * uses the process's globals, so the process must not run its exit handlers under it.
 */
void thread_abandon(pthread_t thread);

/*
 * Memory that a thread and its owner use both, until one of them leaves: whoever comes second frees
 * it. `left` is in it, false at first. The thread's last word is thread_leave(); true: the owner
 * has left, and the thread frees. The owner asks it to end, and waits for `ms`; true: it has ended,
 * and the owner frees. Else the thread is abandoned, and what it uses stays its own.
 */
bool thread_leave(atomic_bool *left);
bool thread_join_or_leave(pthread_t thread, unsigned int ms, atomic_bool *left);

/* True when no thread that was abandoned still runs: exit(3) is safe. Else _exit(2) is. */
bool thread_may_exit(void);

/* CLOCK_MONOTONIC. */
uint64_t thread_now_ms(void);

/* pthread_cond_init(3) by that clock. 0 or -errno. */
int thread_cond_init(pthread_cond_t *cond);
/* pthread_cond_timedwait(3) until thread_now_ms() says so; UINT64_MAX: until it is signalled. */
void thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ms);

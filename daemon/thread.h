/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pthreads leave out. All of it is called by one thread, the loop's.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

/* pthread_join(3) for at most `ms`. False: the thread still runs, and is joinable. */
bool thread_join_within(pthread_t thread, unsigned int ms);

/*
 * Instead of pthread_detach(3): nobody waits for this thread any more. It may be in a library that
 * uses the process's globals, so the process must not run its exit handlers under it.
 */
void thread_abandon(pthread_t thread);

/* True when no thread that was abandoned still runs: exit(3) is safe. Else _exit(2) is. */
bool thread_may_exit(void);

/* SPDX-License-Identifier: Apache-2.0 */
/* How long the ends of threads are waited for, without a clock that a busy machine holds up. */
#pragma once

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "base/thread.h"

static int64_t granted_ms; /* that were left for them when they were asked for */
static int granted;        /* how often */

/* In place of libc's. */
int pthread_clockjoin_np(pthread_t thread, void **result, clockid_t clock,
			 const struct timespec *until)
{
	int (*join)(pthread_t, void **, clockid_t, const struct timespec *);

	*(void **)&join = dlsym(RTLD_NEXT, "pthread_clockjoin_np");
	granted++;
	granted_ms += until->tv_sec * 1000 + until->tv_nsec / 1000000 - (int64_t)thread_now_ms();
	return join(thread, result, clock, until);
}

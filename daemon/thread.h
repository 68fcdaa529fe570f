/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pthreads leave out.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

/* pthread_join(3) for at most `ms`. False: the thread still runs, and is joinable. */
bool thread_join_within(pthread_t thread, unsigned int ms);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time read, and time to wait.
 */
#pragma once

#include <stdint.h>
#include <time.h>

/* clock_gettime(2) as one number: nanoseconds. */
int64_t clock_ns(clockid_t id);

/* A time in milliseconds, as those take it that wait until then. */
struct timespec clock_timespec(uint64_t ms);

/*
 * How long to wait before the next try of what fails: `first`, twice as long each time, `most` in
 * the end. `last` is how long it was the last time; 0: there was none. Any unit.
 */
double clock_backoff(double last, double first, double most);

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#define NS_PER_S 1000000000

int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

struct timespec clock_timespec(uint64_t ms)
{
	return (struct timespec){.tv_sec = (time_t)(ms / 1000),
				 .tv_nsec = (long)(ms % 1000) * 1000000};
}

double clock_backoff(double last, double first, double most)
{
	if (last <= 0)
		return first;
	return last * 2 < most ? last * 2 : most;
}

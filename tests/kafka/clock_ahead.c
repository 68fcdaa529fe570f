/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded, it puts the wall clock of a process an hour ahead for as long as the file that
 * $CLOCK_AHEAD names exists: its removal is the clock being set back. Packets are stamped by the
 * kernel and keep the right time.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *ts)
{
	const char *path = getenv("CLOCK_AHEAD");
	int r = (int)syscall(SYS_clock_gettime, id, ts);

	if (r == 0 && id == CLOCK_REALTIME && path && access(path, F_OK) == 0)
		ts->tv_sec += 3600;
	return r;
}

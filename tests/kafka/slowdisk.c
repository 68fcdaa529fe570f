/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a program: a disk that takes about 4 MB a second. The spool writes its segments
 * with pwrite(), which is pwrite64() here as there: meson builds both for large files.
 */
#include <dlfcn.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_BYTE 250

ssize_t pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	static ssize_t (*real)(int, const void *, size_t, off_t);
	struct timespec pause;
	ssize_t n;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
	n = real(fd, buf, len, offset);
	if (n > 0) {
		pause.tv_sec = n * NS_PER_BYTE / 1000000000;
		pause.tv_nsec = n * NS_PER_BYTE % 1000000000;
		nanosleep(&pause, NULL);
	}
	return n;
}

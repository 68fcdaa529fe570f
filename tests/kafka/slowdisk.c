/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a program: a disk that takes about 4 MB a second, and nothing while the file that
 * SLOWDISK_FROZEN names is there, as a file system that is frozen. The spool writes its segments
 * with pwrite(), which is pwrite64() here as there: meson builds both for large files. fsync() is
 * held up by the same file.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_BYTE 250

static void wait_while_frozen(void)
{
	const char *frozen = getenv("SLOWDISK_FROZEN");
	const struct timespec pause = {.tv_nsec = 10000000};

	while (frozen && access(frozen, F_OK) == 0)
		nanosleep(&pause, NULL);
}

int fsync(int fd)
{
	static int (*real)(int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "fsync");
	wait_while_frozen();
	return real(fd);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	static ssize_t (*real)(int, const void *, size_t, off_t);
	struct timespec pause;
	ssize_t n;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
	wait_while_frozen();
	n = real(fd, buf, len, offset);
	if (n > 0) {
		pause.tv_sec = n * NS_PER_BYTE / 1000000000;
		pause.tv_nsec = n * NS_PER_BYTE % 1000000000;
		nanosleep(&pause, NULL);
	}
	return n;
}

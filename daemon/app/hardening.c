/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core limit is 1 byte and not 0: core(5) ignores a limit of 0 when core_pattern is a pipe
 * (systemd-coredump), but a limit of 1 makes the kernel refuse pipes too, and it is too small for
 * a file. PR_SET_DUMPABLE would do the same, but gives our /proc entries to root, so that neither
 * `ss -p` nor a debugger of the same user works, nor a sanitizer's leak check.
 */
#include "app/hardening.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * Whoever starts us may have closed some. What is opened next would get the number: a capture file
 * that log lines go into. So they are opened for the direction that nobody uses.
 */
static int reserve_descriptors(void)
{
	static const int modes[] = {
		[STDIN_FILENO] = O_WRONLY,
		[STDOUT_FILENO] = O_RDONLY,
		[STDERR_FILENO] = O_RDONLY,
	};

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) < 0 &&
		    open("/", O_PATH) < 0)
			return -errno;
	return 0;
}

int hardening_get_descriptors(unsigned int wanted, unsigned int *got)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return 0;
	*got = (unsigned int)limit.rlim_cur;
	limit.rlim_cur = wanted;
	return limit.rlim_max >= wanted && setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : -EMFILE;
}

int hardening_apply(void)
{
	const struct rlimit no_core = {.rlim_cur = 1, .rlim_max = 1};

	/* A hard limit of 0 (sudo's default) cannot be raised, and does not stop a pipe. */
	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* A file that may grow no more is told by write(2), as a full disk is. kinit.c undoes it.
	 */
	signal(SIGXFSZ, SIG_IGN);
	/* A parent that ignores it would have system(3) lose the exit status of a kinit. */
	signal(SIGCHLD, SIG_DFL);
	return reserve_descriptors();
}

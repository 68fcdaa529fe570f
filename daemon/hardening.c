/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core limit is 1 byte and not 0: core(5) ignores a limit of 0 when core_pattern is a pipe
 * (systemd-coredump), but a limit of 1 makes the kernel refuse pipes too, and it is too small for
 * a file. PR_SET_DUMPABLE would do the same, but gives our /proc entries to root, so that neither
 * `ss -p` nor a debugger of the same user works, nor a sanitizer's leak check.
 */
#include "hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>

void hardening_apply(void)
{
	const struct rlimit no_core = {.rlim_cur = 1, .rlim_max = 1};
	const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

	/* Where the hard limit is 0 already it cannot be raised, and need not be. */
	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		setrlimit(RLIMIT_CORE, &none);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process gives up at its start, so that secrets and rights stay inside it; and what it
 * makes sure of.
 */
#pragma once

/*
 * Switches core dumps off (they would hold packets, passwords and keys) and empties the ambient
 * capability set, so that no program we start inherits CAP_NET_RAW; our own capabilities stay.
 * What of that cannot be done is no reason to stop.
 *
 * Descriptors 0, 1 and 2 that are closed are opened so that each use of them fails (EBADF).
 * Returns 0, or -errno when they cannot be: nothing must be opened then.
 *
 * Call it first in main(), before any thread.
 */
int hardening_apply(void);

/*
 * Makes sure that files with numbers below `wanted` may be opened, raising the soft limit when the
 * hard one lets us. Returns 0, or -EMFILE: only those below *got may be.
 */
int hardening_get_descriptors(unsigned int wanted, unsigned int *got);

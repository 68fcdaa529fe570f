/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process gives up at its start, so that secrets and rights stay inside it.
 */
#pragma once

/*
 * Switches core dumps off (they would hold packets, passwords and keys) and empties the ambient
 * capability set, so that no program we start inherits CAP_NET_RAW; our own capabilities stay.
 * Call it first in main(), before any thread. What cannot be done is no reason to stop.
 */
void hardening_apply(void);

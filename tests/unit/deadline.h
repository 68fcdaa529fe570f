/* SPDX-License-Identifier: Apache-2.0 */
/* How long a test waits for what comes in any case, in seconds: a machine may be very busy. */
#pragma once

#define DEADLINE_S 60

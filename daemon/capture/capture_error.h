/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be done about a capture that cannot be opened. */
#pragma once

#include <stdbool.h>

/* The interface is missing or down. */
bool capture_is_away(int r);
/* -EINVAL, -ENODEV, -EPERM, -EIO for a capture_error; an errno as it is. */
int capture_errno(int r);

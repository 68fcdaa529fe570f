/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_error.h"

#include <errno.h>

#include "capture/capture_types.h"

bool capture_is_away(int r)
{
	return r == CAPTURE_E_MISSING || r == CAPTURE_E_DOWN;
}

int capture_errno(int r)
{
	switch (r) {
	case CAPTURE_E_MISSING:
	case CAPTURE_E_DOWN:
		return -ENODEV;
	case CAPTURE_E_PERMISSION:
		return -EPERM;
	case CAPTURE_E_FILTER:
	case CAPTURE_E_NAME:
		return -EINVAL;
	default:
		return r < 0 ? r : -EIO;
	}
}

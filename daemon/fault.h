/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the faults of settings go, one line each: stderr at start, the log at a reload.
 */
#pragma once

#include <stddef.h>

struct faults {
	void (*report)(void *ctx, const char *line); /* called once a fault, without a newline */
	void *ctx;
	size_t count;
};

/*
 * Reports `where: text` (only `text` when where is NULL) and counts it. Text that comes from a
 * user may hold anything: control characters become '?', so that a fault stays one line.
 */
void fault_add(struct faults *faults, const char *where, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

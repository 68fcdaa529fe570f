/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the faults of settings go, one line each: stderr at start, the log at a reload.
 */
#pragma once

#include <stddef.h>

struct faults {
	/* Called once a fault; `where` is NULL when it has no place, `text` ends without a newline
	 */
	void (*report)(void *ctx, const char *where, const char *text);
	void *ctx;
	size_t count;
};

/*
 * Reports a fault and counts it. Text that comes from a user may hold anything: control
 * characters become '?', so that a fault stays one line; behind the name of a secret property and
 * a '=' it is masked.
 */
void config_faults_add(struct faults *faults, const char *where, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Appends a fault as a line of its own to a text of faults, "" at first. When it does not fit, the
 * last line says that there are more.
 */
void config_faults_append(char *buf, size_t size, const char *line);

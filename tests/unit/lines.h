/* SPDX-License-Identifier: Apache-2.0 */
/* What is logged, caught until it is released or the test ends. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
	int fd, stderr_fd; /* 0: none */
	char text[65536];
} lines;

static inline void lines_catch(void)
{
	lines.fd = memfd_create("lines", MFD_CLOEXEC);
	lines.stderr_fd = dup(STDERR_FILENO);
	assert_true(lines.fd >= 0 && lines.stderr_fd >= 0);
	assert_int_equal(dup2(lines.fd, STDERR_FILENO), STDERR_FILENO);
}

/* How many of them hold this. */
static inline unsigned int lines_with(const char *what)
{
	ssize_t n = pread(lines.fd, lines.text, sizeof(lines.text) - 1, 0);
	unsigned int found = 0;

	assert_true(n >= 0);
	lines.text[n] = '\0';
	for (const char *at = lines.text; (at = strstr(at, what)); at++)
		found++;
	return found;
}

static inline void lines_release(void)
{
	if (!lines.fd)
		return;
	dup2(lines.stderr_fd, STDERR_FILENO);
	close(lines.stderr_fd);
	close(lines.fd);
	lines.fd = 0;
}

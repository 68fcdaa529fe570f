/* SPDX-License-Identifier: Apache-2.0 */
/* A file as it comes to `-r`, compressed or not: it is read to its end, or to one that is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/readfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", 0), r;
	char path[64], why[512] = "";
	struct readfile *f;
	struct packet pkt;
	uint64_t n = 0;

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	must(readfile_new(&f, path, NULL) == 0);
	r = readfile_open(f, why, sizeof(why));
	if (r == 0) {
		while ((r = readfile_next(f, &pkt, why, sizeof(why))) == 1)
			n++;
		must(readfile_counts(f)->packets == n);
	}
	must((r == 0) == (why[0] == '\0') && r <= 0);
	must(r == 0 || !strncmp(why, path, strlen(path)));
	readfile_free(f);
	close(fd);
	return 0;
}

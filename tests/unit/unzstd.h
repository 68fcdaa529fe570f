/* SPDX-License-Identifier: Apache-2.0 */
/* What a compressed file holds, as far as it goes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#define UNZSTD_MAX (8 * 1024 * 1024)

/* `len` bytes into `out`, which has room for `size`. Returns how many they make, SIZE_MAX: they are
 * damaged; `*whole`: they are one frame that ends. */
static inline size_t unzstd(const void *data, size_t len, uint8_t *out, size_t size, bool *whole)
{
	ZSTD_DCtx *z = ZSTD_createDCtx();
	ZSTD_inBuffer from = {.src = data, .size = len};
	ZSTD_outBuffer to = {.dst = out, .size = size};
	size_t r = 1, before;

	do {
		before = from.pos + to.pos;
		r = ZSTD_decompressStream(z, &to, &from);
	} while (!ZSTD_isError(r) && r != 0 && from.pos + to.pos > before);
	ZSTD_freeDCtx(z);
	*whole = r == 0 && from.pos == len;
	return ZSTD_isError(r) ? SIZE_MAX : to.pos;
}

/* The same of a file, into memory that the caller frees. */
static inline uint8_t *unzstd_file(const char *path, size_t *len, bool *whole)
{
	uint8_t *data = malloc(UNZSTD_MAX), *out = malloc(UNZSTD_MAX);
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(data, 1, UNZSTD_MAX, f) : 0;

	if (f)
		fclose(f);
	*len = unzstd(data, n, out, UNZSTD_MAX, whole);
	free(data);
	return out;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressed data as a stream: gzip (RFC 1952), zstd (RFC 8878), lz4 (its frame format). Pure:
 * bytes in, bytes out. Members or frames one behind the other are one stream, as for zcat and the
 * like.
 *
 * What pycapa was built without a library for, and other formats, it knows by name only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNPACK_MAGIC_MAX 6 /* bytes that tell the format */

struct unpack_format;

/* The format of data that begin so; NULL: none that is known. */
const struct unpack_format *unpack_find(const uint8_t *p, size_t len);
const char *unpack_name(const struct unpack_format *format);    /* "gzip" */
const char *unpack_command(const struct unpack_format *format); /* "zcat", for a shell */

struct unpack;

/* 0, -ENOMEM, or -ENOTSUP: not with this build. */
int unpack_new(struct unpack **out, const struct unpack_format *format);
/* NULL is legal. */
void unpack_free(struct unpack *u);

struct unpack_buffers {
	const uint8_t *in;
	uint8_t *out;
	size_t in_len, out_len; /* what is left of either; both move on */
};

/*
 * Takes what it can, puts what it can: when it has put nothing, it wants more. 0; -EBADMSG: the
 * data are damaged, `*why` says how.
 */
int unpack_run(struct unpack *u, struct unpack_buffers *b, const char **why);

/* The data may end here: nothing began that did not end. */
bool unpack_is_complete(const struct unpack *u);

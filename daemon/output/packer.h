/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream that is compressed on its way to a descriptor, as one frame of zstd (RFC 8878). What is
 * given at a time goes as one piece, which can be unpacked while nothing follows yet: a file whose
 * writer died, or whose disk failed, can be unpacked as far as it goes.
 *
 * It takes about 6 MiB while the stream is open, and the caller's time: a piece is packed at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "output/descriptor.h"

struct packer;

/* Returns 0, -ENOMEM, or -ENOTSUP: not with this build. */
int packer_new(struct packer **out);
/* NULL is legal. */
void packer_free(struct packer *p);

/*
 * As descriptor_write(): returns how many of the bytes are written, -EAGAIN or -errno. The bytes
 * are to be the same when it is tried again; more may follow them, but for STREAM_LIMIT +
 * STREAM_RECORD_MAX in all. `last`: they end the stream.
 */
ssize_t packer_write(struct packer *p, const struct descriptor *d, const void *data, size_t len,
		     bool last);

/* Something is packed, and cannot be changed any more. */
bool packer_has_begun(const struct packer *p);
/* The end of the stream is written. */
bool packer_is_done(const struct packer *p);
/* Bytes that are written of a piece that is not written whole. */
size_t packer_partial(const struct packer *p);

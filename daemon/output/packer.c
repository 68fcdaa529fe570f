/* SPDX-License-Identifier: Apache-2.0 */
#include "output/packer.h"

#include <errno.h>
#include <stdlib.h>

#include "output/write_buffer.h"
#include "version.h"

#if PYCAPA_ZSTD

#include <zstd.h>
#include <zstd_errors.h>

/* Beside what the bytes need: the frame's header, its checksum, and the last block. */
#define FRAME_ROOM 1024

struct packer {
	ZSTD_CCtx *z;
	size_t room;
	size_t head, tail; /* of the piece that is being written */
	size_t taken;      /* bytes that it was made of */
	bool begun, pending, last, done;
	char out[];
};

int packer_new(struct packer **out)
{
	size_t room = ZSTD_compressBound(STREAM_LIMIT + STREAM_RECORD_MAX) + FRAME_ROOM;
	struct packer *p = malloc(sizeof(*p) + room);

	if (!p)
		return -ENOMEM;
	*p = (struct packer){.z = ZSTD_createCCtx(), .room = room};
	if (!p->z || ZSTD_isError(ZSTD_CCtx_setParameter(p->z, ZSTD_c_checksumFlag, 1))) {
		packer_free(p);
		return -ENOMEM;
	}
	*out = p;
	return 0;
}

void packer_free(struct packer *p)
{
	if (!p)
		return;
	ZSTD_freeCCtx(p->z);
	free(p);
}

/* Makes a piece of them, whole. */
static int pack(struct packer *p, const void *data, size_t len, bool last)
{
	ZSTD_inBuffer in = {.src = data, .size = len};
	ZSTD_outBuffer out = {.dst = p->out, .size = p->room};
	size_t r = ZSTD_compressStream2(p->z, &out, &in, last ? ZSTD_e_end : ZSTD_e_flush);

	if (ZSTD_isError(r))
		return ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation ? -ENOMEM : -EIO;
	if (r || in.pos < in.size) /* it has room for all */
		return -EIO;
	p->head = 0;
	p->tail = out.pos;
	p->taken = len;
	p->last = last;
	p->begun = p->pending = true;
	return 0;
}

ssize_t packer_write(struct packer *p, const struct descriptor *d, const void *data, size_t len,
		     bool last)
{
	ssize_t n = p->pending ? 0 : pack(p, data, len, last);

	if (n < 0)
		return n;
	while (p->head < p->tail) {
		n = descriptor_write(d, p->out + p->head, p->tail - p->head);
		if (n < 0)
			return n;
		p->head += (size_t)n;
	}
	p->pending = false;
	p->done = p->last;
	return (ssize_t)p->taken;
}

bool packer_has_begun(const struct packer *p)
{
	return p->begun;
}

bool packer_is_done(const struct packer *p)
{
	return p->done;
}

size_t packer_partial(const struct packer *p)
{
	return p->pending ? p->head : 0;
}

#else

int packer_new(struct packer **out)
{
	return -ENOTSUP;
}

void packer_free(struct packer *p)
{
}

ssize_t packer_write(struct packer *p, const struct descriptor *d, const void *data, size_t len,
		     bool last)
{
	return -ENOTSUP;
}

bool packer_has_begun(const struct packer *p)
{
	return false;
}

bool packer_is_done(const struct packer *p)
{
	return true;
}

size_t packer_partial(const struct packer *p)
{
	return 0;
}

#endif

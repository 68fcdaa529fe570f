/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "version.h"

#if PYCAPA_ZLIB
#include <zlib.h>
#endif
#if PYCAPA_ZSTD
#include <zstd.h>
#endif
#if PYCAPA_LZ4
#include <lz4frame.h>
#endif

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct unpack {
	const struct unpack_format *format;
	void *state; /* the library's */
	bool complete;
};

/* What differs between the libraries; all NULL: there is none. */
struct unpack_format {
	const char *name, *command;
	uint8_t len, magic[UNPACK_MAGIC_MAX];
	void *(*begin)(void);
	int (*run)(struct unpack *u, struct unpack_buffers *b, const char **why);
	void (*end)(void *state);
};

/* ---- gzip ---- */

#if PYCAPA_ZLIB

#define GZIP_WINDOW (15 + 16) /* the largest; gzip's header, not zlib's */
#define GZIP_FIRST  0x1f

static void *begin_gzip(void)
{
	z_stream *z = calloc(1, sizeof(*z));

	if (z && inflateInit2(z, GZIP_WINDOW) != Z_OK) {
		free(z);
		z = NULL;
	}
	return z;
}

static void end_gzip(void *state)
{
	inflateEnd(state);
	free(state);
}

/* Behind a member: another one, or the zeros that fill up a block of a tape. */
static int next_member(struct unpack *u, struct unpack_buffers *b, const char **why)
{
	while (b->in_len > 0 && *b->in == 0) {
		b->in++;
		b->in_len--;
	}
	if (b->in_len == 0)
		return 0;
	if (*b->in != GZIP_FIRST) {
		*why = "something else follows";
		return -EBADMSG;
	}
	u->complete = false;
	return inflateReset(u->state) == Z_OK ? 0 : -EBADMSG;
}

static int run_gzip(struct unpack *u, struct unpack_buffers *b, const char **why)
{
	z_stream *z = u->state;
	int r;

	if (u->complete && (r = next_member(u, b, why)) < 0)
		return r;
	z->next_in = (uint8_t *)b->in;
	z->avail_in = (uInt)b->in_len;
	z->next_out = b->out;
	z->avail_out = (uInt)b->out_len;
	r = u->complete ? Z_OK : inflate(z, Z_NO_FLUSH);
	b->in = z->next_in;
	b->in_len = z->avail_in;
	b->out = z->next_out;
	b->out_len = z->avail_out;
	u->complete = u->complete || r == Z_STREAM_END;
	if (z->msg)
		*why = z->msg;
	return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? 0 : -EBADMSG;
}
#define GZIP begin_gzip, run_gzip, end_gzip
#else
#define GZIP NULL, NULL, NULL
#endif

/* ---- zstd ---- */

#if PYCAPA_ZSTD

#define ZSTD_WINDOW_LOG 27 /* 128 MiB; more only with `zstd --ultra --long=...` */

static void *begin_zstd(void)
{
	ZSTD_DCtx *z = ZSTD_createDCtx();

	if (z)
		ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
	return z;
}

static void end_zstd(void *state)
{
	ZSTD_freeDCtx(state);
}

static int run_zstd(struct unpack *u, struct unpack_buffers *b, const char **why)
{
	ZSTD_inBuffer in = {.src = b->in, .size = b->in_len};
	ZSTD_outBuffer out = {.dst = b->out, .size = b->out_len};
	size_t r = ZSTD_decompressStream(u->state, &out, &in);

	b->in += in.pos;
	b->in_len -= in.pos;
	b->out += out.pos;
	b->out_len -= out.pos;
	if (ZSTD_isError(r)) {
		*why = ZSTD_getErrorName(r);
		return -EBADMSG;
	}
	if (in.pos || out.pos) /* else it only asks for the next frame */
		u->complete = r == 0;
	return 0;
}
#define ZSTD begin_zstd, run_zstd, end_zstd
#else
#define ZSTD NULL, NULL, NULL
#endif

/* ---- lz4 ---- */

#if PYCAPA_LZ4

static void *begin_lz4(void)
{
	LZ4F_dctx *z = NULL;

	return LZ4F_isError(LZ4F_createDecompressionContext(&z, LZ4F_VERSION)) ? NULL : z;
}

static void end_lz4(void *state)
{
	LZ4F_freeDecompressionContext(state);
}

static int run_lz4(struct unpack *u, struct unpack_buffers *b, const char **why)
{
	size_t in = b->in_len, out = b->out_len;
	size_t r = LZ4F_decompress(u->state, b->out, &out, b->in, &in, NULL);

	if (LZ4F_isError(r)) {
		*why = LZ4F_getErrorName(r);
		return -EBADMSG;
	}
	b->in += in;
	b->in_len -= in;
	b->out += out;
	b->out_len -= out;
	if (in || out)
		u->complete = r == 0;
	return 0;
}
#define LZ4 begin_lz4, run_lz4, end_lz4
#else
#define LZ4 NULL, NULL, NULL
#endif

/* ---- formats ---- */

static const struct unpack_format FORMATS[] = {
	{"gzip", "zcat", 2, {0x1f, 0x8b}, GZIP},
	{"zstd", "zstdcat --long=31", 4, {0x28, 0xb5, 0x2f, 0xfd}, ZSTD},
	{"lz4", "lz4cat", 4, {0x04, 0x22, 0x4d, 0x18}, LZ4},
	{"lz4", "lz4cat", 4, {0x02, 0x21, 0x4c, 0x18}, NULL, NULL, NULL}, /* before its frames */
	{"compress", "zcat", 2, {0x1f, 0x9d}, NULL, NULL, NULL},
	{"xz", "xzcat", 6, {0xfd, '7', 'z', 'X', 'Z', 0}, NULL, NULL, NULL},
	{"bzip2", "bzcat", 3, {'B', 'Z', 'h'}, NULL, NULL, NULL},
	{"zip", "unzip -p", 4, {'P', 'K', 3, 4}, NULL, NULL, NULL},
};

const struct unpack_format *unpack_find(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < COUNT(FORMATS); i++)
		if (len >= FORMATS[i].len && !memcmp(p, FORMATS[i].magic, FORMATS[i].len))
			return &FORMATS[i];
	return NULL;
}

const char *unpack_name(const struct unpack_format *format)
{
	return format->name;
}

const char *unpack_command(const struct unpack_format *format)
{
	return format->command;
}

/* ---- life ---- */

int unpack_new(struct unpack **out, const struct unpack_format *format)
{
	struct unpack *u;

	if (!format->begin)
		return -ENOTSUP;
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->format = format;
	u->state = format->begin();
	if (!u->state) {
		free(u);
		return -ENOMEM;
	}
	*out = u;
	return 0;
}

void unpack_free(struct unpack *u)
{
	if (!u)
		return;
	u->format->end(u->state);
	free(u);
}

int unpack_run(struct unpack *u, struct unpack_buffers *b, const char **why)
{
	return u->format->run(u, b, why);
}

bool unpack_is_complete(const struct unpack *u)
{
	return u->complete;
}

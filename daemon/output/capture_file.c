/* SPDX-License-Identifier: Apache-2.0 */
#include "output/capture_file.h"

#include <errno.h>
#include <stdlib.h>

#define HEADER_HOLD_SEC 0.5
#define WRITE_SIZE      (128 * 1024) /* so many bytes are written without waiting for the batch */

struct capture_file {
	struct encoder *encoder;
	struct byte_stream *stream;
	struct ev_loop *loop;
	struct ev_timer hold; /* runs while the header waits for the first packet */
	void (*on_closed)(void *ctx, int err);
	void *ctx;
	bool untouched; /* it has no byte yet: even the header waits for the first packet */
	bool finished;  /* no packet comes any more */
	bool closed;    /* its end is put */
};

/* ---- writing ---- */

/* What follows the last packet. Returns false while there is no room for it. */
static bool put_end(struct capture_file *cf)
{
	size_t n = 1;

	while (!cf->closed && n) {
		uint8_t *room = byte_stream_reserve(cf->stream, ENCODER_END_SIZE);

		if (!room)
			return false;
		n = cf->encoder->ops->end(cf->encoder, room);
		byte_stream_append(cf->stream, n);
		cf->closed = n == 0;
	}
	return true;
}

static int write_out(struct capture_file *cf)
{
	int r;

	if (cf->untouched)
		return 0;
	while (cf->finished && !put_end(cf)) {
		r = byte_stream_flush(cf->stream);
		if (r)
			return r;
	}
	if (cf->finished)
		byte_stream_finish(cf->stream);
	return byte_stream_flush(cf->stream);
}

int capture_file_flush(struct capture_file *cf)
{
	return ev_is_active(&cf->hold) ? 0 : write_out(cf);
}

static void on_hold_over(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct capture_file *cf = w->data;
	int r = byte_stream_flush(cf->stream);

	if (r == STREAM_E_CLOSED || r < 0)
		cf->on_closed(cf->ctx, r < 0 ? r : 0);
}

bool capture_file_is_pressing(const struct capture_file *cf)
{
	return byte_stream_waiting(cf->stream) >= WRITE_SIZE;
}

/* ---- packets ---- */

/* Has the encoder change what there is so far, for a packet that does not fit it. */
static bool revise(struct capture_file *cf, const struct packet *pkt)
{
	const struct encoder_ops *ops = cf->encoder->ops;
	uint8_t header[ENCODER_HEADER_MAX], *packets;
	size_t len = 0;

	packets = ops->revise ? byte_stream_unwritten(cf->stream, &len) : NULL;
	if (!ops->revise || !ops->revise(cf->encoder, pkt, packets, len))
		return false;
	len = ops->header(cf->encoder, header);
	if (!packets || byte_stream_replace_header(cf->stream, header, len))
		return true;
	cf->on_closed(cf->ctx, -EIO);
	return false;
}

/* Bytes that the packet needs; 0: it cannot be there. */
static size_t size_of(struct capture_file *cf, const struct packet *pkt)
{
	size_t size = cf->encoder->ops->size(cf->encoder, pkt);

	return size || !revise(cf, pkt) ? size : cf->encoder->ops->size(cf->encoder, pkt);
}

int capture_file_reserve(struct capture_file *cf, const struct packet *pkt, uint8_t **room)
{
	size_t size = size_of(cf, pkt);

	if (!size)
		return CAPTURE_FILE_E_UNFIT;
	*room = byte_stream_reserve(cf->stream, size);
	return *room ? 0 : PACKET_E_FULL;
}

static void touch(struct capture_file *cf)
{
	cf->untouched = false;
	if (ev_is_active(&cf->hold))
		ev_timer_stop(cf->loop, &cf->hold);
}

void capture_file_put(struct capture_file *cf, uint8_t *room, const struct packet *pkt,
		      const struct pretty_origin *origin)
{
	byte_stream_commit(cf->stream, cf->encoder->ops->put(cf->encoder, room, pkt, origin));
	touch(cf);
}

void capture_file_note_losses(struct capture_file *cf, const struct packet *pkt)
{
	if (cf->encoder->ops->lost)
		cf->encoder->ops->lost(cf->encoder, pkt);
}

/* ---- blocks ---- */

bool capture_file_takes_blocks(const struct capture_file *cf)
{
	return cf->encoder->ops->put_block != NULL;
}

static void commit(void *ctx, size_t len)
{
	byte_stream_commit(ctx, len);
}

int capture_file_put_block(struct capture_file *cf, const struct plain_block *b)
{
	uint32_t ids[PLAIN_BLOCK_INTERFACES_MAX] = {0};
	size_t size = cf->encoder->ops->size_block(cf->encoder, b);
	uint8_t *room;

	if (!size || size > STREAM_RECORD_MAX)
		return BLOCK_E_EACH;
	room = byte_stream_reserve(cf->stream, size);
	if (!room)
		return PACKET_E_FULL;
	size = cf->encoder->ops->put_block(cf->encoder, room, b, ids);
	byte_stream_append(cf->stream, size);
	plain_block_copy(b, ids, room + size, commit, cf->stream);
	touch(cf);
	return 0;
}

/* ---- its end ---- */

int capture_file_end(struct capture_file *cf, bool whole)
{
	ev_timer_stop(cf->loop, &cf->hold);
	cf->finished = true;
	if (whole)
		cf->untouched = false;
	return write_out(cf);
}

int capture_file_settle(struct capture_file *cf, bool whole)
{
	return byte_stream_settle(cf->stream, whole);
}

bool capture_file_is_settling(const struct capture_file *cf)
{
	return byte_stream_is_settling(cf->stream);
}

const char *capture_file_part(const struct capture_file *cf)
{
	return byte_stream_part(cf->stream);
}

/* ---- what there is ---- */

const struct encoder *capture_file_encoder(const struct capture_file *cf)
{
	return cf->encoder;
}

uint64_t capture_file_written(const struct capture_file *cf)
{
	return byte_stream_written(cf->stream);
}

size_t capture_file_waiting(const struct capture_file *cf)
{
	return cf->untouched ? 0 : byte_stream_waiting(cf->stream);
}

uint64_t capture_file_size(const struct capture_file *cf)
{
	return byte_stream_size(cf->stream);
}

void capture_file_log_failure(const struct capture_file *cf)
{
	byte_stream_log_failure(cf->stream);
}

/* ---- life ---- */

static int begin(struct capture_file *cf, const struct capture_file_options *opt)
{
	uint8_t header[ENCODER_HEADER_MAX];
	bool stream = byte_stream_is_stream(cf->stream);
	int r;

	cf->closed = !cf->encoder->ops->end;
	byte_stream_put_header(cf->stream, header, cf->encoder->ops->header(cf->encoder, header));
	if (cf->encoder->ops->revise && stream && opt->hold) {
		ev_timer_start(cf->loop, &cf->hold);
		return 0;
	}
	/* What is packed cannot be changed when the first packet has come. */
	cf->untouched = opt->stream.path && !stream &&
			(opt->stream.has_end || (opt->stream.pack && cf->encoder->ops->revise));
	if (cf->untouched)
		return 0;
	r = byte_stream_flush(cf->stream);
	byte_stream_log_failure(cf->stream);
	return r < 0 ? r : 0;
}

int capture_file_new(struct capture_file **out, const struct capture_file_options *opt)
{
	struct capture_file *cf = calloc(1, sizeof(*cf));
	int r = -ENOMEM;

	if (!cf)
		return r;
	cf->loop = opt->stream.loop;
	cf->on_closed = opt->stream.on_closed;
	cf->ctx = opt->stream.ctx;
	ev_timer_init(&cf->hold, on_hold_over, HEADER_HOLD_SEC, 0);
	cf->hold.data = cf;
	cf->encoder =
		opt->format == CONFIG_FORMAT_PCAPNG ? pcapng_encoder_new() : pcap_encoder_new();
	if (cf->encoder)
		r = byte_stream_new(&cf->stream, &opt->stream);
	if (r == 0)
		r = begin(cf, opt);
	if (r < 0) {
		capture_file_free(cf);
		return r;
	}
	*out = cf;
	return 0;
}

void capture_file_free(struct capture_file *cf)
{
	if (!cf)
		return;
	ev_timer_stop(cf->loop, &cf->hold);
	byte_stream_free(cf->stream);
	if (cf->encoder)
		cf->encoder->ops->free(cf->encoder);
	free(cf);
}

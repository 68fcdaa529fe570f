/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capture's header goes out before Kafka is reached, but into the file of a run that has an
 * end: it is not touched before there is a packet for it. And that of a classic pcap says what only
 * packets tell (pcap_encoder.c). When the first packets say otherwise it is changed while that is
 * possible: in a regular file for the first packet, and wherever all still waits to be written,
 * which it does for HEADER_HOLD_SEC where packets are expected at once (any start but the end of
 * the topic), and then to the end of the first batch.
 */
#include "output/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config_ref.h"
#include "config/time_range.h"
#include "output/broadcast.h"
#include "output/byte_stream.h"
#include "output/encoder.h"
#include "output/left_out.h"

#define HEADER_HOLD_SEC 0.5
#define WRITE_SIZE      (128 * 1024) /* so many bytes are written without waiting for the batch */

struct output {
	struct output_options opt;
	struct encoder *encoder;     /* of the capture; NULL: text only */
	struct byte_stream *capture; /* NULL: text only */
	struct byte_stream *text;    /* NULL: capture only */
	struct broadcast *broadcast; /* NULL: for no clients */
	struct ev_timer hold;        /* runs while the header waits for the first packet */
	uint64_t taken;
	struct left_out left_out;
	bool untouched; /* the file has no byte yet: even the header waits for the first packet */
	bool finished;  /* no packet comes any more */
	bool closed;    /* the capture's end is put */
	bool ended;
};

/* ---- writing ---- */

/* What a write came to. Returns true when nothing waits. */
static bool judge(struct output *o, int r)
{
	if ((r == STREAM_E_CLOSED || r < 0) && !o->ended) {
		o->ended = true;
		o->opt.on_ended(o->opt.ctx, r < 0);
	}
	return r == 0;
}

static bool flush_file(struct output *o, struct byte_stream *sf)
{
	return !sf || judge(o, byte_stream_flush(sf));
}

/* What follows the last packet. Returns false while there is no room for it. */
static bool put_end(struct output *o)
{
	size_t n = 1;

	while (!o->closed && n) {
		uint8_t *room = byte_stream_reserve(o->capture, ENCODER_END_SIZE);

		if (!room)
			return false;
		n = o->encoder->ops->end(o->encoder, room);
		byte_stream_append(o->capture, n);
		o->closed = n == 0;
	}
	return true;
}

static bool flush_capture(struct output *o)
{
	if (o->untouched)
		return true;
	while (o->finished && !put_end(o))
		if (!flush_file(o, o->capture))
			return false;
	return flush_file(o, o->capture);
}

bool output_flush(struct output *o)
{
	bool capture, text, clients;

	if (ev_is_active(&o->hold))
		return true; /* only the header waits */
	capture = flush_capture(o);
	text = flush_file(o, o->text);
	clients = !o->broadcast || broadcast_flush(o->broadcast);
	return capture && text && clients;
}

void output_finish(struct output *o, bool whole)
{
	ev_timer_stop(o->opt.loop, &o->hold);
	o->finished = true;
	if (whole)
		o->untouched = false;
	if (o->broadcast)
		broadcast_finish(o->broadcast);
	whole &= flush_capture(o);
	if (o->capture)
		judge(o, byte_stream_settle(o->capture, whole));
}

bool output_is_settling(const struct output *o)
{
	return o->capture && byte_stream_is_settling(o->capture);
}

void output_abandon(struct output *o)
{
	if (o->capture)
		byte_stream_settle(o->capture, false);
}

const char *output_part(const struct output *o)
{
	return o->capture ? byte_stream_part(o->capture) : NULL;
}

static void on_hold_over(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct output *o = w->data;

	flush_file(o, o->capture);
}

static void on_drained(void *ctx)
{
	struct output *o = ctx;

	if (output_flush(o))
		o->opt.on_drained(o->opt.ctx);
}

static void on_closed(void *ctx, int err)
{
	judge(ctx, err ? err : STREAM_E_CLOSED);
}

static void on_settled(void *ctx, int err)
{
	struct output *o = ctx;

	judge(o, err);
	o->opt.on_settled(o->opt.ctx);
}

/* ---- packets ---- */

/* Has the encoder change what there is so far, for a packet that does not fit it. */
static bool revise(struct output *o, const struct packet *pkt)
{
	const struct encoder_ops *ops = o->encoder->ops;
	uint8_t header[ENCODER_HEADER_MAX], *packets;
	size_t len = 0;

	packets = ops->revise ? byte_stream_unwritten(o->capture, &len) : NULL;
	if (!ops->revise || !ops->revise(o->encoder, pkt, packets, len))
		return false;
	len = ops->header(o->encoder, header);
	return !packets || byte_stream_replace_header(o->capture, header, len) || judge(o, -EIO);
}

static void note_losses(struct output *o, const struct packet *pkt)
{
	if (o->encoder && o->encoder->ops->lost)
		o->encoder->ops->lost(o->encoder, pkt);
}

void output_note_losses(struct output *o, const struct packet *pkt)
{
	note_losses(o, pkt);
	if (o->broadcast)
		broadcast_note_losses(o->broadcast, pkt);
}

/* `by` cannot hold it. */
static int leave_out(struct output *o, const struct packet *pkt, const struct encoder *by)
{
	left_out_count(&o->left_out, pkt, by, o->taken == 0);
	return OUTPUT_E_LEFT_OUT;
}

/* Bytes that the packet needs in the capture; 0: it cannot be there. */
static size_t size_of(struct output *o, const struct packet *pkt)
{
	size_t size = o->encoder->ops->size(o->encoder, pkt);

	return size || !revise(o, pkt) ? size : o->encoder->ops->size(o->encoder, pkt);
}

static bool shows_next(const struct output *o)
{
	uint64_t every = o->opt.cfg->pretty_print;

	return o->text && every && (o->taken + 1) % every == 0;
}

static void put_text(struct output *o, uint8_t *room, const struct packet *pkt)
{
	struct pretty_origin origin;

	o->opt.origin(o->opt.ctx, &origin);
	byte_stream_commit(o->text, pretty_packet((char *)room, o->taken, pkt, &origin));
}

/* Where it comes from, if the capture is to say so. */
static const struct pretty_origin *tell_origin(const struct output *o, struct pretty_origin *room)
{
	if (!o->opt.cfg->comment_offsets)
		return NULL;
	o->opt.origin(o->opt.ctx, room);
	return room;
}

static void put_capture(struct output *o, uint8_t *room, const struct packet *pkt)
{
	struct pretty_origin origin;
	size_t n = o->encoder->ops->put(o->encoder, room, pkt, tell_origin(o, &origin));

	byte_stream_commit(o->capture, n);
}

/* NULL: they have it, or there are none; else one that cannot hold it. */
static const struct encoder *put_clients(struct output *o, const struct packet *pkt)
{
	struct pretty_origin origin;

	return o->broadcast ? broadcast_put(o->broadcast, pkt, tell_origin(o, &origin)) : NULL;
}

static void after_put(struct output *o)
{
	o->untouched = false;
	if (ev_is_active(&o->hold))
		ev_timer_stop(o->opt.loop, &o->hold);
	if (o->capture && byte_stream_waiting(o->capture) >= WRITE_SIZE)
		flush_file(o, o->capture);
}

int output_put(struct output *o, const struct packet *pkt)
{
	const struct encoder *refused;
	bool show = shows_next(o);
	uint8_t *room = NULL, *text = NULL;

	if (o->broadcast && !broadcast_has_room(o->broadcast))
		return PACKET_E_FULL;
	if (o->capture) {
		size_t size = size_of(o, pkt);

		if (!size) {
			note_losses(o, pkt);
			put_clients(o, pkt);
			return leave_out(o, pkt, o->encoder);
		}
		room = byte_stream_reserve(o->capture, size);
		if (!room)
			return PACKET_E_FULL;
	}
	if (show) {
		text = byte_stream_reserve(o->text, pretty_size(pkt->caplen));
		if (!text)
			return PACKET_E_FULL;
	}
	refused = put_clients(o, pkt);
	if (refused && !o->capture)
		return leave_out(o, pkt, refused);
	o->taken++;
	if (room)
		put_capture(o, room, pkt);
	if (text)
		put_text(o, text, pkt);
	after_put(o);
	return 0;
}

/* ---- blocks ---- */

bool output_takes_blocks(const struct output *o)
{
	return o->capture && o->encoder->ops->put_block && !o->text && !o->broadcast &&
	       !o->opt.cfg->comment_offsets;
}

static void commit(void *ctx, size_t len)
{
	byte_stream_commit(ctx, len);
}

int output_put_block(struct output *o, const struct plain_block *b)
{
	uint32_t ids[PLAIN_BLOCK_INTERFACES_MAX] = {0};
	size_t size = o->encoder->ops->size_block(o->encoder, b);
	uint8_t *room;

	if (!size || size > STREAM_RECORD_MAX)
		return BLOCK_E_EACH;
	room = byte_stream_reserve(o->capture, size);
	if (!room)
		return PACKET_E_FULL;
	size = o->encoder->ops->put_block(o->encoder, room, b, ids);
	byte_stream_append(o->capture, size);
	plain_block_copy(b, ids, room + size, commit, o->capture);
	o->taken += b->packets;
	after_put(o);
	return 0;
}

/* ---- what became of them ---- */

uint64_t output_taken(const struct output *o)
{
	return o->taken;
}

uint64_t output_written(const struct output *o)
{
	return o->capture ? byte_stream_written(o->capture) : o->taken;
}

void output_log_left_out(const struct output *o)
{
	left_out_log(&o->left_out);
}

void output_log_cut(const struct output *o)
{
	if (o->encoder && o->encoder->cut)
		log_info("%" PRIu64
			 " packet(s) were written without their nanoseconds, because the "
			 "first packets of the capture had none; --format pcapng keeps them",
			 o->encoder->cut);
}

void output_log_failure(const struct output *o)
{
	if (o->text)
		byte_stream_log_failure(o->text);
	if (o->capture)
		byte_stream_log_failure(o->capture);
}

size_t output_waiting(const struct output *o)
{
	return (o->capture && !o->untouched ? byte_stream_waiting(o->capture) : 0) +
	       (o->text ? byte_stream_waiting(o->text) : 0);
}

bool output_is_held(const struct output *o)
{
	return o->broadcast && broadcast_is_held(o->broadcast);
}

bool output_clients(const struct output *o, uint64_t *clients, uint64_t *cut_off)
{
	if (!o->broadcast)
		return false;
	*clients = broadcast_clients(o->broadcast);
	*cut_off = broadcast_cut_off(o->broadcast);
	return true;
}

/* ---- life ---- */

/* A run that ends by itself: what it writes can be told to be whole. */
static bool has_end(const struct config *cfg)
{
	return cfg->max_packets || cfg->exit_at_end || time_range_ends_ahead(cfg);
}

static int open_file(struct output *o, struct byte_stream **out, const char *path)
{
	const struct byte_stream_options opt = {
		.loop = o->opt.loop,
		.path = path,
		.has_end = has_end(o->opt.cfg),
		.fd = STDOUT_FILENO,
		.on_drained = on_drained,
		.on_closed = on_closed,
		.on_settled = on_settled,
		.ctx = o,
	};

	return byte_stream_new(out, &opt);
}

static int open_capture(struct output *o)
{
	const struct config *cfg = o->opt.cfg;
	uint8_t header[ENCODER_HEADER_MAX];
	int r;

	o->closed = true;
	if (!cfg->write_file && (cfg->pretty_print || cfg->listen))
		return 0;
	o->encoder =
		cfg->format == CONFIG_FORMAT_PCAPNG ? pcapng_encoder_new() : pcap_encoder_new();
	if (!o->encoder)
		return -ENOMEM;
	r = open_file(o, &o->capture, cfg->write_file);
	if (r < 0)
		return r;
	o->closed = !o->encoder->ops->end;
	byte_stream_put_header(o->capture, header, o->encoder->ops->header(o->encoder, header));
	if (o->encoder->ops->revise && byte_stream_is_stream(o->capture) &&
	    cfg->start.offset != CONFIG_OFFSET_END) {
		ev_timer_start(o->opt.loop, &o->hold);
		return 0;
	}
	o->untouched = cfg->write_file && has_end(cfg) && !byte_stream_is_stream(o->capture);
	if (o->untouched)
		return 0;
	r = byte_stream_flush(o->capture);
	byte_stream_log_failure(o->capture);
	return r < 0 ? r : 0;
}

static int open_broadcast(struct output *o)
{
	const struct broadcast_options opt = {.loop = o->opt.loop,
					      .cfg = o->opt.cfg,
					      .on_drained = on_drained,
					      .ctx = o};

	/* The file of one that is attended is that of an instance, which may run too. */
	return opt.cfg->listen && !opt.cfg->attended ? broadcast_new(&o->broadcast, &opt) : 0;
}

int output_new(struct output **out, const struct output_options *opt)
{
	struct output *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	o->opt = *opt;
	config_ref(opt->cfg);
	ev_timer_init(&o->hold, on_hold_over, HEADER_HOLD_SEC, 0);
	o->hold.data = o;
	r = open_capture(o);
	if (r == 0 && opt->cfg->pretty_print)
		r = open_file(o, &o->text, NULL);
	if (r == 0)
		r = open_broadcast(o);
	if (r < 0) {
		output_free(o);
		return r;
	}
	*out = o;
	return 0;
}

int output_reload(struct output *o, const struct config *cfg, char *why, size_t size)
{
	bool capture_on_stdout = o->capture && !o->opt.cfg->write_file;
	int r = 0;

	if ((cfg->pretty_print && capture_on_stdout) ||
	    (!cfg->pretty_print && !o->capture && !o->broadcast)) {
		snprintf(why, size,
			 "pretty-print: standard output cannot change between a capture and text "
			 "while pycapa runs; restart it");
		return -EINVAL;
	}
	if (cfg->pretty_print && !o->text)
		r = open_file(o, &o->text, NULL);
	if (r < 0)
		snprintf(why, size, "pretty-print: standard output: %s", strerror(-r));
	else
		config_hold(&o->opt.cfg, cfg);
	return r;
}

void output_free(struct output *o)
{
	if (!o)
		return;
	ev_timer_stop(o->opt.loop, &o->hold);
	broadcast_free(o->broadcast);
	byte_stream_free(o->text);
	byte_stream_free(o->capture);
	config_unref(o->opt.cfg);
	if (o->encoder)
		o->encoder->ops->free(o->encoder);
	free(o);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "output/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config_ref.h"
#include "config/file_limits.h"
#include "config/file_names.h"
#include "config/run_end.h"
#include "output/broadcast.h"
#include "output/byte_stream.h"
#include "output/capture_file.h"
#include "output/encoder.h"
#include "output/left_out.h"
#include "output/recording.h"

struct output {
	struct output_options opt;
	struct capture_file *capture; /* NULL: text only, or a set of files */
	struct recording *recording;  /* the set; else NULL */
	struct byte_stream *text;     /* NULL: capture only */
	struct broadcast *broadcast;  /* NULL: for no clients */
	uint64_t taken;
	uint64_t stop_bytes; /* the file ends with so many; 0: no limit */
	struct left_out left_out;
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

static bool flush_capture(struct output *o)
{
	if (o->recording)
		return judge(o, recording_flush(o->recording));
	return !o->capture || judge(o, capture_file_flush(o->capture));
}

bool output_flush(struct output *o)
{
	bool capture = flush_capture(o);
	bool text = !o->text || judge(o, byte_stream_flush(o->text));
	bool clients = !o->broadcast || broadcast_flush(o->broadcast);

	return capture && text && clients;
}

void output_finish(struct output *o, bool whole)
{
	if (o->broadcast)
		broadcast_finish(o->broadcast);
	if (o->recording)
		recording_finish(o->recording);
	if (!o->capture)
		return;
	whole &= judge(o, capture_file_end(o->capture, whole));
	judge(o, capture_file_settle(o->capture, whole));
}

bool output_is_settling(const struct output *o)
{
	if (o->recording)
		return recording_is_settling(o->recording);
	return o->capture && capture_file_is_settling(o->capture);
}

void output_abandon(struct output *o)
{
	if (o->recording)
		recording_abandon(o->recording);
	else if (o->capture)
		capture_file_settle(o->capture, false);
}

const char *output_program(const struct output *o)
{
	return o->recording ? recording_program(o->recording) : NULL;
}

const char *output_part(const struct output *o)
{
	if (o->recording)
		return recording_part(o->recording);
	return o->capture ? capture_file_part(o->capture) : NULL;
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

static void on_enough(void *ctx)
{
	const struct output *o = ctx;

	o->opt.on_enough(o->opt.ctx);
}

static void on_recorded(void *ctx)
{
	const struct output *o = ctx;

	o->opt.on_settled(o->opt.ctx);
}

static void on_rotated(void *ctx)
{
	const struct output *o = ctx;

	if (o->opt.on_rotated)
		o->opt.on_rotated(o->opt.ctx);
}

static bool on_kept(void *ctx)
{
	const struct output *o = ctx;

	return o->opt.on_kept && o->opt.on_kept(o->opt.ctx);
}

struct recording *output_recording(const struct output *o)
{
	return o->recording;
}

/* ---- packets ---- */

static void note_losses(struct output *o, const struct packet *pkt)
{
	if (o->recording)
		recording_note_losses(o->recording, pkt);
	else if (o->capture)
		capture_file_note_losses(o->capture, pkt);
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

static void put_capture(const struct output *o, struct capture_file *file, uint8_t *room,
			const struct packet *pkt)
{
	struct pretty_origin origin;

	capture_file_put(file, room, pkt, tell_origin(o, &origin));
}

/* NULL: they have it, or there are none; else one that cannot hold it. */
static const struct encoder *put_clients(struct output *o, const struct packet *pkt)
{
	struct pretty_origin origin;

	return o->broadcast ? broadcast_put(o->broadcast, pkt, tell_origin(o, &origin)) : NULL;
}

static void after_put(struct output *o, struct capture_file *file, uint64_t n)
{
	if (file && capture_file_is_pressing(file))
		flush_capture(o);
	if (o->recording)
		recording_count(o->recording, n); /* the file may be gone now */
	else if (o->stop_bytes && file && capture_file_size(file) >= o->stop_bytes)
		o->opt.on_enough(o->opt.ctx);
}

/* Returns 0, PACKET_E_FULL or CAPTURE_FILE_E_UNFIT. */
static int reserve(struct output *o, const struct packet *pkt, struct capture_file **file,
		   uint8_t **room)
{
	int r = 0;

	*file = o->capture;
	if (o->recording)
		r = recording_file(o->recording, pkt->time_us, 1, file);
	if (r == 0 && *file)
		r = capture_file_reserve(*file, pkt, room);
	return r;
}

int output_put(struct output *o, const struct packet *pkt)
{
	const struct encoder *refused;
	bool show = shows_next(o);
	uint8_t *room = NULL, *text = NULL;
	struct capture_file *file;
	int r;

	if (o->broadcast && !broadcast_has_room(o->broadcast))
		return PACKET_E_FULL;
	r = reserve(o, pkt, &file, &room);
	if (r == CAPTURE_FILE_E_UNFIT) {
		note_losses(o, pkt);
		put_clients(o, pkt);
		return leave_out(o, pkt, capture_file_encoder(file));
	}
	if (r)
		return r;
	if (show) {
		text = byte_stream_reserve(o->text, pretty_size(pkt->caplen));
		if (!text)
			return PACKET_E_FULL;
	}
	refused = put_clients(o, pkt);
	if (refused && !file)
		return leave_out(o, pkt, refused);
	o->taken++;
	if (room)
		put_capture(o, file, room, pkt);
	if (text)
		put_text(o, text, pkt);
	after_put(o, file, 1);
	return 0;
}

/* ---- blocks ---- */

bool output_takes_blocks(const struct output *o)
{
	bool captures = o->recording ? o->opt.cfg->format == CONFIG_FORMAT_PCAPNG
				     : o->capture && capture_file_takes_blocks(o->capture);

	return captures && !o->text && !o->broadcast && !o->opt.cfg->comment_offsets;
}

int output_put_block(struct output *o, const struct plain_block *b)
{
	struct capture_file *file = o->capture;
	int r = 0;

	if (o->recording)
		r = recording_file(o->recording, b->first_us, b->packets, &file);
	if (r == 0)
		r = capture_file_put_block(file, b);
	if (r)
		return r;
	o->taken += b->packets;
	after_put(o, file, b->packets);
	return 0;
}

/* ---- what became of them ---- */

uint64_t output_taken(const struct output *o)
{
	return o->taken;
}

uint64_t output_written(const struct output *o)
{
	if (o->recording)
		return recording_written(o->recording);
	return o->capture ? capture_file_written(o->capture) : o->taken;
}

void output_log_left_out(const struct output *o)
{
	left_out_log(&o->left_out);
	if (o->recording)
		recording_log_left_out(o->recording);
}

void output_log_cut(const struct output *o)
{
	uint64_t cut = o->capture ? capture_file_encoder(o->capture)->cut : 0;

	if (o->recording)
		cut = recording_cut(o->recording);
	if (cut)
		log_info("%" PRIu64
			 " packet(s) were written without their nanoseconds, because the "
			 "first packets of the capture had none; --format pcapng keeps them",
			 cut);
}

void output_log_failure(const struct output *o)
{
	if (o->text)
		byte_stream_log_failure(o->text);
	if (o->capture)
		capture_file_log_failure(o->capture);
	if (o->recording)
		recording_log_failure(o->recording);
}

size_t output_waiting(const struct output *o)
{
	return (o->capture ? capture_file_waiting(o->capture) : 0) +
	       (o->recording ? recording_waiting(o->recording) : 0) +
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

static struct byte_stream_options stream_options(struct output *o, const char *path)
{
	return (struct byte_stream_options){
		.loop = o->opt.loop,
		.path = path,
		.has_end = run_end_is_set(o->opt.cfg),
		.pack = path && file_names_is_zstd(path),
		.fd = STDOUT_FILENO,
		.on_drained = on_drained,
		.on_closed = on_closed,
		.on_settled = on_settled,
		.ctx = o,
	};
}

static int open_recording(struct output *o)
{
	const struct recording_options opt = {
		.loop = o->opt.loop,
		.cfg = o->opt.cfg,
		.on_drained = on_drained,
		.on_closed = on_closed,
		.on_rotated = on_rotated,
		.on_kept = on_kept,
		.on_enough = on_enough,
		.on_settled = on_recorded,
		.ctx = o,
	};

	return recording_new(&o->recording, &opt);
}

static int open_capture(struct output *o)
{
	const struct config *cfg = o->opt.cfg;
	const struct capture_file_options opt = {
		.format = cfg->format,
		.hold = cfg->start.offset != CONFIG_OFFSET_END,
		.stream = stream_options(o, cfg->write_file),
	};

	if (cfg->ring_buffer)
		return open_recording(o);
	if (!cfg->write_file && (cfg->pretty_print || cfg->listen))
		return 0;
	return capture_file_new(&o->capture, &opt);
}

static int open_text(struct output *o)
{
	const struct byte_stream_options opt = stream_options(o, NULL);

	return byte_stream_new(&o->text, &opt);
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
	o->stop_bytes = file_limits_of(opt->cfg->autostop).bytes;
	r = open_capture(o);
	if (r == 0 && opt->cfg->pretty_print)
		r = open_text(o);
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
	    (!cfg->pretty_print && !o->capture && !o->recording && !o->broadcast)) {
		snprintf(why, size,
			 "pretty-print: standard output cannot change between a capture and text "
			 "while pycapa runs; restart it");
		return -EINVAL;
	}
	if (cfg->pretty_print && !o->text)
		r = open_text(o);
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
	broadcast_free(o->broadcast);
	byte_stream_free(o->text);
	capture_file_free(o->capture);
	recording_free(o->recording);
	config_unref(o->opt.cfg);
	free(o);
}

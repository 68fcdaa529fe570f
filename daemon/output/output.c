/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capture's header goes out before Kafka is reached, and classic pcap has one link type, which
 * only packets tell. So the header says Ethernet; when the first packet says otherwise, it is
 * changed while that is possible: always in a regular file, and in a pipe when the header still
 * waits, which it does for HEADER_HOLD_SEC where packets are expected at once (any start but the
 * end of the topic).
 */
#include "output/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config_ref.h"
#include "output/stream.h"
#include "packet/pcapfile.h"

#define HEADER_HOLD_SEC 0.5
#define WRITE_SIZE      (128 * 1024) /* so many bytes are written without waiting for the batch */
#define LOG_INTERVAL_S  60

struct output {
	struct output_options opt;
	struct stream *capture; /* NULL: text only */
	struct stream *text;    /* NULL: capture only */
	struct ev_timer hold;   /* runs while the header waits for the first packet */
	uint16_t linktype;      /* of the header */
	uint64_t taken;
	uint64_t foreign; /* packets of another link type */
	bool ended;
	struct log_limit limit;
};

/* The path may lead to the terminal by another name: /dev/stdout. */
static bool is_terminal(const char *path)
{
	struct stat st;
	bool terminal;
	int fd;

	if (stat(path, &st) || !S_ISCHR(st.st_mode))
		return false;
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	terminal = fd >= 0 && isatty(fd);
	if (fd >= 0)
		close(fd);
	return terminal;
}

int output_check(const struct config *cfg)
{
	if (cfg->write_file && is_terminal(cfg->write_file)) {
		log_error("%s is a terminal, and a capture is binary; give --write-file a file, or "
			  "use --pretty-print 1 instead",
			  cfg->write_file);
		return -EINVAL;
	}
	if (cfg->pretty_print || cfg->write_file)
		return 0;
	if (isatty(STDOUT_FILENO)) {
		log_error("standard output is a terminal, and a capture is binary; give "
			  "--write-file FILE, a pipe (| tshark -r -), or --pretty-print 1");
		return -EINVAL;
	}
	if (log_fd_is_journal(STDOUT_FILENO)) {
		log_error("standard output is the journal, and a capture is binary; set "
			  "write-file, or pretty-print = 1");
		return -EINVAL;
	}
	return 0;
}

void output_warn(const struct config *cfg)
{
	if (cfg->file && !cfg->write_file && !cfg->pretty_print)
		log_warn("%s names no write-file: the capture goes to standard output, which a "
			 "service refuses, as it is the journal there",
			 cfg->file);
}

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

static bool flush_file(struct output *o, struct stream *sf)
{
	return !sf || judge(o, stream_flush(sf));
}

bool output_flush(struct output *o)
{
	bool capture, text;

	if (ev_is_active(&o->hold))
		return true; /* only the header waits */
	capture = flush_file(o, o->capture);
	text = flush_file(o, o->text);
	return capture && text;
}

void output_finish(struct output *o)
{
	if (!ev_is_active(&o->hold))
		return;
	ev_timer_stop(o->opt.loop, &o->hold);
	flush_file(o, o->capture);
}

static void on_hold_over(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct output *o = w->data;

	flush_file(o, o->capture); /* the timer has stopped: output_finish() would do nothing */
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

/* ---- packets ---- */

/* The header may still be changed to the first packet's link type. */
static bool choose_linktype(struct output *o, uint16_t linktype)
{
	uint8_t header[PCAPFILE_HEADER_LEN];

	pcapfile_put_header(header, linktype);
	if (o->taken || !stream_replace_header(o->capture, header, sizeof(header)))
		return false;
	o->linktype = linktype;
	return true;
}

static int leave_out(struct output *o, const struct packet *pkt)
{
	uint64_t more;

	o->foreign++;
	if (log_limit_pass(&o->limit, LOG_INTERVAL_S, &more))
		log_warn("a packet of link type %u cannot go into a capture of link type %u "
			 "(classic pcap holds one); left out, %" PRIu64 " so far%s",
			 pkt->linktype, o->linktype, o->foreign,
			 o->taken ? "" : "; in a --write-file FILE the first packet decides");
	return OUTPUT_E_LINKTYPE;
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
	stream_commit(o->text, pretty_packet((char *)room, o->taken, pkt, &origin));
}

int output_put(struct output *o, const struct packet *pkt)
{
	bool show = shows_next(o);
	uint8_t *room = NULL, *text = NULL;

	if (o->capture) {
		if (pkt->linktype != o->linktype && !choose_linktype(o, pkt->linktype))
			return leave_out(o, pkt);
		room = stream_reserve(o->capture, PCAPFILE_RECORD_LEN + pkt->caplen);
		if (!room)
			return PACKET_E_FULL;
	}
	if (show) {
		text = stream_reserve(o->text, pretty_size(pkt->caplen));
		if (!text)
			return PACKET_E_FULL;
	}
	o->taken++;
	if (room)
		stream_commit(o->capture, pcapfile_put_record(room, pkt));
	if (text)
		put_text(o, text, pkt);
	output_finish(o);
	if (room && stream_waiting(o->capture) >= WRITE_SIZE)
		flush_file(o, o->capture);
	return 0;
}

uint64_t output_taken(const struct output *o)
{
	return o->taken;
}

uint64_t output_written(const struct output *o)
{
	return o->capture ? stream_written(o->capture) : o->taken;
}

bool output_holds_packets(const struct output *o)
{
	return o->taken > output_written(o) || (o->text && stream_waiting(o->text));
}

void output_log_failure(const struct output *o)
{
	if (o->text)
		stream_log_failure(o->text);
	if (o->capture)
		stream_log_failure(o->capture);
}

size_t output_waiting(const struct output *o)
{
	return (o->capture ? stream_waiting(o->capture) : 0) +
	       (o->text ? stream_waiting(o->text) : 0);
}

/* ---- life ---- */

static int open_file(struct output *o, struct stream **out, const char *path)
{
	const struct stream_options opt = {
		.loop = o->opt.loop,
		.path = path,
		.fd = STDOUT_FILENO,
		.on_drained = on_drained,
		.on_closed = on_closed,
		.ctx = o,
	};

	return stream_new(out, &opt);
}

static int open_capture(struct output *o)
{
	const struct config *cfg = o->opt.cfg;
	uint8_t header[PCAPFILE_HEADER_LEN];
	int r;

	if (cfg->pretty_print && !cfg->write_file)
		return 0;
	r = open_file(o, &o->capture, cfg->write_file);
	if (r < 0)
		return r;
	o->linktype = PACKET_LINKTYPE_DEFAULT;
	pcapfile_put_header(header, o->linktype);
	stream_put_header(o->capture, header, sizeof(header));
	if (stream_is_stream(o->capture) && cfg->start.offset != CONFIG_OFFSET_END) {
		ev_timer_start(o->opt.loop, &o->hold);
		return 0;
	}
	r = stream_flush(o->capture);
	stream_log_failure(o->capture);
	return r < 0 ? r : 0;
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

	if ((cfg->pretty_print && capture_on_stdout) || (!cfg->pretty_print && !o->capture)) {
		snprintf(why, size,
			 "pretty-print: standard output cannot change between a capture and text "
			 "while it runs; restart it");
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
	stream_free(o->text);
	stream_free(o->capture);
	config_unref(o->opt.cfg);
	free(o);
}

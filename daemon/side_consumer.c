/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consumer side: consumer → pcapfile or pretty → savefile.
 *
 * The capture's header goes out before Kafka is reached, and classic pcap has one link type, which
 * only packets tell. So the header says Ethernet; when the first packet says otherwise, it is
 * changed while that is possible: always in a regular file, and in a pipe when the header still
 * waits, which it does for HEADER_HOLD_SEC where packets are expected at once (any start but the
 * end of the topic). Packets of another link type than the header's are counted, not written.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumer.h"
#include "log.h"
#include "pcapfile.h"
#include "pretty.h"
#include "savefile.h"
#include "side.h"
#include "side_consumer.h"
#include "stats.h"

#define HEADER_HOLD_SEC 0.5
#define WRITE_SIZE      (128 * 1024) /* so many bytes are written without waiting for the batch */
#define LOG_INTERVAL_S  60

struct side {
	struct side_options opt;
	struct consumer *consumer;
	struct savefile *capture; /* NULL: pretty-print only */
	struct savefile *text;    /* NULL: no pretty-print */
	struct ev_timer hold;     /* runs while the header waits for the first packet */
	struct ev_timer report;   /* tells app of the end, outside of everybody's callbacks */

	uint16_t linktype;
	bool linktype_fixed;   /* a packet of it was written */
	uint64_t packets;      /* taken, those of other link types included */
	uint64_t bytes;        /* captured bytes of those that go out */
	uint64_t out;          /* packets put into the output */
	uint64_t foreign_link; /* packets of other link types */
	struct log_limit link_limit;

	bool ended;       /* nothing more is taken */
	bool reader_gone; /* no failure */
	int status;
	bool stopping; /* app has called stop() */
	bool closing;  /* the consumer is being closed */
	bool stopped;  /* app is to be told so by `report` */

	struct stats_consumer logged, shown; /* at the last log_stats(), summary() */
	double logged_at, shown_at;
};

int side_consumer_check_output(const struct config *cfg)
{
	bool to_stdout = !cfg->write_file || !strcmp(cfg->write_file, "-");

	if (cfg->pretty_print && cfg->write_file && to_stdout) {
		log_error(
			"--pretty-print writes text to standard output, where a capture cannot go "
			"too; give --write-file a file");
		return -EINVAL;
	}
	if (to_stdout && !cfg->pretty_print && isatty(STDOUT_FILENO)) {
		log_error("standard output is a terminal, and a capture is binary; give "
			  "--write-file FILE, a pipe (| tshark -r -), or --pretty-print 1");
		return -EINVAL;
	}
	return 0;
}

/* ---- the end ---- */

static void end(struct side *s, int status)
{
	if (status)
		s->status = status;
	if (s->ended)
		return;
	s->ended = true;
	consumer_stop(s->consumer);
	ev_timer_start(s->opt.loop, &s->report);
}

static void on_report(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct side *s = w->data;

	if (s->stopped)
		s->opt.events.on_stopped(s->opt.events.ctx);
	else if (!s->stopping)
		s->opt.events.on_done(s->opt.events.ctx, s->status);
}

static void report_stopped(struct side *s)
{
	s->stopped = true;
	ev_timer_start(s->opt.loop, &s->report);
}

/* ---- the output ---- */

/* What a write came to. Returns true when nothing waits. */
static bool judge_write(struct side *s, int r)
{
	if (r == SAVEFILE_E_CLOSED)
		s->reader_gone = true;
	if (r == SAVEFILE_E_CLOSED || r < 0)
		end(s, r < 0);
	return r == 0;
}

static bool flush_file(struct side *s, struct savefile *sf)
{
	return !sf || judge_write(s, savefile_flush(sf));
}

static bool flush(void *ctx)
{
	struct side *s = ctx;
	bool capture, text;

	if (ev_is_active(&s->hold))
		return true; /* only the header waits */
	capture = flush_file(s, s->capture);
	text = flush_file(s, s->text);
	return capture && text;
}

static void release_header(struct side *s)
{
	if (!ev_is_active(&s->hold))
		return;
	ev_timer_stop(s->opt.loop, &s->hold);
	flush_file(s, s->capture);
}

static void on_hold_over(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	release_header(w->data);
}

static void close_consumer(struct side *s)
{
	if (s->closing)
		return;
	s->closing = true;
	consumer_close(s->consumer);
}

static void on_drained(void *ctx)
{
	struct side *s = ctx;

	if (!flush(s))
		return;
	consumer_resume(s->consumer);
	if (s->stopping)
		close_consumer(s);
}

static void on_output_closed(void *ctx, int err)
{
	struct side *s = ctx;

	judge_write(s, err ? err : SAVEFILE_E_CLOSED);
	if (s->stopping)
		close_consumer(s);
}

/* ---- packets ---- */

/* The first packet of another link type than Ethernet: the header may still be changed. */
static bool choose_linktype(struct side *s, const struct packet *pkt)
{
	uint8_t header[PCAPFILE_HEADER_LEN];
	uint64_t more;

	pcapfile_put_header(header, pkt->linktype);
	if (!s->linktype_fixed && savefile_replace_header(s->capture, header, sizeof(header))) {
		s->linktype = pkt->linktype;
		return true;
	}
	s->foreign_link++;
	if (log_limit_pass(&s->link_limit, LOG_INTERVAL_S, &more))
		log_warn("a packet of link type %u cannot go into a capture of link type %u "
			 "(classic pcap holds one); left out, %" PRIu64 " so far%s",
			 pkt->linktype, s->linktype, s->foreign_link,
			 s->linktype_fixed ? "" : "; with --write-file FILE the first one decides");
	return false;
}

static void put_text(struct side *s, char *room, const struct packet *pkt)
{
	struct pretty_origin origin = {.topic = s->opt.cfg->topic};

	consumer_origin(s->consumer, &origin.partition, &origin.offset);
	savefile_commit(s->text, pretty_packet(room, s->packets, pkt, &origin));
}

static int take(void *ctx, const struct packet *pkt)
{
	struct side *s = ctx;
	const struct config *cfg = s->opt.cfg;
	bool show = s->text && (s->packets + 1) % cfg->pretty_print == 0;
	uint8_t *room = NULL, *text = NULL;

	if (s->capture && pkt->linktype != s->linktype && !choose_linktype(s, pkt)) {
		s->packets++;
		return 0;
	}
	if (s->capture) {
		room = savefile_reserve(s->capture, PCAPFILE_RECORD_LEN + pkt->caplen);
		if (!room)
			return PACKET_E_FULL;
	}
	if (show) {
		text = savefile_reserve(s->text, pretty_size(pkt->caplen));
		if (!text)
			return PACKET_E_FULL;
	}
	s->packets++;
	s->out++;
	s->bytes += pkt->caplen;
	s->linktype_fixed = true;
	if (room)
		savefile_commit(s->capture, pcapfile_put_record(room, pkt));
	if (text)
		put_text(s, (char *)text, pkt);
	release_header(s);
	if (room && savefile_waiting(s->capture) >= WRITE_SIZE)
		flush_file(s, s->capture);
	if (s->out == cfg->max_packets)
		end(s, 0);
	return 0;
}

static void on_end(void *ctx)
{
	end(ctx, 0);
}

static void on_failed(void *ctx)
{
	end(ctx, 1);
}

static void on_state(void *ctx, const char *text)
{
	struct side *s = ctx;

	s->opt.events.on_state(s->opt.events.ctx, text);
}

static void on_consumer_closed(void *ctx)
{
	report_stopped(ctx);
}

/* ---- side_ops ---- */

static int open_capture(struct side *s)
{
	const struct config *cfg = s->opt.cfg;
	const char *path = cfg->write_file && strcmp(cfg->write_file, "-") ? cfg->write_file : NULL;
	const struct savefile_options opt = {
		.loop = s->opt.loop,
		.path = path,
		.fd = STDOUT_FILENO,
		.on_drained = on_drained,
		.on_closed = on_output_closed,
		.ctx = s,
	};
	uint8_t header[PCAPFILE_HEADER_LEN];
	int r;

	if (cfg->pretty_print && !path)
		return 0;
	r = savefile_new(&s->capture, &opt);
	if (r < 0)
		return r;
	s->linktype = PACKET_LINKTYPE_DEFAULT;
	pcapfile_put_header(header, s->linktype);
	savefile_put_header(s->capture, header, sizeof(header));
	if (savefile_is_stream(s->capture) && cfg->offset != CONFIG_OFFSET_END) {
		ev_timer_start(s->opt.loop, &s->hold);
		return 0;
	}
	r = savefile_flush(s->capture);
	return r < 0 ? r : 0;
}

static int open_text(struct side *s)
{
	const struct savefile_options opt = {
		.loop = s->opt.loop,
		.fd = STDOUT_FILENO,
		.on_drained = on_drained,
		.on_closed = on_output_closed,
		.ctx = s,
	};

	return s->opt.cfg->pretty_print ? savefile_new(&s->text, &opt) : 0;
}

static int open_consumer(struct side *s, const struct config *cfg,
			 const struct consumer_position *resume, size_t n_resume)
{
	const struct consumer_options opt = {
		.loop = s->opt.loop,
		.cfg = cfg,
		.resume = resume,
		.n_resume = n_resume,
		.take = take,
		.flush = flush,
		.on_end = on_end,
		.on_failed = on_failed,
		.on_state = on_state,
		.on_closed = on_consumer_closed,
		.ctx = s,
	};

	return consumer_new(&s->consumer, &opt);
}

static void side_consumer_free(struct side *s)
{
	if (!s)
		return;
	ev_timer_stop(s->opt.loop, &s->hold);
	ev_timer_stop(s->opt.loop, &s->report);
	consumer_free(s->consumer);
	savefile_free(s->text);
	savefile_free(s->capture);
	free(s);
}

static int side_consumer_new(struct side **out, const struct side_options *opt)
{
	struct side *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->opt = *opt;
	ev_timer_init(&s->hold, on_hold_over, HEADER_HOLD_SEC, 0);
	ev_timer_init(&s->report, on_report, 0, 0);
	s->hold.data = s->report.data = s;
	s->logged_at = s->shown_at = ev_now(opt->loop);
	r = open_capture(s);
	if (r == 0)
		r = open_text(s);
	if (r == 0)
		r = open_consumer(s, opt->cfg, NULL, 0);
	if (r < 0) {
		side_consumer_free(s);
		return r;
	}
	*out = s;
	return 0;
}

static void side_consumer_stop(struct side *s)
{
	s->stopping = true;
	s->ended = true;
	ev_timer_stop(s->opt.loop, &s->report);
	release_header(s);
	consumer_stop(s->consumer);
	/* Written first and committed then; what has to wait for its reader calls on_drained(). */
	if (flush(s) || s->reader_gone || s->status)
		close_consumer(s);
}

static void side_consumer_abandon(struct side *s)
{
	report_stopped(s);
}

static int side_consumer_reload(struct side *s, const struct config *cfg, char *why, size_t size)
{
	snprintf(why, size, "not yet");
	return -ENOTSUP;
}

static uint64_t side_consumer_progress(const struct side *s)
{
	return consumer_progress(s->consumer);
}

static void side_consumer_waiting_for(const struct side *s, char *buf, size_t size)
{
	consumer_waiting_for(s->consumer, buf, size);
}

static uint64_t packets_written(const struct side *s)
{
	return s->capture ? savefile_written(s->capture) : s->out;
}

static void collect(const struct side *s, struct stats_consumer *out)
{
	struct consumer_counts counts;

	consumer_counts(s->consumer, &counts);
	*out = (struct stats_consumer){
		.read = counts.read,
		.written = packets_written(s),
		.bytes = s->bytes,
		.skipped = counts.skipped + s->foreign_link,
		.lag = consumer_lag(s->consumer),
	};
}

/* Seconds since *since, which becomes now; never 0. */
static double elapsed(const struct side *s, double *since)
{
	double now = ev_now(s->opt.loop), seconds = now - *since;

	*since = now;
	return seconds > 0.001 ? seconds : 0.001;
}

static void side_consumer_log_stats(struct side *s)
{
	struct stats_consumer now;
	char line[256];

	collect(s, &now);
	stats_format_consumer(line, sizeof(line), &now, &s->logged, elapsed(s, &s->logged_at));
	s->logged = now;
	const struct log_field fields[] = {
		{"PYCAPA_READ", now.read},
		{"PYCAPA_WRITTEN", now.written},
		{"PYCAPA_SKIPPED", now.skipped},
		{"PYCAPA_BYTES", now.bytes},
		{"PYCAPA_LAG", now.lag > 0 ? (uint64_t)now.lag : 0},
	};
	log_write_event(LOG_LEVEL_INFO, LOG_EVENT_NONE, fields, sizeof(fields) / sizeof(fields[0]),
			"%s", line);
}

static void side_consumer_summary(struct side *s, char *buf, size_t size)
{
	struct stats_consumer now;
	double seconds = elapsed(s, &s->shown_at);

	collect(s, &now);
	snprintf(buf, size, "%.0f packets/s, %.0f bits/s, %" PRIu64 " written, %" PRIu64 " skipped",
		 (double)(now.written - s->shown.written) / seconds,
		 (double)(now.bytes - s->shown.bytes) * 8 / seconds, now.written, now.skipped);
	s->shown = now;
}

static int side_consumer_finish(struct side *s)
{
	uint64_t written = packets_written(s);
	uint64_t lost = s->out - written;
	struct consumer_counts counts;

	consumer_counts(s->consumer, &counts);
	if (counts.skipped)
		log_info("%" PRIu64 " record(s) skipped that are no packets of ours",
			 counts.skipped);
	log_info("'%" PRIu64 "' packet(s) in, '%" PRIu64 "' packet(s) out", s->packets, written);
	if (s->reader_gone)
		return s->status;
	if (s->foreign_link)
		log_error("%" PRIu64 " packet(s) not written: of another link type than the "
			  "capture's",
			  s->foreign_link);
	if (lost)
		log_error("%" PRIu64 " packet(s) not written: %s", lost,
			  s->status ? "the output failed" : "the reader was too slow");
	return s->status || s->foreign_link || lost;
}

const struct side_ops side_consumer_ops = {
	.new = side_consumer_new,
	.stop = side_consumer_stop,
	.abandon = side_consumer_abandon,
	.reload = side_consumer_reload,
	.progress = side_consumer_progress,
	.waiting_for = side_consumer_waiting_for,
	.log_stats = side_consumer_log_stats,
	.summary = side_consumer_summary,
	.finish = side_consumer_finish,
	.free = side_consumer_free,
};

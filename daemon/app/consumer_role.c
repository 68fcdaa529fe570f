/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consumer: consumer → output; the consumer asks the filter, before it puts packets in order.
 *
 * While the filter is being compiled for a link type, the packet waits as it would for a full
 * output: it is not taken, and the batch does not count as written (flush), so that the consumer
 * waits to be resumed.
 *
 * A reload that needs a new Kafka client makes it, gives it the positions of the old one, and
 * closes the old one in the background (`retired`); one packet is the last of the old and the next
 * one the first of the new. So does a read that finds more partitions than its client is made for.
 */
#include "app/consumer_role_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/change.h"
#include "app/consumer_output.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/config_ref.h"
#include "config/run_end.h"
#include "config/time_range.h"
#include "consumer/intake.h"
#include "kafka/kafkalog.h"
#include "kafka/kafkashow.h"
#include "output/output.h"

#define FREE_WAIT_MS 1000 /* at the end, at most */

/* ---- the end ---- */

void consumer_role_end(struct role *s, int status)
{
	if (status)
		s->status = status;
	if (s->ended)
		return;
	s->ended = true;
	if (s->consumer)
		consumer_stop(s->consumer);
	ev_timer_start(s->opt.loop, &s->tell_end);
}

static void on_tell_end(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct role *s = w->data;

	if (s->stopped)
		s->opt.events.on_stopped(s->opt.events.ctx);
	else if (!s->stopping)
		s->opt.events.on_done(s->opt.events.ctx,
				      s->reader_gone ? ROLE_STATUS_NO_READER : s->status);
}

static void report_stopped(struct role *s)
{
	s->stopped = true;
	ev_timer_start(s->opt.loop, &s->tell_end);
}

/*
 * Written first and committed then; what has to wait for its reader calls on_drained(), what has to
 * wait for its name on_settled().
 */
void consumer_role_close(struct role *s)
{
	if (s->closing || output_is_settling(s->output))
		return;
	if (!output_flush(s->output) && !s->hurried && !s->reader_gone && !s->status)
		return;
	s->closing = true;
	consumer_close(s->consumer);
}

/* ---- the consumer ---- */

static bool reads_to_end(const struct config *cfg)
{
	return cfg->exit_at_end || time_range_ends_ahead(cfg);
}

/* What a bounded read cannot write is read again by the next one, which may have another format. */
static void keep_left_out(struct role *s)
{
	const struct config *cfg = s->opt.cfg;

	if (s->foreign && run_end_is_set(cfg))
		consumer_withhold(s->consumer);
}

static int take(void *ctx, const struct packet *pkt)
{
	struct role *s = ctx;
	uint64_t limit = s->opt.cfg->max_packets;
	int r;

	if (pkt->left_out) {
		output_note_losses(s->output, pkt);
		return 0;
	}
	r = output_put(s->output, pkt);
	s->last_us = pkt->time_us;
	if (r == PACKET_E_FULL)
		return r;
	if (r == OUTPUT_E_LEFT_OUT) {
		s->foreign++;
		keep_left_out(s);
		return 0;
	}
	s->bytes += pkt->caplen;
	if (limit && output_taken(s->output) >= limit)
		consumer_role_end(s, 0);
	return 0;
}

/* One that is not plain, or holds more than is wanted, comes packet by packet. */
static int take_block(void *ctx, const struct block *b)
{
	struct role *s = ctx;
	uint64_t limit = s->opt.cfg->max_packets;
	struct plain_block plain;
	int r = BLOCK_E_EACH;

	if (!output_takes_blocks(s->output))
		return r;
	if (plain_block_open(&plain, b) &&
	    (!limit || output_taken(s->output) + plain.packets <= limit))
		r = output_put_block(s->output, &plain);
	plain_block_close(&plain);
	if (r)
		return r;
	s->bytes += plain.bytes;
	s->last_us = plain.last_us;
	if (limit && output_taken(s->output) >= limit)
		consumer_role_end(s, 0);
	return 0;
}

static int judge(void *ctx, const struct packet *pkt)
{
	struct role *s = ctx;

	static_assert(PACKET_FILTER_E_LEFT_OUT == INTAKE_E_LEFT_OUT, "handed on as it is");
	s->last_us = pkt->time_us;
	return packet_filter_judge(s->filter, pkt);
}

static bool flush(void *ctx)
{
	struct role *s = ctx;

	return output_flush(s->output) && !packet_filter_is_waiting(s->filter);
}

static void on_end(void *ctx)
{
	consumer_role_end(ctx, 0);
}

static void on_failed(void *ctx, const char *why)
{
	struct role *s = ctx;

	snprintf(s->why, sizeof(s->why), "%s", why);
	consumer_role_end(s, 1);
}

static void on_many(void *ctx)
{
	struct role *s = ctx;

	ev_timer_start(s->opt.loop, &s->renew);
}

static void on_filter_ready(void *ctx)
{
	struct role *s = ctx;

	/* Else on_drained() follows. */
	if (output_flush(s->output))
		consumer_resume(s->consumer);
}

static void on_state(void *ctx, const char *text)
{
	struct role *s = ctx;

	s->opt.events.on_state(s->opt.events.ctx, text);
}

static void on_consumer_closed(void *ctx, struct consumer *c)
{
	struct role *s = ctx;

	if (c == s->retired) {
		s->retired = NULL;
		consumer_free(c, 0);
		return;
	}
	report_stopped(s);
}

static int open_consumer(struct role *s, struct consumer **out, const struct config *cfg,
			 const struct consumer_position *resume, size_t n_resume, char *why,
			 size_t size)
{
	struct consumer_options opt = {
		.loop = s->opt.loop,
		.cfg = cfg,
		.resume = resume,
		.n_resume = n_resume,
		.log = s->log,
		.why = why,
		.why_size = size,
		.many = s->consumer != NULL,
		.judge = s->filter ? judge : NULL,
		.take = take,
		.take_block = take_block,
		.flush = flush,
		.on_end = on_end,
		.on_many = on_many,
		.on_failed = on_failed,
		.on_state = on_state,
		.on_closed = on_consumer_closed,
		.ctx = s,
	};
	char text[2048];

	consumer_output_join(s, &opt);
	kafkashow_describe(text, sizeof(text), cfg);
	log_debug("Connecting to Kafka; %s", text);
	return consumer_new(out, &opt);
}

/* ---- another consumer ---- */

static void retire(struct role *s, struct consumer *fresh)
{
	struct consumer_counts counts;

	consumer_counts(s->consumer, &counts);
	s->before.read += counts.read;
	s->before.skipped += counts.skipped;
	s->before.outside += counts.outside;
	s->before.gone += counts.gone;
	s->before.late += counts.late;
	s->before.full |= counts.full;
	if (counts.late_ns > s->before.late_ns)
		s->before.late_ns = counts.late_ns;
	s->retired = s->consumer;
	s->consumer = fresh;
	keep_left_out(s);
	consumer_output_retire(s);
	consumer_close(s->retired);
}

static int replace(struct role *s, const struct config *cfg, char *why, size_t size)
{
	struct consumer_position *resume = NULL;
	struct consumer *fresh = NULL;
	int r = 0;

	*why = '\0';
	/* Another topic begins where the settings say. */
	if (!strcmp(cfg->topic, s->opt.cfg->topic))
		r = consumer_positions(s->consumer, &resume);
	if (r >= 0)
		r = open_consumer(s, &fresh, cfg, resume, (size_t)r, why, size);
	free(resume);
	if (r < 0 && !*why)
		snprintf(why, size, "no new Kafka client: %s", strerror(-r));
	if (r == 0)
		retire(s, fresh);
	return r;
}

static void on_renew(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct role *s = w->data;
	char why[512];

	/* A reload may have made another. */
	if (!s->ended && !s->retired && replace(s, s->opt.cfg, why, sizeof(why)) < 0)
		on_failed(s, why);
}

/* ---- life ---- */

static void role_free(struct role *s)
{
	unsigned int wait_ms = FREE_WAIT_MS;

	if (!s)
		return;
	if (s->opt.cfg->attended && s->opt.cfg->shutdown_timeout_ms < wait_ms)
		wait_ms = s->opt.cfg->shutdown_timeout_ms;
	ev_timer_stop(s->opt.loop, &s->tell_end);
	ev_timer_stop(s->opt.loop, &s->renew);
	consumer_free(s->retired, wait_ms);
	consumer_free(s->consumer, wait_ms);
	packet_filter_free(s->filter, 0);
	kafkalog_unref(s->log);
	output_free(s->output);
	config_unref(s->opt.cfg);
	free(s);
}

static int open_filter(struct role *s)
{
	const struct packet_filter_options opt = {
		.loop = s->opt.loop,
		.expression = s->opt.cfg->filter,
		.on_ready = on_filter_ready,
		.on_failed = on_failed,
		.ctx = s,
	};

	return opt.expression && *opt.expression ? packet_filter_new(&s->filter, &opt) : 0;
}

/* The output first: it takes stdout away from everybody else before a thread starts. */
static int role_new(struct role **out, const struct role_options *opt)
{
	struct role *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->opt = *opt;
	config_ref(opt->cfg);
	ev_timer_init(&s->tell_end, on_tell_end, 0, 0);
	ev_timer_init(&s->renew, on_renew, 0, 0);
	s->tell_end.data = s->renew.data = s;
	s->began_ms = (int64_t)(ev_now(opt->loop) * 1e3);
	report_init(&s->report, CONFIG_MODE_CONSUMER, ev_now(opt->loop));
	r = consumer_output_open(s);
	if (r == 0)
		r = open_filter(s);
	if (r == 0)
		r = kafkalog_new(&s->log);
	if (r == 0)
		r = open_consumer(s, &s->consumer, opt->cfg, NULL, 0, NULL, 0);
	if (r < 0) {
		role_free(s);
		return r;
	}
	*out = s;
	return 0;
}

static void role_waiting_for(const struct role *s, char *buf, size_t size)
{
	if (packet_filter_is_waiting(s->filter))
		snprintf(buf, size, "its filter to be compiled (does the name service answer?)");
	else if (output_program(s->output))
		snprintf(buf, size, "%s", output_program(s->output));
	else if (output_is_settling(s->output))
		snprintf(buf, size, "the disk of %s", s->opt.cfg->write_file);
	else if (output_is_held(s->output))
		snprintf(buf, size, "a client on %s", s->opt.cfg->listen);
	else
		consumer_waiting_for(s->consumer, buf, size);
}

static void cut_short(struct role *s)
{
	const struct config *cfg = s->opt.cfg;
	bool early = time_range_starts_ahead(cfg, clock_ns(CLOCK_REALTIME) / 1000);

	s->cut_short = !s->complete && (cfg->max_packets || cfg->autostop || early ||
					(reads_to_end(cfg) && consumer_left(s->consumer) != 0));
	if (s->cut_short)
		role_waiting_for(s, s->why, sizeof(s->why));
}

static void role_complete(struct role *s)
{
	s->complete = true;
}

static void role_stop(struct role *s)
{
	if (!s->ended)
		consumer_drain(s->consumer);
	/* Who is stopped does not wait for a reader that is to get the header alone. */
	s->hurried = !s->ended && output_taken(s->output) == 0;
	if (!s->ended)
		cut_short(s);
	s->stopping = true;
	s->ended = true;
	ev_timer_stop(s->opt.loop, &s->tell_end);
	consumer_stop(s->consumer);
	packet_filter_stop(s->filter);
	output_finish(s->output, !s->cut_short && !s->reader_gone && !s->status);
	consumer_role_close(s);
}

static void role_abandon(struct role *s)
{
	if (output_program(s->output)) { /* all packets are where they belong */
		output_abandon(s->output);
	} else if (output_is_settling(s->output)) {
		role_waiting_for(s, s->why, sizeof(s->why));
		output_abandon(s->output);
		s->status = 1;
	}
	report_stopped(s);
}

/* ---- reload ---- */

static int role_reload(struct role *s, const struct config *cfg, char *why, size_t size)
{
	unsigned int changes = change_between(s->opt.cfg, cfg, NULL, NULL);
	int r;

	if (s->ended || s->retired) {
		snprintf(why, size,
			 s->ended ? "the instance is being stopped"
				  : "the last reload is still being applied; try again");
		return -EBUSY;
	}
	r = output_reload(s->output, cfg, why, size);
	if (r == 0 && (changes & CONFIG_CHANGE_CLIENT))
		r = replace(s, cfg, why, size);
	if (r < 0) {
		output_reload(s->output, s->opt.cfg, NULL, 0);
		return r;
	}
	config_hold(&s->opt.cfg, cfg);
	return 0;
}

/* ---- reports ---- */

/* A reader or a disk that takes its time is no stall. */
static uint64_t role_progress(const struct role *s)
{
	bool slow = output_waiting(s->output) || output_is_settling(s->output) ||
		    output_is_held(s->output);

	return consumer_progress(s->consumer) + (slow ? (uint64_t)(ev_now(s->opt.loop) * 1e6) : 0);
}

const struct role_ops consumer_role_ops = {
	.new = role_new,
	.complete = role_complete,
	.stop = role_stop,
	.abandon = role_abandon,
	.reload = role_reload,
	.progress = role_progress,
	.waiting_for = role_waiting_for,
	.measure = consumer_report_measure,
	.log_stats = consumer_report_log,
	.metrics = consumer_metrics_read,
	.summary = consumer_report_summarize,
	.finish = consumer_report_close,
	.free = role_free,
};

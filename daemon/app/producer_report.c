/* SPDX-License-Identifier: Apache-2.0 */
#include "app/producer_role_impl.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "app/report.h"
#include "base/log.h"
#include "capture/live_capture.h"
#include "capture/replay.h"
#include "output/viewer.h"
#include "packet/members.h"
#include "producer/producer.h"
#include "producer/rejections.h"
#include "producer/relay.h"

/* What the kernel's buffer holds, as far as its counts tell that. */
static uint64_t buffered(const struct capture_counters *c)
{
	uint64_t gone = c->dropped_kernel + c->received;

	if (c->inexact)
		return COUNTER_UNKNOWN;
	return c->passed > gone ? c->passed - gone : 0; /* more was read since its last look */
}

/* In microseconds; the spool is empty: 0. */
static uint64_t spool_age(const struct role *s, const struct relay_counters *r)
{
	uint64_t now = (uint64_t)(ev_now(s->opt.loop) * 1e6), oldest = r->usage.oldest_us;

	if (!r->usage.packets)
		return 0;
	if (!oldest)
		return COUNTER_UNKNOWN;
	return now > oldest ? now - oldest : 0;
}

void producer_report_read(const struct role *s, struct counters *out)
{
	struct capture_counters c = {0};
	struct producer_counters p = {0};
	struct relay_counters r = {0};
	uint64_t parked = s->live && live_capture_has_parked(s->live) && !s->limit_reached;

	if (s->live)
		live_capture_read_counters(s->live, &c);
	if (s->delivery) {
		producer_read_counters(s->producer, &p);
		relay_read_counters(s->relay, &r);
	}
	/* What is unread at the end nobody will read, or take: it is dropped. */
	if (!s->ended || s->limit_reached) {
		c.unread = 0;
	} else {
		c.unread += parked;
		parked = 0;
	}
	*out = (struct counters){
		.received = s->taken + s->own_packets + parked + c.unread,
		.recovered = r.recovered,
		.spooled = r.spooled,
		.dropped = r.dropped + c.unread,
		.bytes = s->bytes,
		.delivered = p.delivered,
		.queued = p.queued + parked,
		.failed = p.failed + s->undelivered,
		.own = s->own_packets,
		.dropped_kernel = c.dropped_kernel,
		.dropped_interface = c.dropped_interface,
		.doubled = p.doubled,
		.rtt = s->delivery ? (uint64_t)producer_rtt(s->producer) : COUNTER_UNKNOWN,
		.passed = COUNTER_UNKNOWN,
		.buffered = s->live && !s->ended ? buffered(&c) : COUNTER_UNKNOWN,
		.queued_bytes = p.queued_bytes,
		.spool_bytes = r.usage.bytes,
		.spool_files = r.usage.files,
		.spool_age = spool_age(s, &r),
	};
	if (s->live && s->ended && !s->limit_reached && !c.inexact)
		out->passed = c.passed;
	assert(out->received + out->recovered ==
	       out->delivered + out->queued + out->spooled + out->failed + out->dropped + out->own);
	assert(out->passed == COUNTER_UNKNOWN ||
	       out->passed == out->received + out->dropped_kernel);
}

/* What is left when the input is gone is what was left then. */
void producer_report_measure(struct role *s, struct progress *out)
{
	uint64_t limit = s->cfg->max_packets;

	if (s->replay)
		replay_position(s->replay, &s->file_done, &s->file_left);
	*out = (struct progress){.packets = s->taken,
				 .time_us = s->last_us,
				 .done = s->file_done,
				 .left = s->file_left};
	if (limit)
		progress_limit(out, s->taken, s->taken < limit ? (int64_t)(limit - s->taken) : 0);
}

void producer_report_log(struct role *s)
{
	struct counters now;

	producer_report_read(s, &now);
	report_log(&s->report, &now, ev_now(s->opt.loop));
	if (s->delivery)
		producer_begin_rtt(s->producer);
}

void producer_report_summarize(struct role *s, char *buf, size_t size)
{
	struct counters now;
	size_t len;

	producer_report_read(s, &now);
	report_summarize(&s->report, &now, ev_now(s->opt.loop), buf, size);
	len = strlen(buf);
	if (s->members)
		members_describe(s->members, now.received + now.dropped_kernel, buf + len,
				 size - len);
}

/* A failure's line was its reason; whoever interrupts a start is told that nothing was taken. */
static int close_unstarted(const struct role *s)
{
	if (!s->failed)
		log_info("'0' packet(s) in, '0' packet(s) out");
	return 0;
}

int producer_report_close(struct role *s, bool interrupted)
{
	struct producer_counters p;
	struct relay_counters r;
	struct counters now;

	if (!s->delivery)
		return close_unstarted(s);
	relay_flush(s->relay);
	viewer_end(s->viewer);
	producer_report_read(s, &now);
	producer_read_counters(s->producer, &p);
	relay_read_counters(s->relay, &r);
	const struct report_end end = {
		.maybe = s->maybe,
		.again = s->again,
		.spool_directory = s->cfg->spool_directory,
		.waited_for = s->waiting,
		.refused = p.failed,
		.refusal = rejections_words(producer_refusals(s->producer)->for_good),
		.spool = r.dropped,
		.unreadable = r.unreadable,
		.unread = now.dropped - r.dropped,
		.rest = s->input_done || *s->failure ? NULL : s->cfg->read_file,
		.rest_done = s->file_done,
		.rest_left = s->file_left,
		.cut_short = s->cut_short,
		.failure = s->failure,
	};

	return report_end(&s->report, &now, &end, ev_now(s->opt.loop));
}

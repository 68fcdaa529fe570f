/* SPDX-License-Identifier: Apache-2.0 */
#include "app/consumer_role_impl.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "config/settings.h"
#include "config/time_range.h"
#include "output/output.h"

static void count(const struct role *s, struct consumer_counts *out)
{
	consumer_counts(s->consumer, out);
	out->read += s->before.read;
	out->skipped += s->before.skipped;
	out->outside += s->before.outside;
	out->gone += s->before.gone;
	out->late += s->before.late;
	out->full |= s->before.full;
	if (s->before.late_ns > out->late_ns)
		out->late_ns = s->before.late_ns;
}

/* In microseconds. */
static uint64_t lag_time(const struct role *s, uint64_t lag)
{
	uint64_t now = (uint64_t)(ev_now(s->opt.loop) * 1e6);

	if (lag == 0)
		return 0;
	if (lag == COUNTER_UNKNOWN || !s->last_us)
		return COUNTER_UNKNOWN;
	return now > s->last_us ? now - s->last_us : 0;
}

void consumer_report_read(const struct role *s, struct counters *out)
{
	struct consumer_counts counts;

	count(s, &counts);
	*out = (struct counters){
		.read = counts.read,
		.written = output_written(s->output),
		.bytes = s->bytes,
		.filtered = packet_filter_left_out(s->filter),
		.skipped = counts.skipped + s->foreign,
		.late = counts.late,
		.gone = counts.gone,
		.lag = (uint64_t)consumer_lag(s->consumer), /* -1: COUNTER_UNKNOWN */
		.clients = COUNTER_UNKNOWN,
		.cut_off = COUNTER_UNKNOWN,
		.rotated_files = s->opt.cfg->ring_buffer ? s->rotated_files : COUNTER_UNKNOWN,
	};
	output_clients(s->output, &out->clients, &out->cut_off);
	out->lag_time = lag_time(s, out->lag);
}

/* A range that ends ahead: in milliseconds, up to the moment from which its rest is read. */
static void limit_by_clock(const struct role *s, struct progress *out)
{
	const struct config *cfg = s->opt.cfg;
	int64_t now = (int64_t)(ev_now(s->opt.loop) * 1e3);
	int64_t end = cfg->to.us / 1000 + (int64_t)cfg->slack_ms;

	if (end > now && now >= s->began_ms)
		progress_limit(out, (uint64_t)(now - s->began_ms), end - now);
}

/* Records that are done: those of packets that wait for their place in the order count as left. */
static uint64_t records_done(const struct role *s)
{
	uint64_t packets = output_taken(s->output) + s->foreign + packet_filter_left_out(s->filter);
	struct consumer_counts counts;

	count(s, &counts);
	packets += counts.skipped;
	return counts.outside + (packets < counts.read ? packets : counts.read);
}

/* Records of a topic that has gaps are fewer than its offsets: what was done is what is not left.
 */
void consumer_report_measure(struct role *s, struct progress *out)
{
	uint64_t taken = output_taken(s->output), limit = s->opt.cfg->max_packets;
	int64_t left = consumer_left(s->consumer), here;

	here = left + (int64_t)records_done(s);
	if (left >= 0 && here > s->whole)
		s->whole = here;
	*out = (struct progress){.packets = taken + s->foreign,
				 .time_us = s->last_us,
				 .done = left >= 0 ? (uint64_t)(s->whole - left) : 0,
				 .left = left};
	if (left < 0 && time_range_ends_ahead(s->opt.cfg))
		limit_by_clock(s, out);
	if (limit)
		progress_limit(out, taken, taken < limit ? (int64_t)(limit - taken) : 0);
}

void consumer_report_log(struct role *s)
{
	struct counters now;

	consumer_report_read(s, &now);
	report_log(&s->report, &now, ev_now(s->opt.loop));
}

void consumer_report_summarize(struct role *s, char *buf, size_t size)
{
	struct counters now;

	consumer_report_read(s, &now);
	report_summarize(&s->report, &now, ev_now(s->opt.loop), buf, size);
}

/* Where the packets are that were read, when they are not where they were to be. */
static void describe_part(char *buf, size_t size, const struct role *s)
{
	const char *part = output_part(s->output);

	*buf = '\0';
	if (part && s->opt.cfg->ring_buffer) /* most are in the files before it */
		snprintf(buf, size, "; the last file is %s", part);
	else if (part)
		snprintf(buf, size, "; %" PRIu64 " packet(s) are in %s", output_written(s->output),
			 part);
}

/* How far it came. Returns whether it tells why nothing was read. */
static bool describe_progress(char *buf, size_t size, const struct role *s)
{
	const struct config *cfg = s->opt.cfg;
	int64_t left = consumer_left(s->consumer), now = clock_ns(CLOCK_REALTIME) / 1000;
	bool early = time_range_starts_ahead(cfg, now);
	char ahead[32];

	if (early) {
		units_format_span(ahead, sizeof(ahead), (uint64_t)(cfg->from.us - now) / 1000);
		snprintf(buf, size, "the start of the range, --from %s, is still %s ahead",
			 cfg->from.text, ahead);
	} else if (cfg->max_packets) {
		snprintf(buf, size, "%" PRIu64 " of %" PRIu64 " packet(s) read",
			 output_taken(s->output), cfg->max_packets);
	} else if (left >= 0) {
		snprintf(buf, size, "%" PRId64 " record(s) of topic %s not read", left, cfg->topic);
	} else if (cfg->autostop) {
		snprintf(buf, size, "--autostop %s was not reached", cfg->autostop);
	} else if (time_range_ends_ahead(cfg)) {
		snprintf(buf, size, "the end of the range, --to %s, was not reached", cfg->to.text);
	} else {
		snprintf(buf, size, "the end of topic %s was not reached", cfg->topic);
	}
	return early;
}

/* How far a bounded read came, and what ended it. */
static void log_cut_short(const struct role *s, bool interrupted, uint64_t read, const char *part)
{
	char far[384];
	bool waited = !describe_progress(far, sizeof(far), s) && (!interrupted || read == 0);

	log_error("Cut short%s: %s%s%s%s", interrupted ? " by a signal" : "", far,
		  waited ? "; waited for " : "", waited ? s->why : "", part);
}

/* A read that merges its partitions sorts each as far as --reorder, if memory holds that much. */
static bool lacked_memory(const struct config *cfg, const struct consumer_counts *counts)
{
	bool merged = cfg->exit_at_end && cfg->start.offset != CONFIG_OFFSET_STORED;

	return counts->full || (merged && counts->late_ns <= cfg->reorder_ms * UINT64_C(1000000));
}

/* What is not in order, and what would help. Who wants packets as they come was promised nothing.
 */
static void log_late(const struct config *cfg, const struct consumer_counts *counts)
{
	char reorder[32], longest[32], why[160];
	uint64_t max_ms = settings_find("reorder")->max;

	if (!counts->late || !cfg->reorder_ms)
		return;
	units_format_time(reorder, sizeof(reorder), cfg->reorder_ms);
	units_format_time(longest, sizeof(longest), max_ms);
	if (lacked_memory(cfg, counts))
		snprintf(why, sizeof(why),
			 "memory does not hold all that comes in --reorder %s; with less to sort "
			 "(--partitions, a filter) it lasts longer",
			 reorder);
	else if (counts->late_ns > max_ms * UINT64_C(1000000))
		snprintf(why, sizeof(why),
			 "they came later than the longest --reorder (%s); reordercap(1) sorts a "
			 "capture",
			 longest);
	else
		snprintf(why, sizeof(why),
			 "they came later than --reorder %s allows; a longer --reorder waits for "
			 "them",
			 reorder);
	log_warn("%" PRIu64 " packet(s) written out of order, up to %.3f s late: %s", counts->late,
		 (double)counts->late_ns / 1e9, why);
}

/* Of what a bounded read was to take, records that retention deleted before it came to them. */
static bool lacks(const struct role *s, const struct consumer_counts *counts)
{
	const struct config *cfg = s->opt.cfg;

	return counts->gone && (cfg->exit_at_end || time_range_ends_ahead(cfg));
}

/* Why the output did not take all that was read. */
static const char *why_missing(const struct role *s)
{
	if (s->status && !*s->why)
		return "the output failed";
	return s->opt.cfg->ring_buffer ? "the disk took no more" : "the reader was too slow";
}

/* What was read and is not in the capture; and that more is not, which nobody has counted. */
static void log_missing(const struct role *s, uint64_t missing)
{
	const char *topic = s->opt.cfg->topic;
	char rest[320] = "";

	if (missing && s->broken_off)
		snprintf(rest, sizeof(rest), "; topic %s was not read to its end", topic);
	if (missing)
		log_error("%" PRIu64 " packet(s) not written: %s%s", missing, why_missing(s), rest);
	else if (s->broken_off)
		log_error("Topic %s was not read to its end: %s", topic, why_missing(s));
}

/* Why it ended with 1; the last line names what caused the others. */
static void log_failures(const struct role *s, bool interrupted,
			 const struct consumer_counts *counts)
{
	uint64_t missing = output_taken(s->output) - output_written(s->output);
	char part[PATH_MAX + 64];

	describe_part(part, sizeof(part), s);
	output_log_left_out(s->output);
	log_missing(s, missing);
	if (lacks(s, counts))
		log_error("Not all was read: %" PRIu64
			  " record(s) of topic %s were deleted before they were read",
			  counts->gone, s->opt.cfg->topic);
	if (s->cut_short)
		log_cut_short(s, interrupted, counts->read, part);
	else if (*s->why)
		log_error("Given up: %s%s", s->why, part);
	else if (s->reader_gone)
		log_error("Cut short: the reader of the text is gone%s", part);
	output_log_failure(s->output);
}

/* What was read and is not in the capture, so that an empty one explains itself. */
static void log_left_out(const struct role *s, const struct consumer_counts *counts)
{
	uint64_t filtered = packet_filter_left_out(s->filter);

	if (counts->outside)
		log_info("%" PRIu64 " record(s) read that are outside the time range",
			 counts->outside);
	if (counts->skipped)
		log_info("%" PRIu64 " record(s) skipped that are not packets", counts->skipped);
	if (filtered)
		log_info("%" PRIu64 " packet(s) did not match the filter", filtered);
	packet_filter_log_unfit(s->filter);
}

int consumer_report_close(struct role *s, bool interrupted)
{
	uint64_t taken = output_taken(s->output), written = output_written(s->output);
	struct consumer_counts counts;

	count(s, &counts);
	log_left_out(s, &counts);
	log_info("'%" PRIu64 "' packet(s) in, '%" PRIu64 "' packet(s) out", taken + s->foreign,
		 written);
	if (s->reader_gone && !output_part(s->output))
		return s->status;
	output_log_cut(s->output);
	log_late(s->opt.cfg, &counts);
	log_failures(s, interrupted, &counts);
	return s->status || output_part(s->output) || s->foreign || s->cut_short ||
	       taken > written || lacks(s, &counts);
}

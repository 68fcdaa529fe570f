/* SPDX-License-Identifier: Apache-2.0 */
#include "app/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/counters_text.h"
#include "base/log.h"

void report_init(struct report *r, enum config_mode mode, double now)
{
	*r = (struct report){.mode = mode, .logged_at = now, .summed_at = now};
}

void report_log(struct report *r, const struct counters *counters, double now)
{
	bool worse = counters_lost(counters) > counters_lost(&r->logged);
	struct counters_fields f;
	char line[512];

	counters_fields(&f, r->mode, counters);
	counters_line(line, sizeof(line), r->mode, counters, &r->logged, now - r->logged_at);
	log_write_event(worse ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
			worse ? LOG_EVENT_DROPPED : LOG_EVENT_NONE, f.fields, f.n, "%s", line);
	r->logged = *counters;
	r->logged_at = now;
}

void report_summarize(struct report *r, const struct counters *counters, double now, char *buf,
		      size_t size)
{
	counters_status(buf, size, r->mode, counters, &r->summed, now - r->summed_at);
	r->summed = *counters;
	r->summed_at = now;
}

/* What became of packets that were not delivered. */
static void describe_loss(char *buf, size_t size, const struct report_end *end)
{
	char refused[256] = "", spool[128] = "", unread[64] = "";

	if (end->refused)
		snprintf(refused, sizeof(refused), "; %" PRIu64 " refused by Kafka for good: %s",
			 end->refused, end->refusal);
	if (end->spool)
		snprintf(spool, sizeof(spool),
			 "; %" PRIu64 " dropped: the spool or its disk was full, or a file damaged",
			 end->spool);
	if (end->unread)
		snprintf(unread, sizeof(unread), "; %" PRIu64 " left unread", end->unread);
	snprintf(buf, size, "%s%s%s%s%s", *end->waited_for ? ", waited for " : "", end->waited_for,
		 refused, spool, unread);
}

static void say_cut_short(uint64_t packets, const struct report_end *end)
{
	char bytes[64] = "";

	if (end->rest_left >= 0)
		snprintf(bytes, sizeof(bytes), ", %" PRIu64 " of %" PRIu64 " bytes", end->rest_done,
			 end->rest_done + (uint64_t)end->rest_left);
	log_error("Cut short: %s was not read to its end: %" PRIu64 " packet(s)%s", end->rest,
		  packets, bytes);
}

/* The last line of a run that fails. Returns the exit status. */
static int say_failure(const struct counters *counters, const struct report_end *end)
{
	uint64_t undelivered = counters->queued + counters->failed + counters->dropped;
	char loss[512];

	if (end->unreadable)
		log_error("%u file(s) in %s could not be read: their packets were not sent",
			  end->unreadable, end->spool_directory);
	if (undelivered == 0 && *end->failure)
		log_error("Ended early: %s", end->failure);
	else if (undelivered == 0 && end->cut_short)
		say_cut_short(counters->received - counters->own, end);
	if (undelivered == 0)
		return *end->failure || end->cut_short || end->unreadable;
	describe_loss(loss, sizeof(loss), end);
	log_write_event(LOG_LEVEL_ERROR, LOG_EVENT_UNDELIVERED, NULL, 0,
			"%" PRIu64 " packet(s) not delivered%s%s%s%s%s", undelivered, loss,
			*end->failure ? "; ended early: " : "", end->failure,
			end->rest ? "; not read to its end: " : "", end->rest ? end->rest : "");
	return 1;
}

int report_end(struct report *r, const struct counters *counters, const struct report_end *end,
	       double now)
{
	log_info("'%" PRIu64 "' packet(s) in, '%" PRIu64 "' packet(s) out",
		 counters->received - counters->own, counters->delivered);
	if (counters_lost(counters) + counters->own + counters->queued + counters->spooled +
	    counters->doubled + counters->recovered)
		report_log(r, counters, now);
	if (end->maybe)
		log_warn("%" PRIu64 " packet(s) were sent without an answer: Kafka may have them",
			 end->maybe);
	if (end->again)
		log_warn("%" PRIu64
			 " packet(s) that Kafka has are sent again at the next start: in "
			 "the spool they follow one that it does not have",
			 end->again);
	if (counters->spooled)
		log_info("%" PRIu64 " packet(s) wait in %s for the next start", counters->spooled,
			 end->spool_directory);
	return say_failure(counters, end);
}

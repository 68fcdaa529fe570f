/* SPDX-License-Identifier: Apache-2.0 */
#include "app/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Packets that will never be in Kafka. */
static uint64_t lost(const struct stats_producer *st)
{
	return st->failed + st->dropped + st->dropped_kernel + st->dropped_interface;
}

void report_producer(struct report *r, const struct stats_producer *st, double now)
{
	const struct log_field fields[] = {
		{"PYCAPA_RECEIVED", st->received},
		{"PYCAPA_RECOVERED", st->recovered},
		{"PYCAPA_DELIVERED", st->delivered},
		{"PYCAPA_QUEUED", st->queued},
		{"PYCAPA_SPOOLED", st->spooled},
		{"PYCAPA_FAILED", st->failed},
		{"PYCAPA_DROPPED", st->dropped},
		{"PYCAPA_DROPPED_KERNEL", st->dropped_kernel},
		{"PYCAPA_DROPPED_INTERFACE", st->dropped_interface},
		{"PYCAPA_OWN", st->own},
		{"PYCAPA_DOUBLED", st->doubled},
		{"PYCAPA_BYTES", st->bytes},
		{"PYCAPA_RTT_US", (uint64_t)st->rtt_us},
	};
	/* What is not known has no number. */
	size_t n = st->rtt_us < 0 ? COUNT(fields) - 1 : COUNT(fields);
	bool worse = lost(st) > lost(&r->logged);
	char line[512];

	stats_format_producer(line, sizeof(line), st, &r->logged, now - r->logged_at);
	log_write_event(worse ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
			worse ? LOG_EVENT_DROPPED : LOG_EVENT_NONE, fields, n, "%s", line);
	r->logged = *st;
	r->logged_at = now;
}

void report_summary(struct report *r, const struct stats_producer *st, double now, char *buf,
		    size_t size)
{
	stats_summarize_producer(buf, size, st, &r->summed, now - r->summed_at);
	r->summed = *st;
	r->summed_at = now;
}

void report_consumer(const struct stats_consumer *now, const struct stats_consumer *prev,
		     double seconds)
{
	const struct log_field fields[] = {
		{"PYCAPA_READ", now->read},         {"PYCAPA_WRITTEN", now->written},
		{"PYCAPA_SKIPPED", now->skipped},   {"PYCAPA_BYTES", now->bytes},
		{"PYCAPA_LAG", (uint64_t)now->lag},
	};
	/* An unknown lag has no number. */
	size_t n = now->lag < 0 ? COUNT(fields) - 1 : COUNT(fields);
	char line[256];

	stats_format_consumer(line, sizeof(line), now, prev, seconds);
	log_write_event(LOG_LEVEL_INFO, LOG_EVENT_NONE, fields, n, "%s", line);
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

/* The last line of a run that fails. Returns the exit status. */
static int say_failure(const struct stats_producer *st, const struct report_end *end)
{
	uint64_t undelivered = st->queued + st->failed + st->dropped;
	char loss[512];

	if (end->unreadable)
		log_error("%u file(s) in %s could not be read: their packets were not sent",
			  end->unreadable, end->spool_directory);
	if (undelivered == 0 && *end->failure)
		log_error("Ended early: %s", end->failure);
	else if (undelivered == 0 && end->cut_short)
		log_error("Cut short: %s was not read to its end", end->rest);
	if (undelivered == 0)
		return *end->failure || end->cut_short || end->unreadable;
	describe_loss(loss, sizeof(loss), end);
	log_write_event(LOG_LEVEL_ERROR, LOG_EVENT_UNDELIVERED, NULL, 0,
			"%" PRIu64 " packet(s) not delivered%s%s%s%s%s", undelivered, loss,
			*end->failure ? "; ended early: " : "", end->failure,
			end->rest ? "; not read to its end: " : "", end->rest ? end->rest : "");
	return 1;
}

int report_end(struct report *r, const struct stats_producer *st, const struct report_end *end,
	       double now)
{
	log_info("'%" PRIu64 "' packet(s) in, '%" PRIu64 "' packet(s) out", st->received - st->own,
		 st->delivered);
	if (lost(st) + st->own + st->queued + st->spooled + st->doubled + st->recovered)
		report_producer(r, st, now);
	if (end->maybe)
		log_warn("%" PRIu64 " packet(s) were sent without an answer: Kafka may have them",
			 end->maybe);
	if (end->again)
		log_warn("%" PRIu64
			 " packet(s) that Kafka has are sent again by the next start: in "
			 "the spool they come after one that it has not",
			 end->again);
	if (st->spooled)
		log_info("%" PRIu64 " packet(s) wait in %s for the next start", st->spooled,
			 end->spool_directory);
	return say_failure(st, end);
}

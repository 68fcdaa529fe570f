/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>

#include "log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

uint64_t report_lost(const struct stats_producer *st)
{
	return st->failed + st->dropped + st->dropped_kernel + st->dropped_interface;
}

void report_producer(const struct stats_producer *now, const struct stats_producer *prev,
		     double seconds)
{
	const struct log_field fields[] = {
		{"PYCAPA_RECEIVED", now->received},
		{"PYCAPA_RECOVERED", now->recovered},
		{"PYCAPA_DELIVERED", now->delivered},
		{"PYCAPA_QUEUED", now->queued},
		{"PYCAPA_SPOOLED", now->spooled},
		{"PYCAPA_FAILED", now->failed},
		{"PYCAPA_DROPPED", now->dropped},
		{"PYCAPA_DROPPED_KERNEL", now->dropped_kernel},
		{"PYCAPA_DROPPED_INTERFACE", now->dropped_interface},
		{"PYCAPA_OWN", now->own},
		{"PYCAPA_DOUBLED", now->doubled},
		{"PYCAPA_BYTES", now->bytes},
		{"PYCAPA_RTT_US", (uint64_t)now->rtt_us},
	};
	/* What is not known has no number. */
	size_t n = now->rtt_us < 0 ? COUNT(fields) - 1 : COUNT(fields);
	bool worse = report_lost(now) > report_lost(prev);
	char line[512];

	stats_format_producer(line, sizeof(line), now, prev, seconds);
	log_write_event(worse ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
			worse ? LOG_EVENT_DROPPED : LOG_EVENT_NONE, fields, n, "%s", line);
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
	uint64_t lost = st->queued + st->failed + st->dropped;
	char loss[512];

	if (lost == 0 && !*end->failure)
		return 0;
	if (lost == 0) {
		log_error("Ended early: %s", end->failure);
		return 1;
	}
	describe_loss(loss, sizeof(loss), end);
	log_write_event(LOG_LEVEL_ERROR, LOG_EVENT_UNDELIVERED, NULL, 0,
			"%" PRIu64 " packet(s) not delivered%s%s%s%s%s", lost, loss,
			*end->failure ? "; ended early: " : "", end->failure,
			*end->rest ? "; not read to its end: " : "", end->rest);
	return 1;
}

int report_end(const struct stats_producer *st, const struct report_end *end)
{
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

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

void report_describe_loss(char *buf, size_t size, const struct report_loss *loss)
{
	char refused[256] = "", spool[128] = "", unread[64] = "";

	if (loss->refused)
		snprintf(refused, sizeof(refused), "; %" PRIu64 " refused by Kafka for good: %s",
			 loss->refused, loss->refusal);
	if (loss->spool)
		snprintf(spool, sizeof(spool),
			 "; %" PRIu64 " dropped: the spool or its disk was full, or a file damaged",
			 loss->spool);
	if (loss->unread)
		snprintf(unread, sizeof(unread), "; %" PRIu64 " left unread", loss->unread);
	snprintf(buf, size, "%s%s%s%s%s", *loss->waited_for ? ", waited for " : "",
		 loss->waited_for, refused, spool, unread);
}

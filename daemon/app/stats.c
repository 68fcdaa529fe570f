/* SPDX-License-Identifier: Apache-2.0 */
#include "app/stats.h"

#include <inttypes.h>
#include <stdio.h>

static double rate(uint64_t now, uint64_t prev, double seconds)
{
	return seconds > 0 ? (double)(now - prev) / seconds : 0;
}

int stats_format_producer(char *buf, size_t size, const struct stats_producer *now,
			  const struct stats_producer *prev, double seconds)
{
	char passed[32] = "", rtt[32] = "unknown";

	if (now->rtt_us >= 0)
		snprintf(rtt, sizeof(rtt), "%.1f", (double)now->rtt_us / 1e3);
	if (now->passed_known)
		snprintf(passed, sizeof(passed), "passed=%" PRIu64 " ", now->passed);
	return snprintf(buf, size,
			"%sreceived=%" PRIu64 " recovered=%" PRIu64 " delivered=%" PRIu64
			" queued=%" PRIu64 " spooled=%" PRIu64 " failed=%" PRIu64
			" dropped=%" PRIu64 " dropped_kernel=%" PRIu64 " dropped_interface=%" PRIu64
			" own=%" PRIu64 " doubled=%" PRIu64 " rtt_ms=%s packets/s=%.0f bits/s=%.0f",
			passed, now->received, now->recovered, now->delivered, now->queued,
			now->spooled, now->failed, now->dropped, now->dropped_kernel,
			now->dropped_interface, now->own, now->doubled, rtt,
			rate(now->received, prev->received, seconds),
			rate(now->bytes, prev->bytes, seconds) * 8);
}

static void format_lag(char *buf, size_t size, int64_t lag)
{
	if (lag < 0)
		snprintf(buf, size, "unknown");
	else
		snprintf(buf, size, "%" PRId64, lag);
}

int stats_format_consumer(char *buf, size_t size, const struct stats_consumer *now,
			  const struct stats_consumer *prev, double seconds)
{
	char lag[24];

	format_lag(lag, sizeof(lag), now->lag);
	return snprintf(buf, size,
			"read=%" PRIu64 " written=%" PRIu64 " skipped=%" PRIu64
			" lag=%s packets/s=%.0f bits/s=%.0f",
			now->read, now->written, now->skipped, lag,
			rate(now->written, prev->written, seconds),
			rate(now->bytes, prev->bytes, seconds) * 8);
}

/* Bits a second with the unit that leaves one to three digits before the point. */
static void format_bits(char *buf, size_t size, double bits)
{
	static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s"};
	size_t u = 0;

	while (bits >= 1000 && u < 3) {
		bits /= 1000;
		u++;
	}
	snprintf(buf, size, "%.*f %s", u ? 1 : 0, bits, units[u]);
}

int stats_summarize_producer(char *buf, size_t size, const struct stats_producer *now,
			     const struct stats_producer *prev, double seconds)
{
	char bits[32];

	format_bits(bits, sizeof(bits), rate(now->bytes, prev->bytes, seconds) * 8);
	return snprintf(buf, size,
			"%.0f packets/s, %s; delivered %" PRIu64 ", queued %" PRIu64
			", spooled %" PRIu64 ", lost %" PRIu64,
			rate(now->received, prev->received, seconds), bits, now->delivered,
			now->queued, now->spooled,
			now->failed + now->dropped + now->dropped_kernel + now->dropped_interface);
}

int stats_summarize_consumer(char *buf, size_t size, const struct stats_consumer *now,
			     const struct stats_consumer *prev, double seconds)
{
	char bits[32], lag[24];

	format_bits(bits, sizeof(bits), rate(now->bytes, prev->bytes, seconds) * 8);
	format_lag(lag, sizeof(lag), now->lag);
	return snprintf(buf, size,
			"%.0f packets/s, %s; written %" PRIu64 ", skipped %" PRIu64 ", lag %s",
			rate(now->written, prev->written, seconds), bits, now->written,
			now->skipped, lag);
}

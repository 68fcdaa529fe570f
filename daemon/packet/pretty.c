/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/pretty.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/printable.h"

#define BYTES_PER_LINE 16
#define COUNT_MAX      64 /* the line that counts */
#define TOPIC_MAX      249
#define ORIGIN_MAX     448 /* the line of the origin, topic included */

size_t pretty_size(uint32_t caplen)
{
	return COUNT_MAX + ORIGIN_MAX + (size_t)caplen * 3;
}

/* Never fails: a time past what gmtime_r() takes is shown as seconds. */
static void format_date(char *out, size_t size, uint64_t time_us)
{
	time_t sec = (time_t)(time_us / 1000000);
	unsigned int us = (unsigned int)(time_us % 1000000);
	struct tm tm;
	char day[40];

	if (gmtime_r(&sec, &tm) && strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm))
		snprintf(out, size, "%s.%06uZ", day, us);
	else
		snprintf(out, size, "@%" PRIu64 ".%06u", time_us / 1000000, us);
}

static size_t put_origin(char *out, const struct packet *pkt, const struct pretty_origin *origin)
{
	char date[64], topic[TOPIC_MAX + 1];
	int n;

	snprintf(topic, sizeof(topic), "%s", origin->topic);
	printable_line(topic);
	format_date(date, sizeof(date), pkt->time_us);
	n = snprintf(out, ORIGIN_MAX,
		     "Packet: date=%s topic=%s partition=%" PRId32 " offset=%" PRId64
		     " length=%" PRIu32 "\n",
		     date, topic, origin->partition, origin->offset, pkt->caplen);
	return (size_t)n;
}

static size_t put_dump(char *out, const uint8_t *data, uint32_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *at = out;

	for (uint32_t i = 0; i < len; i++) {
		*at++ = digits[data[i] >> 4];
		*at++ = digits[data[i] & 15];
		*at++ = (i % BYTES_PER_LINE == BYTES_PER_LINE - 1 || i == len - 1) ? '\n' : ' ';
	}
	return (size_t)(at - out);
}

size_t pretty_packet(char *out, uint64_t count, const struct packet *pkt,
		     const struct pretty_origin *origin)
{
	size_t n = (size_t)snprintf(out, COUNT_MAX, "%" PRIu64 " packet(s) received\n", count);

	if (origin)
		n += put_origin(out + n, pkt, origin);
	return n + put_dump(out + n, pkt->data, pkt->caplen);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "app/counters.h"

#include <assert.h>

#define LINE   COUNTER_IN_LINE
#define STATUS COUNTER_IN_STATUS
#define RATE   COUNTER_AS_RATE
#define LOSS   COUNTER_AS_LOSS
#define KNOWN  COUNTER_IF_KNOWN

#define ROW(of, field, what, how, where, text)                                                     \
	{                                                                                          \
		.name = #field, .offset = offsetof(struct counters, field),                        \
		.mode = CONFIG_MODE_##of, .unit = COUNTER_##what, .kind = COUNTER_##how,           \
		.shown = (where), .help = (text)                                                   \
	}

/* clang-format off */
static const struct counter table[] = {
	ROW(PRODUCER, passed, PACKETS, TOTAL, LINE,
	    "Packets that passed the filter in the kernel; known once the input was drained."),
	ROW(PRODUCER, received, PACKETS, TOTAL, LINE | RATE,
	    "Packets that passed the filter and were read."),
	ROW(PRODUCER, recovered, PACKETS, TOTAL, LINE,
	    "Packets of earlier runs that were in the spool at the start."),
	ROW(PRODUCER, delivered, PACKETS, TOTAL, LINE | STATUS,
	    "Packets that Kafka acknowledged."),
	ROW(PRODUCER, queued, PACKETS, GAUGE, LINE | STATUS,
	    "Packets in memory that Kafka has not acknowledged yet."),
	ROW(PRODUCER, spooled, PACKETS, GAUGE, LINE | STATUS,
	    "Packets on disk that Kafka has not acknowledged yet."),
	ROW(PRODUCER, failed, PACKETS, TOTAL, LINE | LOSS,
	    "Packets that Kafka refused for good, or that the shutdown gave up."),
	ROW(PRODUCER, dropped, PACKETS, TOTAL, LINE | LOSS,
	    "Packets given up by pycapa: spool damaged or its disk full, or left unread at the end."),
	ROW(PRODUCER, dropped_kernel, PACKETS, TOTAL, LINE | LOSS,
	    "Packets lost before they could be read, as the capture buffer was full."),
	ROW(PRODUCER, dropped_interface, PACKETS, TOTAL, LINE | LOSS,
	    "Packets lost by the device or its driver."),
	ROW(PRODUCER, own, PACKETS, TOTAL, LINE,
	    "Packets of pycapa's own connections to Kafka, left out."),
	ROW(PRODUCER, doubled, PACKETS, TOTAL, LINE,
	    "Packets sent again although Kafka may have them."),
	ROW(PRODUCER, bytes, BYTES, TOTAL, RATE,
	    "Captured bytes of the packets taken from the input."),
	ROW(PRODUCER, rtt, MICROSECONDS, GAUGE, LINE,
	    "Longest round trip to a broker since the last stats line."),
	ROW(PRODUCER, buffered, PACKETS, GAUGE, 0,
	    "Packets in the capture buffer, not read yet; as of the last look at the kernel's counts."),
	ROW(PRODUCER, queued_bytes, BYTES, GAUGE, 0,
	    "Captured bytes of the packets in memory that Kafka has not acknowledged yet."),
	ROW(PRODUCER, spool_bytes, BYTES, GAUGE, 0,
	    "Bytes of the spool's files."),
	ROW(PRODUCER, spool_files, FILES, GAUGE, 0,
	    "Files of the spool."),
	ROW(PRODUCER, spool_age, MICROSECONDS, GAUGE, 0,
	    "Age, since its capture, of the oldest packet in the spool not acknowledged; 0 when empty."),
	ROW(CONSUMER, read, RECORDS, TOTAL, LINE,
	    "Records read from the topic."),
	ROW(CONSUMER, written, PACKETS, TOTAL, LINE | STATUS | RATE,
	    "Packets written whole to the output."),
	ROW(CONSUMER, filtered, PACKETS, TOTAL, LINE,
	    "Packets that the filter left out."),
	ROW(CONSUMER, skipped, RECORDS, TOTAL, LINE | STATUS,
	    "Records skipped, as they are not packets that the output can hold."),
	ROW(CONSUMER, late, PACKETS, TOTAL, LINE,
	    "Packets written after younger ones: they came later than reorder allows."),
	ROW(CONSUMER, clients, CLIENTS, GAUGE, LINE | KNOWN,
	    "Clients that are connected to listen."),
	ROW(CONSUMER, cut_off, CLIENTS, TOTAL, LINE,
	    "Clients of listen that were cut off, as they were too slow."),
	ROW(CONSUMER, gone, RECORDS, TOTAL, 0,
	    "Records that were deleted before they could be read."),
	ROW(CONSUMER, rotated_files, FILES, TOTAL, 0,
	    "Files of the set that are whole and have their names."),
	ROW(CONSUMER, bytes, BYTES, TOTAL, RATE,
	    "Captured bytes of the packets handed to the output."),
	ROW(CONSUMER, lag, RECORDS, GAUGE, LINE | STATUS,
	    "Records between the consumer and the end of the topic."),
	ROW(CONSUMER, lag_time, MICROSECONDS, GAUGE, 0,
	    "Age, since its capture, of the last packet read, while records are left; 0 when none."),
};
/* clang-format on */

#define ROWS (sizeof(table) / sizeof(table[0]))

static_assert(ROWS <= COUNTERS_MAX, "COUNTERS_MAX");

static const struct counter *find(const struct counter *row, enum config_mode mode)
{
	while (row < table + ROWS && row->mode != mode)
		row++;
	return row < table + ROWS ? row : NULL;
}

const struct counter *counters_first(enum config_mode mode)
{
	return find(table, mode);
}

const struct counter *counters_next(const struct counter *row)
{
	return find(row + 1, row->mode);
}

uint64_t counters_value(const struct counters *counters, const struct counter *row)
{
	return *(const uint64_t *)(const void *)((const char *)counters + row->offset);
}

uint64_t counters_lost(const struct counters *counters)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < ROWS; i++)
		if (table[i].shown & COUNTER_AS_LOSS)
			lost += counters_value(counters, &table[i]);
	return lost;
}

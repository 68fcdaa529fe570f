/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bare producer of what an interface captures:
 *
 *	PROGRAM INTERFACE BROKERS TOPIC COUNT PARTITIONS [NAME=VALUE]...
 *
 * The partition is known without looking: pktgen's packets go round its flows, and the digits of
 * PARTITIONS are those of its flows, one each. It prints `ready` once it captures, ends once COUNT
 * packets are delivered, and says how many were.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <pcap/pcap.h>
#include <stdint.h>

struct bare_capture {
	pcap_t *pcap;
	rd_kafka_t *rk; /* its opaque is this */
	rd_kafka_topic_t *topic;
	uint64_t limit, taken;              /* packets */
	uint64_t delivered;                 /* counted by the program's on_delivery() */
	const char *interface, *partitions; /* digits */
	size_t flows;
};

/* From here on it captures. */
void bare_capture_open(struct bare_capture *b, char **argv,
		       void (*on_delivery)(rd_kafka_t *rk, const rd_kafka_message_t *m,
					   void *opaque));

/* Takes packets until there are enough; `after`, if not NULL, after each batch. */
void bare_capture_run(struct bare_capture *b, void *ctx,
		      void (*take)(void *ctx, int32_t partition, uint64_t us, const uint8_t *data,
				   size_t len),
		      void (*after)(void *ctx));

/* Waits for the answers. Returns the exit status. */
int bare_capture_close(struct bare_capture *b);

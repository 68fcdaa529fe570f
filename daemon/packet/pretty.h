/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --pretty-print shows of a packet: how many there were, and a hex dump. Pure: writes text
 * to a buffer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

/* Where in Kafka a consumed packet came from. */
struct pretty_origin {
	const char *topic; /* at most 249 bytes, as Kafka allows */
	int32_t partition;
	int64_t offset;
};

/* How much room pretty_packet() needs for a packet of `caplen` bytes. */
size_t pretty_size(uint32_t caplen);

/*
 * Writes
 *	20 packet(s) received
 *	Packet: date=2017-05-02T13:04:05.123456Z topic=pcap partition=0 offset=19 length=92
 *	01 00 5e 00 00 fb ac bc 32 bf 0d 43 08 00 45 00
 *	...
 * with a newline at the end of each line; the second only when `origin` is not NULL. `count` is
 * how many packets there were so far, this one included. The text is not NUL-terminated.
 * Returns its length, at most pretty_size(pkt->caplen).
 */
size_t pretty_packet(char *out, uint64_t count, const struct packet *pkt,
		     const struct pretty_origin *origin);

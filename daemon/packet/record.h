/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet as a Kafka record, and back: the key and the headers of docs/record.md; those of a block
 * too, whose value is for block_writer.h and block_reader.h. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

#define RECORD_KEY_LEN     8
#define RECORD_MAX_HEADERS 6 /* linktype, wirelen, nanos, dropcount, host, interface */

/*
 * A header: `name` is static; `value`, not terminated, is ASCII decimal in `digits`, or a name that
 * the packet has, borrowed.
 */
struct record_header {
	const char *name;
	size_t name_len;
	const char *value;
	size_t len;
	char digits[20];
};

/* Writes the key: capture time in microseconds, unsigned 64 bit, big-endian. */
void record_put_key(uint8_t key[RECORD_KEY_LEN], uint64_t time_us);

/* Reads a key. Returns false when it is missing (NULL) or not exactly 8 bytes long. */
bool record_get_key(const void *key, size_t len, uint64_t *time_us);

/* The CreateTime of a packet, milliseconds; never 0, which librdkafka takes for "now". */
int64_t record_timestamp_ms(const struct packet *pkt);

/* True when the packet says anything that the defaults do not: most have no header at all. */
static inline bool record_needs_headers(const struct packet *pkt)
{
	return pkt->linktype != PACKET_LINKTYPE_DEFAULT || pkt->wirelen != pkt->caplen ||
	       pkt->nanos != 0 || pkt->host_len || pkt->interface_len || pkt->dropcount;
}

/*
 * Fills `out` with the headers the packet needs; returns how many (0 to RECORD_MAX_HEADERS). They
 * point into themselves: not to be copied.
 */
size_t record_put_headers(const struct packet *pkt, struct record_header out[RECORD_MAX_HEADERS]);

/* The same for a block of that many packets; `host`: NULL, or where it was captured. */
size_t record_put_block_headers(uint64_t packets, const char *host, size_t host_len,
				struct record_header out[RECORD_MAX_HEADERS]);

/*
 * The packet of a record without headers: all that they would say gets its default (Ethernet,
 * wirelen = the value's length, 0 ns). More than PACKET_MAX_LEN bytes are cut. Borrows the value.
 * Returns NULL, or why this is no packet, in a few words (static). Empty values are packets
 * (captures do hold some), null ones are not.
 */
const char *record_get_packet(struct packet *pkt, const void *key, size_t key_len,
			      const void *value, size_t len);

/*
 * Takes one header of the record into that packet; the names of host and interface are borrowed.
 * Unknown headers are ignored. Returns false when a known one has a value that is not a decimal in
 * its range; the packet is then unchanged.
 */
bool record_get_header(struct packet *pkt, const char *name, const void *value, size_t len);

/* The value of a header that is a number of at most `max`. False: it is none. */
bool record_parse_decimal(const char *text, size_t len, uint64_t max, uint64_t *out);
/* Of a name that a header has; it is for people: what is too long for one is cut. */
uint8_t record_name_len(size_t len);

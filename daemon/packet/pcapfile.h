/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classic pcap format, as libpcap's savefiles have it. Pure: writes to a buffer.
 *
 * Native byte order: the magic number tells a reader which one that is. Source of the format:
 * pcap-savefile(5), draft-ietf-opsawg-pcap.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "packet/packet.h"

#define PCAPFILE_HEADER_LEN 24
#define PCAPFILE_RECORD_LEN 16 /* before the bytes of each packet */

/*
 * Writes the file header; snaplen is PACKET_MAX_LEN, since a topic has no snaplen of its own.
 * `nano`: times are in nanoseconds, not in microseconds.
 */
void pcapfile_put_header(uint8_t out[PCAPFILE_HEADER_LEN], uint16_t linktype, bool nano);

/* False when the packet's time is past what 32 bit seconds can say (the year 2106). */
static inline bool pcapfile_can_hold(const struct packet *pkt)
{
	return pkt->time_us < ((uint64_t)UINT32_MAX + 1) * 1000000;
}

/*
 * Writes one record, header and bytes, at `out`, which must have room for PCAPFILE_RECORD_LEN +
 * caplen bytes. Returns how many were written. The packet must be one that pcapfile_can_hold().
 * Inline, since every packet of a consumer passes here.
 */
static inline size_t pcapfile_put_record(uint8_t *out, const struct packet *pkt, bool nano)
{
	uint64_t sec = pkt->time_us / 1000000;
	uint32_t us = (uint32_t)(pkt->time_us - sec * 1000000);
	const uint32_t head[4] = {
		(uint32_t)sec,
		nano ? us * 1000 + pkt->nanos : us,
		pkt->caplen,
		pkt->wirelen,
	};

	_Static_assert(sizeof(head) == PCAPFILE_RECORD_LEN, "a record header is 16 bytes");
	memcpy(out, head, sizeof(head));
	if (pkt->caplen)
		memcpy(out + sizeof(head), pkt->data, pkt->caplen);
	return sizeof(head) + pkt->caplen;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads classic pcap, in either byte order, and its relatives: what libpcap reads, and Wireshark.
 * Pure, bounds-checked. Sources: pcap-savefile(5), draft-ietf-opsawg-pcap, and what those two
 * programs say of the variants that no standard knows.
 *
 * | magic      | times | differs in                                                        |
 * |------------|-------|-------------------------------------------------------------------|
 * | 0xa1b2c3d4 | µs    |                                                                   |
 * | 0xa1b23c4d | ns    |                                                                   |
 * | 0xa12b3c4d | ns    | Navtel's                                                          |
 * | 0xa1b2cd34 | µs    | Kuznetsov's: 8 or 12 more bytes before each packet                |
 * | 0x1c0001ac | ns    | IXIA's, from hardware: 4 more bytes in the header of the file     |
 * | 0x1c0001ab | µs    | IXIA's, from software: the same                                   |
 *
 * With the first magic there are also files with 8 more bytes before each packet (Red Hat 6), with
 * 4 (Nokia), and AIX's, whose times are ns and whose link types are RFC 1573's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/decoder.h"

struct pcap_decoder {
	bool swapped;          /* in the other byte order than the host's */
	bool nano;             /* times are in nanoseconds */
	bool begun;            /* the header of the file is read */
	bool settled;          /* it is known how long the header of a packet is */
	uint8_t record_len;    /* of that */
	uint8_t padding;       /* bytes before the data, which are counted as part of it */
	uint16_t major, minor; /* version: which of the two lengths comes first */
	uint16_t linktype;
	uint32_t magic, snaplen;
};

/* Whether the first 4 bytes of a file are pcap's. */
bool pcap_decoder_knows(const uint8_t magic[4]);

/* What lies at `p`; the first call is for the start of the file. `all`: these are its last bytes.
 */
enum decoder_found pcap_decoder_next(struct pcap_decoder *d, const uint8_t *p, size_t len, bool all,
				     struct decoder_item *out);

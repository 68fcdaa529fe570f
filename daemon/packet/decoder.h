/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the decoders of capture files (pcap_decoder, pcapng_decoder) have in common: what one finds
 * at a place of a file, and how it is put. Pure.
 *
 * A decoder is given the bytes from that place on, as many as there are. It holds none of them, and
 * wants no more than DECODER_NEED_MAX at a time: what is longer than that and of no use is passed
 * over. So any file is read with that much memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

#define DECODER_NEED_MAX (1024 * 1024)

enum decoder_found {
	DECODER_PASSED,    /* nothing for the caller: go on */
	DECODER_INTERFACE, /* packets of `linktype` may follow */
	DECODER_PACKET,    /* `pkt` */
	DECODER_SHORT,     /* `need` bytes are wanted at this place */
	DECODER_BAD,       /* damage, for the reason in `why`: it ends here */
};

struct decoder_item {
	/* But for SHORT and BAD: where to go on, from this place; may be beyond the bytes given. */
	uint64_t used;
	size_t need;
	uint16_t linktype;
	struct packet pkt; /* its data is borrowed from the bytes given, its names until the next */
	/* Of a packet of pcapng: a number of its interface, 0 at first, which is the caller's until
	 * the section ends. */
	uint64_t *untold;
	bool cut;      /* it is longer than PACKET_MAX_LEN, and was cut to that */
	bool misdated; /* its time is before 1970, which a packet cannot hold: made 1970 */
	bool beyond;   /* its time is too far in the future for a packet: made 1970 */
	bool undated;  /* it has no time: made 1970 */
	char why[160];
};

enum decoder_found decoder_bad(struct decoder_item *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
enum decoder_found decoder_short(struct decoder_item *out, size_t need);

/*
 * How long a packet of this link type may be; what is longer is damage. For a few (D-Bus, USB) that
 * is more than PACKET_MAX_LEN.
 */
uint32_t decoder_max_len(uint16_t linktype);

/* A link type as a file has it: some old files name the DLT_ of their system, which differs. */
uint16_t decoder_linktype(uint16_t number);

/* Makes the packet, but for its time: `caplen` bytes at `data`, as many as there are of it here. */
void decoder_put_packet(struct decoder_item *out, uint16_t linktype, const uint8_t *data,
			uint32_t caplen, uint32_t wirelen);

/* Its time: seconds since 1970, and nanoseconds, which may be more than a second. A packet holds
 * those of the years 1970 to 294246. */
void decoder_put_time(struct decoder_item *out, int64_t sec, uint64_t ns);

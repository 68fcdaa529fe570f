/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/decoder.h"

#include <stdarg.h>
#include <stdio.h>

#define MIB (1024 * 1024)

enum decoder_found decoder_bad(struct decoder_item *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(out->why, sizeof(out->why), format, args);
	va_end(args);
	return DECODER_BAD;
}

enum decoder_found decoder_short(struct decoder_item *out, size_t need)
{
	out->need = need;
	return DECODER_SHORT;
}

/* libpcap's limits, and Wireshark's. */
uint32_t decoder_max_len(uint16_t linktype)
{
	switch (linktype) {
	case 231: /* D-Bus */
	case 189: /* USB, of Linux */
	case 220: /* the same with a longer header */
	case 249: /* USB, of Windows */
		return 128 * MIB;
	case 279: /* Elektrobit's high speed capture and replay */
		return 8 * MIB;
	default:
		return PACKET_MAX_LEN;
	}
}

uint16_t decoder_linktype(uint16_t number)
{
	switch (number) {
	case 11: /* DLT_ATM_RFC1483 */
		return 100;
	case 12: /* DLT_RAW */
		return 101;
	case 15: /* DLT_SLIP_BSDOS */
		return 102;
	case 16: /* DLT_PPP_BSDOS */
		return 103;
	case 19: /* DLT_ATM_CLIP */
		return 106;
	default:
		return number;
	}
}

void decoder_put_packet(struct decoder_item *out, uint16_t linktype, const uint8_t *data,
			uint32_t caplen, uint32_t wirelen)
{
	out->cut = caplen > PACKET_MAX_LEN;
	out->pkt = (struct packet){
		.data = data,
		.caplen = out->cut ? PACKET_MAX_LEN : caplen,
		.wirelen = wirelen,
		.linktype = linktype,
	};
}

void decoder_put_time(struct decoder_item *out, int64_t sec, uint64_t ns)
{
	out->misdated = sec < 0;
	out->beyond = sec >= INT64_MAX / 1000000;
	if (out->misdated || out->beyond)
		return;
	out->pkt.time_us = (uint64_t)sec * 1000000 + ns / 1000;
	out->pkt.nanos = (uint16_t)(ns % 1000);
}

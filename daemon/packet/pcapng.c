/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/pcapng.h"

#include <string.h>

#include "base/bytes.h"

#define SECTION    0x0a0d0d0a
#define INTERFACE  1
#define STATISTICS 5
#define PACKET     6

#define BYTE_ORDER_MAGIC 0x1a2b3c4d

#define OPTION_END     0
#define OPTION_COMMENT 1

#define SHB_OS       3
#define SHB_USERAPPL 4

#define IF_NAME        2
#define IF_DESCRIPTION 3
#define IF_TSRESOL     9

#define EPB_FLAGS     2
#define EPB_DROPCOUNT 4

#define ISB_STARTTIME 2
#define ISB_ENDTIME   3
#define ISB_IFRECV    4
#define ISB_IFDROP    5
#define ISB_USRDELIV  8

uint8_t pcapng_resolution(uint64_t time_us)
{
	return time_us < UINT64_MAX / 1000 ? 9 : 6;
}

uint64_t pcapng_ticks(const struct packet *pkt, uint8_t resolution)
{
	return resolution == 9 ? pkt->time_us * 1000 + pkt->nanos : pkt->time_us;
}

size_t pcapng_packet_size_max(uint32_t caplen)
{
	return 32 + pcapng_padded(caplen) + 8 + 12 + 4;
}

/* 0: it is left out. */
static size_t option_size(size_t len)
{
	return len ? 4 + pcapng_padded(len) : 0;
}

size_t pcapng_section_size(const char *os, const char *application)
{
	return 24 + option_size(strlen(os)) + option_size(strlen(application)) + 4 + 4;
}

size_t pcapng_interface_size(const struct packet *pkt)
{
	return 16 + option_size(pkt->interface_len) + option_size(pkt->host_len) + option_size(1) +
	       4 + 4;
}

size_t pcapng_packet_size(const struct packet *pkt, uint32_t flags)
{
	size_t options = (flags ? 8 : 0) + (pkt->dropcount ? 12 : 0);

	return 32 + pcapng_padded(pkt->caplen) + options + (options ? 4 : 0);
}

size_t pcapng_frame_block(uint8_t *buf, uint32_t type, size_t n)
{
	bytes_put32(buf, type);
	bytes_put32(buf + 4, (uint32_t)n + 4);
	bytes_put32(buf + n, (uint32_t)n + 4);
	return n + 4;
}

size_t pcapng_put_option(uint8_t *buf, uint16_t code, const void *value, size_t len)
{
	bytes_put16(buf, code);
	bytes_put16(buf + 2, (uint16_t)len);
	memset(buf + 4 + len, 0, pcapng_padded(len) - len);
	if (len)
		memcpy(buf + 4, value, len);
	return 4 + pcapng_padded(len);
}

static size_t put_text(uint8_t *buf, uint16_t code, const char *text)
{
	return *text ? pcapng_put_option(buf, code, text, strlen(text)) : 0;
}

static size_t put_number(uint8_t *buf, uint16_t code, uint64_t v)
{
	return pcapng_put_option(buf, code, &v, sizeof(v));
}

static size_t put_end(uint8_t *buf)
{
	return pcapng_put_option(buf, OPTION_END, NULL, 0);
}

/* A time stamp is two halves, the upper one first. */
static void put_ticks(uint8_t *buf, uint64_t ticks)
{
	bytes_put32(buf, (uint32_t)(ticks >> 32));
	bytes_put32(buf + 4, (uint32_t)ticks);
}

static size_t put_time(uint8_t *buf, uint16_t code, uint64_t ticks)
{
	uint8_t halves[8];

	put_ticks(halves, ticks);
	return pcapng_put_option(buf, code, halves, sizeof(halves));
}

size_t pcapng_begin_section(uint8_t *buf)
{
	bytes_put32(buf + 8, BYTE_ORDER_MAGIC);
	bytes_put16(buf + 12, 1);
	bytes_put16(buf + 14, 0);
	bytes_put64(buf + 16, UINT64_MAX); /* length of the section: not given */
	return 24;
}

size_t pcapng_put_section(uint8_t *buf, const char *os, const char *application)
{
	size_t n = pcapng_begin_section(buf);

	n += put_text(buf + n, SHB_OS, os);
	n += put_text(buf + n, SHB_USERAPPL, application);
	n += put_end(buf + n);
	return pcapng_frame_block(buf, SECTION, n);
}

static size_t put_name(uint8_t *buf, uint16_t code, const char *name, uint8_t len)
{
	return len ? pcapng_put_option(buf, code, name, len) : 0;
}

size_t pcapng_begin_interface(uint8_t *buf, uint16_t linktype)
{
	bytes_put16(buf + 8, linktype);
	bytes_put16(buf + 10, 0);
	bytes_put32(buf + 12, PACKET_MAX_LEN);
	return 16;
}

size_t pcapng_put_interface(uint8_t *buf, const struct packet *pkt, uint8_t resolution)
{
	size_t n = pcapng_begin_interface(buf, pkt->linktype);

	n += put_name(buf + n, IF_NAME, pkt->interface, pkt->interface_len);
	n += put_name(buf + n, IF_DESCRIPTION, pkt->host, pkt->host_len);
	n += pcapng_put_option(buf + n, IF_TSRESOL, &resolution, 1);
	n += put_end(buf + n);
	return pcapng_frame_block(buf, INTERFACE, n);
}

void pcapng_interface_names(const struct packet *pkt, size_t *name, size_t *host)
{
	*name = 16 + 4;
	*host = 16 + option_size(pkt->interface_len) + 4;
}

/* Inlined into both callers: it is called for each packet. */
static inline __attribute__((always_inline)) size_t begin_packet(uint8_t *buf, uint32_t interface,
								 uint8_t resolution,
								 const struct packet *pkt)
{
	size_t n = 28 + pcapng_padded(pkt->caplen);

	bytes_put32(buf + 8, interface);
	put_ticks(buf + 12, pcapng_ticks(pkt, resolution));
	bytes_put32(buf + 20, pkt->caplen);
	bytes_put32(buf + 24, pkt->wirelen);
	if (pkt->caplen % 4)
		bytes_put32(buf + n - 4, 0); /* the padding; the data goes over it */
	if (pkt->caplen)
		memcpy(buf + 28, pkt->data, pkt->caplen);
	return n;
}

size_t pcapng_begin_packet(uint8_t *buf, uint32_t interface, uint8_t resolution,
			   const struct packet *pkt)
{
	return begin_packet(buf, interface, resolution, pkt);
}

/* Not inlined: most packets have none, and the way of those is to stay short. */
static __attribute__((noinline)) size_t put_packet_options(uint8_t *buf, const struct packet *pkt,
							   uint32_t flags, const char *comment)
{
	size_t n = put_text(buf, OPTION_COMMENT, comment);

	if (flags)
		n += pcapng_put_option(buf + n, EPB_FLAGS, &flags, sizeof(flags));
	if (pkt->dropcount)
		n += put_number(buf + n, EPB_DROPCOUNT, pkt->dropcount);
	return n + put_end(buf + n);
}

size_t pcapng_put_packet(uint8_t *buf, uint32_t interface, uint8_t resolution,
			 const struct packet *pkt, uint32_t flags, const char *comment)
{
	size_t n = begin_packet(buf, interface, resolution, pkt);

	if (flags || pkt->dropcount || *comment)
		n += put_packet_options(buf + n, pkt, flags, comment);
	return pcapng_frame_block(buf, PACKET, n);
}

size_t pcapng_put_statistics(uint8_t *buf, uint32_t interface, uint64_t first, uint64_t last,
			     uint64_t packets, uint64_t dropped)
{
	size_t n = 20;

	bytes_put32(buf + 8, interface);
	put_ticks(buf + 12, last);
	n += put_time(buf + n, ISB_STARTTIME, first);
	n += put_time(buf + n, ISB_ENDTIME, last);
	n += put_number(buf + n, ISB_IFRECV, packets + dropped);
	n += put_number(buf + n, ISB_IFDROP, dropped);
	n += put_number(buf + n, ISB_USRDELIV, packets);
	n += put_end(buf + n);
	return pcapng_frame_block(buf, STATISTICS, n);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of a pcapng capture into a buffer: what draft-ietf-opsawg-pcapng calls SHB, IDB, EPB and
 * ISB. Pure. In the byte order of the host, which the section says. The spool's files are made of
 * the same parts, but have options of their own: spool_format.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

/* Units of a time stamp in a second, as a power of ten: 9 where the time fits, which ends in the
 * year 2554, else 6. */
uint8_t pcapng_resolution(uint64_t time_us);

/* The packet's time stamp in that unit. */
uint64_t pcapng_ticks(const struct packet *pkt, uint8_t resolution);

/* ---- what blocks are made of, for formats that have options of their own ---- */

/* Up to the next multiple of 4. */
static inline size_t pcapng_padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* An option with its padding. Returns its size. */
size_t pcapng_put_option(uint8_t *buf, uint16_t code, const void *value, size_t len);

/* What stands before the options: of a section 24 bytes, of an interface 16, of a packet 28 and its
 * data with the padding. Returns that. */
size_t pcapng_begin_section(uint8_t *buf);
size_t pcapng_begin_interface(uint8_t *buf, uint16_t linktype);
size_t pcapng_begin_packet(uint8_t *buf, uint32_t interface, uint8_t resolution,
			   const struct packet *pkt);

/* Type in front, and the length on both sides, as every block has; `n` bytes without the last.
 * Returns its size. */
size_t pcapng_frame_block(uint8_t *buf, uint32_t type, size_t n);

/* ---- blocks ---- */

/* What pcapng_put_packet() writes at most, without its comment. */
size_t pcapng_packet_size_max(uint32_t caplen);

/* What pcapng_put_section(), pcapng_put_interface() and, without a comment, pcapng_put_packet()
 * write, to the byte. */
size_t pcapng_section_size(const char *os, const char *application);
size_t pcapng_interface_size(const struct packet *pkt);
size_t pcapng_packet_size(const struct packet *pkt, uint32_t flags);

/* Each writes one block and returns its size; the caller has seen to the room. An empty text is
 * left out; none is longer than 255 bytes. */
size_t pcapng_put_section(uint8_t *buf, const char *os, const char *application);
/* The interface of this packet: its link type, its name, and the host as the description. */
size_t pcapng_put_interface(uint8_t *buf, const struct packet *pkt, uint8_t resolution);
/* Where in what that writes the names lie. */
void pcapng_interface_names(const struct packet *pkt, size_t *name, size_t *host);
/* `flags`: epb_flags, 0 when nothing is known. The packet's dropcount goes in when it is not 0. */
size_t pcapng_put_packet(uint8_t *buf, uint32_t interface, uint8_t resolution,
			 const struct packet *pkt, uint32_t flags, const char *comment);
/* `first` and `last`: time stamps in the interface's unit. */
size_t pcapng_put_statistics(uint8_t *buf, uint32_t interface, uint64_t first, uint64_t last,
			     uint64_t packets, uint64_t dropped);

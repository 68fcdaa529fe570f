/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format of the spool's files, into a buffer and out of one: blocks of pcapng, what
 * draft-ietf-opsawg-pcapng calls SHB, IDB, EPB and ISB. Pure, bounds-checked. Written in the byte
 * order of the host, and only that one is read: the reader is for files of our own, libpcap reads
 * everybody's.
 *
 * Section, packet and statistics carry a checksum in an option of our own (of the codes that the
 * draft leaves for local use, which other readers pass over): what the disk has changed is found.
 * That of a packet covers its link type and resolution too, which stand in another block. Blocks
 * of earlier versions have none. What a packet says of its origin stands in options of its own
 * block: epb_dropcount, and host and interface in options of ours. Most packets have none of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

#define SPOOL_FORMAT_SECTION    0x0a0d0d0a
#define SPOOL_FORMAT_INTERFACE  1
#define SPOOL_FORMAT_STATISTICS 5
#define SPOOL_FORMAT_PACKET     6

#define SPOOL_FORMAT_COMMENT_MAX     512  /* longer comments are cut */
#define SPOOL_FORMAT_SECTION_MAX     1088 /* bytes of a section block at most */
#define SPOOL_FORMAT_INTERFACE_SIZE  32   /* bytes of an interface block */
#define SPOOL_FORMAT_STATISTICS_SIZE 48   /* bytes of a statistics block */
#define SPOOL_FORMAT_STATISTICS_OLD  40   /* the same without a checksum */
#define SPOOL_FORMAT_PACKET_EXTRA    44   /* bytes of a packet block beside its data and padding */
#define SPOOL_FORMAT_ORIGIN_MAX      532  /* bytes that the options of a packet add at most */

/* A block of more bytes than this is damage, not data. */
#define SPOOL_FORMAT_BLOCK_MAX (PACKET_MAX_LEN + 4096)

/* One block within the caller's bytes. */
struct spool_format_block {
	uint32_t type;
	uint32_t size;       /* of the whole block */
	const uint8_t *body; /* without type and lengths */
	uint32_t len;        /* bytes of the body */
};

/* Bytes that spool_format_put_packet() writes for this packet. */
size_t spool_format_packet_size(const struct packet *pkt);

/* Each writes one block and returns its size; the caller has seen to the room. */
/* `id` tells this section from all others; not 0. */
size_t spool_format_put_section(uint8_t *buf, const char *application, const char *comment,
				uint64_t id);
size_t spool_format_put_interface(uint8_t *buf, uint16_t linktype, uint8_t resolution);
/* `resolution` is that of the interface, as is the link type; a time stamp in microseconds (6)
 * drops the nanoseconds. */
size_t spool_format_put_packet(uint8_t *buf, uint32_t interface, uint8_t resolution,
			       const struct packet *pkt);
/* How many packets were delivered to the file, for interface 0. */
size_t spool_format_put_statistics(uint8_t *buf, uint64_t delivered);

#define SPOOL_FORMAT_E_SHORT 1 /* the bytes end within the block */
#define SPOOL_FORMAT_E_BAD   2 /* this is no block */

/* Finds the block at the start of `p`. 0 or SPOOL_FORMAT_E_*. */
int spool_format_next(const uint8_t *p, size_t len, struct spool_format_block *out);

/* Reads a block of its type; false when its content is not what it should be. */
/* `*id`: 0 when the section has none; then nothing in it has a checksum. */
bool spool_format_get_section(const struct spool_format_block *b, char *comment, size_t size,
			      uint64_t *id);
bool spool_format_get_interface(const struct spool_format_block *b, uint16_t *linktype,
				uint8_t *resolution);
/* `checked`: a checksum must be there. */
bool spool_format_get_statistics(const struct spool_format_block *b, bool checked,
				 uint64_t *delivered);

/* A packet block by its lengths, whatever it holds. */
bool spool_format_is_packet(const struct spool_format_block *b);
/* Which interface a packet block names; false when it is too short for a packet block. */
bool spool_format_get_packet_interface(const struct spool_format_block *b, uint32_t *interface);
/* Link type and resolution are those of the interface. Data and names are borrowed from the block.
 */
bool spool_format_get_packet(const struct spool_format_block *b, uint16_t linktype,
			     uint8_t resolution, bool checked, struct packet *pkt);

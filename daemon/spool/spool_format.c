/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/spool_format.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "packet/pcapng.h"

#define BYTE_ORDER_MAGIC 0x1a2b3c4d

#define OPTION_END        0
#define OPTION_COMMENT    1
#define OPTION_USERAPPL   4      /* of a section */
#define OPTION_RESOLUTION 9      /* of an interface */
#define OPTION_DELIVERED  8      /* of statistics */
#define OPTION_ID         0x8001 /* of a section; ours, as the next one */
#define OPTION_CHECKSUM   0x8002 /* the last but the end, over the body before its value */
#define OPTION_DROPCOUNT  4      /* of a packet, as the next two, which are ours */
#define OPTION_HOST       0x8003
#define OPTION_INTERFACE  0x8004

static size_t name_size(size_t len)
{
	return len ? 4 + pcapng_padded(len) : 0;
}

/* Of the options that say where a packet comes from, and what was lost before it. */
static size_t origin_size(const struct packet *pkt)
{
	return (pkt->dropcount ? 12 : 0) + name_size(pkt->host_len) + name_size(pkt->interface_len);
}

size_t spool_format_packet_size(const struct packet *pkt)
{
	return SPOOL_FORMAT_PACKET_EXTRA + pcapng_padded(pkt->caplen) + origin_size(pkt);
}

static size_t put_text(uint8_t *buf, uint16_t code, const char *text)
{
	size_t len = strlen(text);

	return pcapng_put_option(buf, code, text,
				 len < SPOOL_FORMAT_COMMENT_MAX ? len : SPOOL_FORMAT_COMMENT_MAX);
}

/* Of a block's body up to here; `kind` is what it depends on and does not hold. */
static uint32_t checksum(const uint8_t *body, size_t len, uint32_t kind)
{
	uint64_t h = XXH3_64bits(body, len);

	return (uint32_t)(h ^ h >> 32) ^ kind;
}

static uint32_t packet_kind(uint16_t linktype, uint8_t resolution)
{
	return (uint32_t)linktype << 8 | resolution;
}

/* The end of a block of options, `at` bytes from its start. Returns where the next byte goes. */
static size_t put_checksum(uint8_t *buf, size_t at, uint32_t kind)
{
	bytes_put16(buf + at, OPTION_CHECKSUM);
	bytes_put16(buf + at + 2, 4);
	bytes_put32(buf + at + 4, checksum(buf + 8, at - 4, kind));
	bytes_put32(buf + at + 8, OPTION_END);
	return at + 12;
}

size_t spool_format_put_section(uint8_t *buf, const char *application, const char *comment,
				uint64_t id)
{
	size_t n = pcapng_begin_section(buf);

	n += put_text(buf + n, OPTION_COMMENT, comment);
	n += put_text(buf + n, OPTION_USERAPPL, application);
	n += pcapng_put_option(buf + n, OPTION_ID, &id, sizeof(id));
	n = put_checksum(buf, n, 0);
	return pcapng_frame_block(buf, SPOOL_FORMAT_SECTION, n);
}

size_t spool_format_put_interface(uint8_t *buf, uint16_t linktype, uint8_t resolution)
{
	size_t n = pcapng_begin_interface(buf, linktype);

	n += pcapng_put_option(buf + n, OPTION_RESOLUTION, &resolution, 1);
	n += pcapng_put_option(buf + n, OPTION_END, "", 0);
	return pcapng_frame_block(buf, SPOOL_FORMAT_INTERFACE, n);
}

/* Returns their end. */
static size_t put_origin(uint8_t *buf, size_t n, const struct packet *pkt)
{
	if (pkt->dropcount)
		n += pcapng_put_option(buf + n, OPTION_DROPCOUNT, &pkt->dropcount,
				       sizeof(uint64_t));
	if (pkt->host_len)
		n += pcapng_put_option(buf + n, OPTION_HOST, pkt->host, pkt->host_len);
	if (pkt->interface_len)
		n += pcapng_put_option(buf + n, OPTION_INTERFACE, pkt->interface,
				       pkt->interface_len);
	return n;
}

size_t spool_format_put_packet(uint8_t *buf, uint32_t interface, uint8_t resolution,
			       const struct packet *pkt)
{
	size_t n = pcapng_begin_packet(buf, interface, resolution, pkt);

	n = put_origin(buf, n, pkt);
	n = put_checksum(buf, n, packet_kind(pkt->linktype, resolution));
	return pcapng_frame_block(buf, SPOOL_FORMAT_PACKET, n);
}

size_t spool_format_put_statistics(uint8_t *buf, uint64_t delivered)
{
	size_t n = 20;

	memset(buf + 8, 0, 12); /* interface 0, no time */
	n += pcapng_put_option(buf + n, OPTION_DELIVERED, &delivered, sizeof(delivered));
	n = put_checksum(buf, n, 0);
	return pcapng_frame_block(buf, SPOOL_FORMAT_STATISTICS, n);
}

int spool_format_next(const uint8_t *p, size_t len, struct spool_format_block *out)
{
	if (len < 8)
		return SPOOL_FORMAT_E_SHORT;
	out->type = bytes_get32(p);
	out->size = bytes_get32(p + 4);
	if (out->size < 12 || out->size % 4 || out->size > SPOOL_FORMAT_BLOCK_MAX)
		return SPOOL_FORMAT_E_BAD;
	if (len < out->size)
		return SPOOL_FORMAT_E_SHORT;
	if (bytes_get32(p + out->size - 4) != out->size)
		return SPOOL_FORMAT_E_BAD;
	out->body = p + 8;
	out->len = out->size - 12;
	return 0;
}

/* The first option of this code, from `at` on in the body; NULL when there is none. */
static const uint8_t *find_option(const struct spool_format_block *b, uint32_t at, uint16_t code,
				  uint16_t *len)
{
	while (at + 4 <= b->len) {
		uint16_t n = bytes_get16(b->body + at + 2), found = bytes_get16(b->body + at);

		if (found == OPTION_END || at + 4 + pcapng_padded(n) > b->len)
			return NULL;
		if (found == code) {
			*len = n;
			return b->body + at + 4;
		}
		at += 4 + (uint32_t)pcapng_padded(n);
	}
	return NULL;
}

/* The checksum is right, or there is none and need be none. Options begin at `at`. */
static bool is_intact(const struct spool_format_block *b, uint32_t at, uint32_t kind, bool checked)
{
	const uint8_t *option = b->body + b->len - 12; /* where put_checksum() has it */

	if (b->len < at + 12 || bytes_get16(option) != OPTION_CHECKSUM ||
	    bytes_get16(option + 2) != 4)
		return !checked;
	return bytes_get32(option + 4) == checksum(b->body, b->len - 8, kind);
}

bool spool_format_get_section(const struct spool_format_block *b, char *comment, size_t size,
			      uint64_t *id)
{
	const uint8_t *text, *value;
	uint16_t len;

	if (b->type != SPOOL_FORMAT_SECTION || b->len < 16 ||
	    bytes_get32(b->body) != BYTE_ORDER_MAGIC || bytes_get16(b->body + 4) != 1)
		return false;
	value = find_option(b, 16, OPTION_ID, &len);
	if ((value && len != sizeof(*id)) || !is_intact(b, 16, 0, value))
		return false;
	*id = value ? bytes_get64(value) : 0;
	comment[0] = '\0';
	text = find_option(b, 16, OPTION_COMMENT, &len);
	if (text) {
		size_t n = len < size - 1 ? len : size - 1;

		memcpy(comment, text, n);
		comment[n] = '\0';
	}
	return true;
}

bool spool_format_get_interface(const struct spool_format_block *b, uint16_t *linktype,
				uint8_t *resolution)
{
	const uint8_t *value;
	uint16_t len;

	if (b->type != SPOOL_FORMAT_INTERFACE || b->len < 8)
		return false;
	*linktype = bytes_get16(b->body);
	value = find_option(b, 8, OPTION_RESOLUTION, &len);
	*resolution = value && len == 1 ? value[0] : 6;
	return *resolution == 6 || *resolution == 9;
}

bool spool_format_get_statistics(const struct spool_format_block *b, bool checked,
				 uint64_t *delivered)
{
	const uint8_t *value;
	uint16_t len;

	if (b->type != SPOOL_FORMAT_STATISTICS || b->len < 12 || !is_intact(b, 12, 0, checked))
		return false;
	value = find_option(b, 12, OPTION_DELIVERED, &len);
	if (!value || len != sizeof(*delivered))
		return false;
	*delivered = bytes_get64(value);
	return true;
}

bool spool_format_is_packet(const struct spool_format_block *b)
{
	size_t data;

	if (b->type != SPOOL_FORMAT_PACKET || b->len < 20 ||
	    bytes_get32(b->body + 12) > PACKET_MAX_LEN)
		return false;
	data = pcapng_padded(bytes_get32(b->body + 12));
	/* Without a checksum, or with one, and perhaps other options before it. */
	return b->len == 20 + data ||
	       (b->len >= 32 + data && b->len <= 32 + data + SPOOL_FORMAT_ORIGIN_MAX &&
		bytes_get16(b->body + b->len - 12) == OPTION_CHECKSUM);
}

bool spool_format_get_packet_interface(const struct spool_format_block *b, uint32_t *interface)
{
	if (b->type != SPOOL_FORMAT_PACKET || b->len < 20)
		return false;
	*interface = bytes_get32(b->body);
	return true;
}

static const char *find_name(const struct spool_format_block *b, uint32_t at, uint16_t code,
			     uint8_t *len)
{
	uint16_t n;
	const uint8_t *name = find_option(b, at, code, &n);

	if (!name || n == 0 || n > UINT8_MAX)
		return NULL;
	*len = (uint8_t)n;
	return (const char *)name;
}

/* Options begin at `at`. */
static void get_origin(const struct spool_format_block *b, uint32_t at, struct packet *pkt)
{
	uint16_t len;
	const uint8_t *dropcount = find_option(b, at, OPTION_DROPCOUNT, &len);

	if (dropcount && len == sizeof(uint64_t))
		pkt->dropcount = bytes_get64(dropcount);
	pkt->host = find_name(b, at, OPTION_HOST, &pkt->host_len);
	pkt->interface = find_name(b, at, OPTION_INTERFACE, &pkt->interface_len);
}

bool spool_format_get_packet(const struct spool_format_block *b, uint16_t linktype,
			     uint8_t resolution, bool checked, struct packet *pkt)
{
	uint64_t ticks = (uint64_t)bytes_get32(b->body + 4) << 32 | bytes_get32(b->body + 8);
	uint32_t caplen = bytes_get32(b->body + 12), options = 20 + (uint32_t)pcapng_padded(caplen);

	if (caplen > PACKET_MAX_LEN || options > b->len ||
	    !is_intact(b, options, packet_kind(linktype, resolution), checked))
		return false;
	*pkt = (struct packet){
		.data = b->body + 20,
		.caplen = caplen,
		.wirelen = bytes_get32(b->body + 16),
		.linktype = linktype,
		.time_us = resolution == 9 ? ticks / 1000 : ticks,
		.nanos = resolution == 9 ? (uint16_t)(ticks % 1000) : 0,
	};
	if (b->len > options + 12) /* more than the checksum */
		get_origin(b, options, pkt);
	return true;
}

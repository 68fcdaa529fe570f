/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/pcapng_decoder.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define SECTION       0x0a0d0d0a
#define INTERFACE     1
#define OLD_PACKET    2
#define SIMPLE_PACKET 3
#define PACKET        6

#define BYTE_ORDER_MAGIC 0x1a2b3c4d

#define OPTION_END     0
#define SHB_USERAPPL   4
#define IF_NAME        2
#define IF_DESCRIPTION 3
#define IF_TSRESOL     9
#define IF_TSOFFSET    14
#define EPB_DROPCOUNT  4

#define FRAME_LEN 12 /* type and lengths, of any block */

#define NANOSECONDS 1000000000 /* in a second */

__extension__ typedef unsigned __int128 uint128;

/* At most 255 bytes, without an end; NULL: none. */
struct name {
	char *text;
	uint8_t len;
};

struct pcapng_interface {
	uint64_t units; /* of time, in a second */
	int64_t offset; /* seconds, added to each time */
	uint32_t snaplen;
	uint16_t linktype;
	struct name name, host;
	uint64_t untold; /* decoder_item has it */
};

static uint64_t padded(uint64_t n)
{
	return (n + 3) & ~(uint64_t)3;
}

/* ---- options ---- */

/* Goes through the options. False: one runs over the end. */
static bool next_option(const struct pcapng_decoder *d, const uint8_t **p, size_t *left,
			uint16_t *code, uint16_t *len, const uint8_t **value)
{
	*code = OPTION_END;
	if (*left < 4)
		return true;
	*code = bytes_get16_of(d->swapped, *p);
	*len = bytes_get16_of(d->swapped, *p + 2);
	if (padded(*len) > *left - 4)
		return *code == OPTION_END;
	*value = *p + 4;
	*p += 4 + padded(*len);
	*left -= 4 + padded(*len);
	return true;
}

/* ---- a section ---- */

bool pcapng_decoder_knows(const uint8_t magic[4])
{
	return bytes_get32(magic) == SECTION; /* the same either way */
}

static void drop_interfaces(struct pcapng_decoder *d)
{
	while (d->n > 0) {
		d->n--;
		free(d->interfaces[d->n].name.text);
		free(d->interfaces[d->n].host.text);
	}
}

/* pycapa has the host in an interface's description; others have something else there. */
static bool is_ours(const struct pcapng_decoder *d, const uint8_t *options, size_t left)
{
	static const char name[] = "pycapa ";
	const uint8_t *value = options;
	uint16_t code, len = 0;

	do {
		if (!next_option(d, &options, &left, &code, &len, &value))
			return false;
		if (code == SHB_USERAPPL)
			return len > strlen(name) && !memcmp(value, name, strlen(name));
	} while (code != OPTION_END);
	return false;
}

static enum decoder_found read_section(struct pcapng_decoder *d, const uint8_t *p, size_t len,
				       struct decoder_item *out)
{
	uint16_t major = bytes_get16_of(d->swapped, p + 12),
		 minor = bytes_get16_of(d->swapped, p + 14);

	if (major != 1 || (minor != 0 && minor != 2))
		return decoder_bad(out, "pcapng of version %u.%u, which is not known", major,
				   minor);
	drop_interfaces(d);
	d->ours = is_ours(d, p + 24, len - 28);
	return DECODER_PASSED;
}

/* ---- an interface ---- */

/* A power of 2 or of 10. 0: finer than a number of 64 bits can tell. */
static uint64_t units_of(uint8_t resolution)
{
	uint8_t exponent = resolution & 0x7f;
	uint64_t units = 1;

	if (resolution & 0x80)
		return exponent <= 63 ? (uint64_t)1 << exponent : 0;
	if (exponent > 19)
		return 0;
	while (exponent--)
		units *= 10;
	return units;
}

/* False: no memory. */
static bool take_name(struct name *name, const uint8_t *value, uint16_t len)
{
	if (name->text || len == 0 || len > UINT8_MAX) /* a packet cannot tell a longer one */
		return true;
	name->text = malloc(len);
	if (!name->text)
		return false;
	memcpy(name->text, value, len);
	name->len = (uint8_t)len;
	return true;
}

/* An option of an interface. False: no memory. */
static bool take_option(const struct pcapng_decoder *d, struct pcapng_interface *i, uint16_t code,
			const uint8_t *value, uint16_t len)
{
	if (code == IF_NAME)
		return take_name(&i->name, value, len);
	if (code == IF_DESCRIPTION && d->ours)
		return take_name(&i->host, value, len);
	if (code == IF_TSRESOL && len == 1)
		i->units = units_of(*value);
	else if (code == IF_TSOFFSET && len == 8)
		i->offset = (int64_t)bytes_get64_of(d->swapped, value);
	return true;
}

static enum decoder_found read_options(const struct pcapng_decoder *d, struct pcapng_interface *i,
				       const uint8_t *p, size_t left, struct decoder_item *out)
{
	const uint8_t *value = p;
	uint16_t code, len = 0;

	do {
		if (!next_option(d, &p, &left, &code, &len, &value))
			return decoder_bad(out, "an interface whose options run over its end");
		if (!take_option(d, i, code, value, len))
			return decoder_bad(out, "out of memory");
		if (i->units == 0)
			return decoder_bad(out,
					   "an interface whose times are finer than pycapa can "
					   "tell (if_tsresol 0x%02x)",
					   *value);
	} while (code != OPTION_END);
	return DECODER_INTERFACE;
}

static struct pcapng_interface *add_interface(struct pcapng_decoder *d)
{
	size_t room = d->room ? d->room * 2 : 4;
	struct pcapng_interface *bigger;

	if (d->n == d->room) {
		bigger = reallocarray(d->interfaces, room, sizeof(*bigger));
		if (!bigger)
			return NULL;
		d->interfaces = bigger;
		d->room = room;
	}
	return &d->interfaces[d->n];
}

static enum decoder_found read_interface(struct pcapng_decoder *d, const uint8_t *p, size_t len,
					 struct decoder_item *out)
{
	struct pcapng_interface *i;
	enum decoder_found found;

	if (d->n == PCAPNG_DECODER_INTERFACES_MAX)
		return decoder_bad(out, "more than %d interfaces in a section",
				   PCAPNG_DECODER_INTERFACES_MAX);
	i = add_interface(d);
	if (!i)
		return decoder_bad(out, "out of memory");
	*i = (struct pcapng_interface){
		.linktype = decoder_linktype(bytes_get16_of(d->swapped, p + 8)),
		.snaplen = bytes_get32_of(d->swapped, p + 12),
		.units = 1000000,
	};
	found = read_options(d, i, p + 16, len - 20, out);
	d->n++;
	out->linktype = i->linktype;
	return found;
}

/* ---- packets ---- */

/* Where they lie in a packet block, and how long it is without data and options. */
static const struct layout {
	uint8_t time, caplen, wirelen, data, min;
} LAYOUTS[] = {
	[OLD_PACKET] = {12, 20, 24, 28, 32},
	[SIMPLE_PACKET] = {0, 8, 8, 12, 16},
	[PACKET] = {12, 20, 24, 28, 32},
};

static void put_time(const struct pcapng_decoder *d, const struct pcapng_interface *i,
		     const uint8_t *p, struct decoder_item *out)
{
	uint64_t ticks =
		(uint64_t)bytes_get32_of(d->swapped, p) << 32 | bytes_get32_of(d->swapped, p + 4);
	uint64_t sec = ticks / i->units;
	uint64_t ns = (uint64_t)((uint128)(ticks % i->units) * NANOSECONDS / i->units);
	int64_t at;

	/* Some write a time before 1970 as one that has wrapped around. */
	if (ticks > INT64_MAX && sec >= INT64_MAX / 1000000)
		at = -1;
	else if (__builtin_add_overflow((int64_t)sec, i->offset, &at))
		at = INT64_MAX;
	decoder_put_time(out, at, ns);
}

/* A simple packet block tells the length on the wire alone, and no time. */
static uint32_t simple_caplen(const struct pcapng_interface *i, uint32_t wirelen)
{
	return i->snaplen && wirelen > i->snaplen ? i->snaplen : wirelen;
}

/* How many packets were lost before this one; 0: not told. */
static uint64_t get_dropcount(const struct pcapng_decoder *d, const uint8_t *options, size_t left)
{
	const uint8_t *value = options;
	uint16_t code, len = 0;

	do {
		if (!next_option(d, &options, &left, &code, &len, &value))
			return 0;
		if (code == EPB_DROPCOUNT && len == 8)
			return bytes_get64_of(d->swapped, value);
	} while (code != OPTION_END);
	return 0;
}

static void put_origin(const struct pcapng_decoder *d, struct pcapng_interface *i, uint32_t type,
		       const uint8_t *p, uint64_t size, struct decoder_item *out)
{
	/* Behind all of the packet, also what is cut off. */
	uint64_t options =
		LAYOUTS[type].data + padded(bytes_get32_of(d->swapped, p + LAYOUTS[type].caplen));

	out->untold = &i->untold;
	out->pkt.interface = i->name.text;
	out->pkt.interface_len = i->name.len;
	out->pkt.host = i->host.text;
	out->pkt.host_len = i->host.len;
	if (type == PACKET && size <= DECODER_NEED_MAX && size - 4 > options)
		out->pkt.dropcount = get_dropcount(d, p + options, size - 4 - options);
	else if (type == OLD_PACKET && bytes_get16_of(d->swapped, p + 10) != UINT16_MAX)
		out->pkt.dropcount = bytes_get16_of(d->swapped, p + 10);
}

/* `size`: of the block, of which there may be less here if it is longer than DECODER_NEED_MAX. */
static enum decoder_found read_packet(struct pcapng_decoder *d, uint32_t type, const uint8_t *p,
				      uint64_t size, struct decoder_item *out)
{
	const struct layout *at = &LAYOUTS[type];
	uint32_t id = 0, caplen = bytes_get32_of(d->swapped, p + at->caplen),
		 wirelen = bytes_get32_of(d->swapped, p + at->wirelen);
	struct pcapng_interface *i;

	if (type == PACKET)
		id = bytes_get32_of(d->swapped, p + 8);
	else if (type == OLD_PACKET)
		id = bytes_get16_of(d->swapped, p + 8);
	if (id >= d->n)
		return decoder_bad(out, "a packet of interface %u, of which there are %zu here", id,
				   d->n);
	i = &d->interfaces[id];
	if (type == SIMPLE_PACKET)
		caplen = simple_caplen(i, wirelen);
	if (caplen > decoder_max_len(i->linktype) || padded(caplen) > size - at->min)
		return decoder_bad(out, "a packet that says it has %u bytes, in a block of %u",
				   caplen, (uint32_t)size);
	decoder_put_packet(out, i->linktype, p + at->data, caplen, wirelen);
	if (at->time)
		put_time(d, i, p + at->time, out);
	out->undated = !at->time;
	put_origin(d, i, type, p, size, out);
	return DECODER_PACKET;
}

/* ---- blocks ---- */

static uint32_t min_size(uint32_t type)
{
	switch (type) {
	case SECTION:
		return 28;
	case INTERFACE:
		return 20;
	case OLD_PACKET:
	case SIMPLE_PACKET:
	case PACKET:
		return LAYOUTS[type].min;
	default:
		return FRAME_LEN;
	}
}

static enum decoder_found read_block(struct pcapng_decoder *d, uint32_t type, const uint8_t *p,
				     uint64_t size, struct decoder_item *out)
{
	switch (type) {
	case SECTION:
		return read_section(d, p, size, out);
	case INTERFACE:
		return read_interface(d, p, size, out);
	case OLD_PACKET:
	case SIMPLE_PACKET:
	case PACKET:
		return read_packet(d, type, p, size, out);
	default:
		return DECODER_PASSED;
	}
}

/* How much of a block is wanted; of one that is very long, what of it is of use. */
static size_t wanted(uint32_t type, uint64_t size)
{
	if (size <= DECODER_NEED_MAX)
		return size;
	return min_size(type) + (type < COUNT(LAYOUTS) && LAYOUTS[type].min ? PACKET_MAX_LEN : 0);
}

/* The byte order of a section is in its header. False: that is no header. */
static bool take_byte_order(struct pcapng_decoder *d, const uint8_t *p)
{
	uint32_t magic = bytes_get32(p + 8);

	d->swapped = magic == __builtin_bswap32(BYTE_ORDER_MAGIC);
	return d->swapped || magic == BYTE_ORDER_MAGIC;
}

/* Some writers leave the padding out of the lengths, but not out of the file. */
enum decoder_found pcapng_decoder_next(struct pcapng_decoder *d, const uint8_t *p, size_t len,
				       struct decoder_item *out)
{
	uint32_t type;
	uint64_t size;

	if (len < FRAME_LEN)
		return decoder_short(out, FRAME_LEN);
	if (pcapng_decoder_knows(p) && !take_byte_order(d, p))
		return decoder_bad(out, "a section of no known byte order");
	type = bytes_get32_of(d->swapped, p);
	size = padded(bytes_get32_of(d->swapped, p + 4));
	if (size < min_size(type) || size > PCAPNG_DECODER_BLOCK_MAX)
		return decoder_bad(out, "a block of type %u that says it has %u bytes", type,
				   bytes_get32_of(d->swapped, p + 4));
	if (size > DECODER_NEED_MAX && (type == SECTION || type == INTERFACE))
		return decoder_bad(out, "a block of type %u with %u bytes of options", type,
				   bytes_get32_of(d->swapped, p + 4));
	if (len < wanted(type, size))
		return decoder_short(out, wanted(type, size));
	if (size <= DECODER_NEED_MAX && padded(bytes_get32_of(d->swapped, p + size - 4)) != size)
		return decoder_bad(out, "a block of %u bytes, or of %u, as its end says",
				   bytes_get32_of(d->swapped, p + 4),
				   bytes_get32_of(d->swapped, p + size - 4));
	out->used = size;
	return read_block(d, type, p, size, out);
}

bool pcapng_decoder_is_plain(const struct pcapng_decoder *d, size_t interface,
			     struct packet *origin)
{
	const struct pcapng_interface *i = &d->interfaces[interface];

	*origin = (struct packet){
		.linktype = i->linktype,
		.interface = i->name.text,
		.interface_len = i->name.len,
		.host = i->host.text,
		.host_len = i->host.len,
	};
	return !d->swapped && i->units == NANOSECONDS && i->offset == 0;
}

void pcapng_decoder_clear(struct pcapng_decoder *d)
{
	drop_interfaces(d);
	free(d->interfaces);
	*d = (struct pcapng_decoder){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variants that share a magic number are told apart as Wireshark does it: the first packets are
 * read as each of them, and the one with the fewest oddities wins, the usual one of equals. Unlike
 * there it is tried with the bytes that are there, be it a pipe; and where the next packet has a
 * time that is near, the file is the usual one: on the loopback, whose addresses are zeros, one
 * that is cut off looks like another variant.
 */
#include "packet/pcap_decoder.h"

#include "base/bytes.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define STANDARD  0xa1b2c3d4
#define KUZNETSOV 0xa1b2cd34

#define HEADER_LEN 24
#define RECORD_LEN 16
#define TRIED      3 /* packets, to tell variants apart */
#define DAY_S      86400u

static const struct magic {
	uint32_t number;
	bool nano;
	uint8_t header_len; /* of the file */
	uint8_t record_len;
} MAGICS[] = {
	{STANDARD, false, HEADER_LEN, RECORD_LEN},
	{0xa1b23c4d, true, HEADER_LEN, RECORD_LEN},
	{0xa12b3c4d, true, HEADER_LEN, RECORD_LEN},
	{KUZNETSOV, false, HEADER_LEN, 24},
	{0x1c0001ac, true, HEADER_LEN + 4, RECORD_LEN},
	{0x1c0001ab, false, HEADER_LEN + 4, RECORD_LEN},
};

static const struct magic *find_magic(uint32_t number)
{
	for (size_t i = 0; i < COUNT(MAGICS); i++)
		if (MAGICS[i].number == number)
			return &MAGICS[i];
	return NULL;
}

bool pcap_decoder_knows(const uint8_t magic[4])
{
	uint32_t number = bytes_get32(magic);

	return find_magic(number) || find_magic(__builtin_bswap32(number));
}

/* ---- the header of the file ---- */

/* AIX has RFC 1573's types; no libpcap of that version wrote these as LINKTYPE_s. */
static void take_aix(struct pcap_decoder *d)
{
	static const uint8_t types[][2] = {{6, 1}, {9, 6}, {15, 10}, {24, 0}};

	for (size_t i = 0; i < COUNT(types); i++) {
		if (d->linktype != types[i][0])
			continue;
		d->linktype = types[i][1];
		d->nano = true;
		d->padding = d->linktype == 10 ? 3 : 0; /* FDDI */
		return;
	}
}

/* Above the link type stand bits that tell of a checksum behind each frame, which is kept. */
static enum decoder_found take_header(struct pcap_decoder *d, const struct magic *magic,
				      const uint8_t *p, struct decoder_item *out)
{
	uint32_t network = bytes_get32_of(d->swapped, p + 20);

	d->major = bytes_get16_of(d->swapped, p + 4);
	d->minor = bytes_get16_of(d->swapped, p + 6);
	d->snaplen = bytes_get32_of(d->swapped, p + 16);
	d->nano = magic->nano;
	d->record_len = magic->record_len;
	if (d->major < 2)
		return decoder_bad(out, "pcap of version %u.%u, which nothing reads", d->major,
				   d->minor);
	if (network & 0x03ff0000)
		return decoder_bad(out, "link type 0x%08x, which does not exist", network);
	d->linktype = (uint16_t)network;
	d->settled =
		(d->magic != STANDARD && d->magic != KUZNETSOV) || d->major != 2 || d->minor != 4;
	if (d->magic == STANDARD && d->major == 2 && d->minor == 2)
		take_aix(d);
	if (d->padding == 0)
		d->linktype = decoder_linktype(d->linktype);
	d->begun = true;
	out->used = magic->header_len;
	out->linktype = d->linktype;
	return DECODER_INTERFACE;
}

static enum decoder_found read_header(struct pcap_decoder *d, const uint8_t *p, size_t len,
				      struct decoder_item *out)
{
	const struct magic *magic;

	if (len < 4)
		return decoder_short(out, 4);
	d->swapped = !find_magic(bytes_get32(p));
	d->magic = bytes_get32_of(d->swapped, p);
	magic = find_magic(d->magic);
	if (!magic)
		return decoder_bad(out, "unknown file format");
	if (len < magic->header_len)
		return decoder_short(out, magic->header_len);
	return take_header(d, magic, p, out);
}

/* ---- variants ---- */

/* What Linux has behind the usual header of a packet: an interface, a protocol, a type. */
static unsigned int linux_oddities(const struct pcap_decoder *d, const uint8_t *p)
{
	uint16_t protocol = bytes_get16_of(d->swapped, p + 4);
	bool is_protocol = protocol >= 0x600 || protocol <= 0x17 || protocol == 0x60 ||
			   protocol == 0x200 || protocol == 0x400;

	return (bytes_get32_of(d->swapped, p) > 10000) + !is_protocol + (p[6] > 4);
}

static bool is_either(uint32_t v, uint32_t a, uint32_t b)
{
	return v == a || v == b;
}

/* What the field means is not known; what was seen in it is. Wireshark writes 0. */
static unsigned int nokia_oddities(const struct pcap_decoder *d, const uint8_t *p)
{
	uint32_t v = bytes_get32_of(d->swapped, p);

	if (v == 0)
		return 0;
	return !((v & 0x0fff00f0) == 0x0fbf0000 && is_either(v >> 28, 0x9, 0xb) &&
		 is_either(v >> 12 & 0xf, 0xb, 0xd) && is_either(v >> 8 & 0xf, 0x6, 0x9) &&
		 is_either(v & 0xf, 0x1, 0x2));
}

static const struct variant {
	uint32_t magic;
	uint8_t record_len;
	unsigned int (*oddities)(const struct pcap_decoder *d, const uint8_t *extra);
} VARIANTS[] = {
	{STANDARD, RECORD_LEN, NULL},    {STANDARD, 24, linux_oddities},
	{STANDARD, 20, nokia_oddities},  {KUZNETSOV, 24, linux_oddities},
	{KUZNETSOV, 28, linux_oddities},
};

static unsigned int usual_oddities(const struct pcap_decoder *d, const uint8_t *p)
{
	uint32_t caplen = bytes_get32_of(d->swapped, p + 8),
		 wirelen = bytes_get32_of(d->swapped, p + 12);

	return (bytes_get32_of(d->swapped, p + 4) >= 1000000) +
	       (caplen > decoder_max_len(d->linktype)) + (caplen > d->snaplen) +
	       (wirelen > 128 * 1024 * 1024) + (caplen > wirelen);
}

static unsigned int oddities(const struct pcap_decoder *d, const struct variant *v,
			     const uint8_t *p, size_t len, bool all)
{
	unsigned int n = 0;
	size_t at = 0;

	for (int i = 0; i < TRIED && at < len; i++) {
		uint32_t caplen;

		if (len - at < v->record_len)
			return n + all;
		n += usual_oddities(d, p + at);
		n += v->oddities ? v->oddities(d, p + at + RECORD_LEN) : 0;
		caplen = bytes_get32_of(d->swapped, p + at + 8);
		at += v->record_len;
		if (len - at < caplen)
			return n + all;
		at += caplen;
	}
	return n;
}

/* Where the usual one has a second packet is its time, or begins: near to that of the first. */
static bool goes_on_as_usual(const struct pcap_decoder *d, const uint8_t *p, size_t len)
{
	size_t next = RECORD_LEN + (size_t)bytes_get32_of(d->swapped, p + 8);

	if (next + 4 > len ||
	    bytes_get32_of(d->swapped, p + next) - bytes_get32_of(d->swapped, p) + DAY_S >
		    2 * DAY_S)
		return false;
	return next + 8 > len || bytes_get32_of(d->swapped, p + next + 4) < 1000000 ||
	       bytes_get32_of(d->swapped, p + 4) >= 1000000;
}

static void settle(struct pcap_decoder *d, const uint8_t *p, size_t len, bool all)
{
	unsigned int fewest = UINT32_MAX, n;

	for (size_t i = 0; i < COUNT(VARIANTS); i++) {
		if (VARIANTS[i].magic != d->magic)
			continue;
		n = oddities(d, &VARIANTS[i], p, len, all);
		if (n >= fewest)
			continue;
		fewest = n;
		d->record_len = VARIANTS[i].record_len;
	}
	if (d->magic == STANDARD && goes_on_as_usual(d, p, len))
		d->record_len = RECORD_LEN;
	d->settled = true;
}

/* ---- packets ---- */

/* Version 2.3 had them change places, which some that call themselves 2.3 did not. */
static void get_lengths(const struct pcap_decoder *d, const uint8_t *p, uint32_t *caplen,
			uint32_t *wirelen)
{
	uint32_t first = bytes_get32_of(d->swapped, p + 8),
		 second = bytes_get32_of(d->swapped, p + 12);
	bool changed = d->major == 543 || (d->major == 2 && d->minor < 3) ||
		       (d->major == 2 && d->minor == 3 && first > second);

	*caplen = changed ? second : first;
	*wirelen = changed ? first : second;
}

static enum decoder_found read_packet(struct pcap_decoder *d, const uint8_t *p, size_t len,
				      struct decoder_item *out)
{
	uint32_t caplen, wirelen, fraction, here;

	if (len < d->record_len)
		return decoder_short(out, d->record_len);
	get_lengths(d, p, &caplen, &wirelen);
	if (caplen > decoder_max_len(d->linktype) || caplen < d->padding)
		return decoder_bad(out, "a packet that says it has %u bytes", caplen);
	here = (uint32_t)PACKET_MAX_LEN + d->padding;
	here = caplen < here ? caplen : here;
	if (len < d->record_len + (size_t)here)
		return decoder_short(out, d->record_len + (size_t)here);
	fraction = bytes_get32_of(d->swapped, p + 4);
	decoder_put_packet(out, d->linktype, p + d->record_len + d->padding, caplen - d->padding,
			   wirelen > d->padding ? wirelen - d->padding : 0);
	decoder_put_time(out, bytes_get32_of(d->swapped, p),
			 d->nano ? fraction : (uint64_t)fraction * 1000);
	out->used = d->record_len + (uint64_t)caplen;
	return DECODER_PACKET;
}

enum decoder_found pcap_decoder_next(struct pcap_decoder *d, const uint8_t *p, size_t len, bool all,
				     struct decoder_item *out)
{
	enum decoder_found found;

	if (!d->begun)
		return read_header(d, p, len, out);
	if (!d->settled) {
		/* As soon as there would be a packet to give. */
		found = read_packet(d, p, len, out);
		if (found == DECODER_SHORT)
			return found;
		settle(d, p, len, all);
	}
	return read_packet(d, p, len, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reader a family of link types, and one table that says which and where things lie.
 *
 * A link type that is not in the table, or a frame that its reader cannot follow, is not an
 * error: it leaves `out` with what is known (perhaps nothing).
 */
#include "packet/linktype.h"

#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "packet/packet.h"

/* PKTAP frames in PKTAP frames are not followed further than this. */
#define MAX_NESTED 2

/* How to read one link type; the meaning of the numbers is the reader's. */
struct linktype {
	uint16_t number;
	uint8_t skip; /* bytes before the part that the reader knows, or of the header */
	uint8_t at;   /* where the type field or a tag lies */
	void (*read)(const struct linktype *lt, struct frame *l);
};

static bool skip(struct frame *l, uint32_t n)
{
	if (l->len < n)
		return false;
	l->net += n;
	l->len -= n;
	return true;
}

static void set_ends(struct frame *l, const uint8_t *a, const uint8_t *b, uint8_t len)
{
	l->end[0] = a;
	l->end[1] = b;
	l->end_len = len;
}

/* `skip` bytes of header, then IP of either version. */
static void read_raw(const struct linktype *lt, struct frame *l)
{
	if (skip(l, lt->skip))
		l->type = frame_type_by_version(l->net, l->len);
}

/* `skip` bytes of header with an Ethertype `at` its place. */
static void read_typed(const struct linktype *lt, struct frame *l)
{
	const uint8_t *p = l->net;

	if (!skip(l, lt->skip))
		return;
	l->type = bytes_get_be16(p + lt->at);
	frame_strip_shims(l);
}

/* Ethernet with a switch's tag of `skip` bytes in the frame: at 0, or behind the addresses. */
static void read_tagged(const struct linktype *lt, struct frame *l)
{
	const uint8_t *p = l->net;

	if (lt->at == 0) {
		if (skip(l, lt->skip))
			frame_ethernet(l->net, l->len, l);
		return;
	}
	if (l->len < 14U + lt->skip)
		return;
	set_ends(l, p, p + 6, 6);
	l->type = bytes_get_be16(p + 12 + lt->skip);
	skip(l, 14U + lt->skip);
	frame_strip_shims(l);
}

/* `skip` bytes, then PPP. */
static void read_ppp(const struct linktype *lt, struct frame *l)
{
	if (!skip(l, lt->skip) || !frame_strip_ppp(l))
		return;
	frame_strip_shims(l);
}

/* 802.2 behind a header of `skip` bytes, whose two addresses begin `at` (0: none). */
static void read_llc(const struct linktype *lt, struct frame *l)
{
	const uint8_t *p = l->net;

	if (!skip(l, lt->skip))
		return;
	if (lt->at)
		set_ends(l, p + lt->at, p + lt->at + 6, 6);
	if (frame_strip_snap(l))
		frame_strip_shims(l);
}

/* Frame relay: a Q.922 address, then RFC 2427's control byte and NLPID. */
static void read_frame_relay(const struct linktype *lt, struct frame *l)
{
	uint32_t n = 0;

	while (n < l->len && n < 4 && !(l->net[n] & 1))
		n++;
	if (!skip(l, n + 1) || l->len < 2)
		return;
	if (l->net[0] != 0x03) { /* Cisco's: an Ethertype at once */
		l->type = bytes_get_be16(l->net);
		skip(l, 2);
		frame_strip_shims(l);
		return;
	}
	skip(l, l->net[1] == 0 ? 2 : 1); /* a pad byte may stand before the NLPID */
	if (l->len < 1)
		return;
	if (l->net[0] == 0xcc)
		l->type = FRAME_TYPE_IPV4;
	else if (l->net[0] == 0x8e)
		l->type = FRAME_TYPE_IPV6;
	else if (l->net[0] == 0x80 && l->len >= 6)
		l->type = bytes_get_be16(l->net + 4);
	else
		return;
	skip(l, l->net[0] == 0x80 ? 6 : 1);
	frame_strip_shims(l);
}

/* ARCNET: one-byte addresses; RFC 1051 and RFC 1201 differ in numbers and length. */
static void read_arcnet(const struct linktype *lt, struct frame *l)
{
	const uint8_t *p = l->net;
	uint8_t type;

	if (l->len < lt->at + 1U)
		return;
	type = p[lt->at];
	set_ends(l, p, p + 1, 1);
	if (!skip(l, type == 240 || type == 241 ? lt->at + 1U : lt->at + 4U))
		return;
	if (type == 240 || type == 212)
		l->type = FRAME_TYPE_IPV4;
	else if (type == 196)
		l->type = FRAME_TYPE_IPV6;
	else if (type == 241 || type == 213)
		l->type = 0x0806;
}

/* A Linux vsock monitor header: two context ids, two ports; the ends are id and port together. */
static void read_vsock(const struct linktype *lt, struct frame *l)
{
	if (l->len >= 16)
		set_ends(l, l->net, l->net + 8, 8);
}

/* netfilter's log: the family, then type-length-value fields, one of which is the packet. */
static void read_nflog(const struct linktype *lt, struct frame *l)
{
	if (!skip(l, 4))
		return;
	for (int i = 0; i < 64 && l->len >= 4; i++) {
		/* In the byte order of the host that captured: mostly little. */
		uint16_t n = bytes_get_le16(l->net), type = bytes_get_le16(l->net + 2);
		uint32_t step;

		if (n < 4)
			return;
		if (type == 9) { /* its end may be cut off */
			skip(l, 4);
			l->type = frame_type_by_version(l->net, l->len);
			return;
		}
		step = (n + 3U) & ~3U;
		if (!skip(l, step))
			return;
	}
}

/* Juniper's own header before Ethernet: magic, flags, perhaps extensions. */
static void read_juniper_ethernet(const struct linktype *lt, struct frame *l)
{
	static const uint8_t magic[3] = {0x4d, 0x47, 0x43};
	uint8_t flags;

	if (l->len < 6 || memcmp(l->net, magic, sizeof(magic)))
		return;
	flags = l->net[3];
	if (!skip(l, flags & 0x80 ? 6U + bytes_get_be16(l->net + 4) : 4U))
		return;
	if (!(flags & 0x02)) /* "no layer 2 header" */
		frame_ethernet(l->net, l->len, l);
}

/* Where the addresses of a data or management frame lie: to and from which side it goes. */
static void set_wlan_ends(struct frame *l, bool data, uint8_t ds)
{
	static const uint8_t destination[4] = {4, 16, 4, 16};
	static const uint8_t source[4] = {10, 10, 16, 24};
	const uint8_t *p = l->net;

	if (!data)
		ds = 0;
	set_ends(l, p + destination[ds], p + source[ds], 6);
}

/* 802.11. Control frames tell no pair; what is encrypted goes by its addresses. */
static void read_wlan_frame(struct frame *l)
{
	const uint8_t *p = l->net;
	uint32_t hlen = 24;
	bool data;

	if (l->len < 24 || p[0] & 0x03 || (p[0] & 0x0c) == 0x04 || (p[0] & 0x0c) == 0x0c)
		return;
	data = (p[0] & 0x0c) == 0x08;
	if (data && (p[1] & 3) == 3)
		hlen += 6;
	if (l->len < hlen)
		return;
	set_wlan_ends(l, data, p[1] & 3);
	if (!data || p[0] & 0x40 || p[1] & 0x40) /* no data within, or protected */
		return;
	if (p[0] & 0x80)
		hlen += p[1] & 0x80 ? 6 : 2; /* QoS control, HT control */
	if (skip(l, hlen) && frame_strip_snap(l))
		frame_strip_shims(l);
}

/* 802.11 behind `skip` bytes, or, with `at`, behind a header whose little-endian length is there.
 */
static void read_wlan(const struct linktype *lt, struct frame *l)
{
	uint32_t n = lt->skip;

	if (lt->at) {
		if (l->len < lt->at + 2U)
			return;
		n = l->net[lt->at] | (uint32_t)l->net[lt->at + 1] << 8;
	}
	if (skip(l, n))
		read_wlan_frame(l);
}

/* OpenBSD's pflog: the header's length is its first byte, padded to a word. */
static void read_pflog(const struct linktype *lt, struct frame *l)
{
	if (l->len && skip(l, (l->net[0] + 3U) & ~3U))
		l->type = frame_type_by_version(l->net, l->len);
}

static const struct linktype table[] = {
	{0, 4, 0, read_raw},           /* NULL: the family, in anyone's byte order */
	{7, 0, 2, read_arcnet},        /* BSD ARCNET */
	{8, 16, 0, read_raw},          /* SLIP */
	{9, 0, 0, read_ppp},           /* PPP */
	{10, 13, 1, read_llc},         /* FDDI */
	{50, 0, 0, read_ppp},          /* PPP in HDLC */
	{51, 6, 0, read_ppp},          /* PPPoE without Ethernet */
	{100, 0, 0, read_llc},         /* ATM, RFC 1483 */
	{101, 0, 0, read_raw},         /* raw IP */
	{104, 4, 2, read_typed},       /* Cisco HDLC */
	{105, 0, 0, read_wlan},        /* 802.11 */
	{107, 0, 0, read_frame_relay}, /* frame relay */
	{108, 4, 0, read_raw},         /* OpenBSD loopback */
	{109, 12, 0, read_raw},        /* OpenBSD enc */
	{113, 16, 14, read_typed},     /* Linux cooked v1 */
	{117, 0, 0, read_pflog},       /* pflog */
	{119, 144, 0, read_wlan},      /* 802.11 behind a Prism header */
	{122, 16, 0, read_llc},        /* IP over Fibre Channel */
	{123, 4, 0, read_llc},         /* SunATM */
	{127, 0, 2, read_wlan},        /* 802.11 behind radiotap */
	{129, 0, 4, read_arcnet},      /* Linux ARCNET */
	{138, 18, 16, read_typed},     /* Apple IP over IEEE 1394 */
	{166, 1, 0, read_ppp},         /* PPP with a direction */
	{178, 0, 0, read_juniper_ethernet},
	{192, 0, 2, read_wlan},    /* PPI; mostly 802.11 */
	{226, 24, 0, read_raw},    /* Solaris ipnet */
	{228, 0, 0, read_raw},     /* IPv4 */
	{229, 0, 0, read_raw},     /* IPv6 */
	{239, 0, 0, read_nflog},   /* nflog */
	{242, 44, 40, read_typed}, /* IP over InfiniBand */
	{271, 0, 0, read_vsock},   /* vsock */
	{276, 20, 0, read_typed},  /* Linux cooked v2 */
	{281, 4, 12, read_tagged}, /* Broadcom tag behind the addresses */
	{282, 4, 0, read_tagged},  /* Broadcom tag first */
	{284, 4, 12, read_tagged}, /* Marvell DSA */
	{285, 8, 12, read_tagged}, /* Marvell EDSA */
};

static const struct linktype *find(uint16_t number)
{
	size_t lo = 0, hi = sizeof(table) / sizeof(table[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (table[mid].number == number)
			return &table[mid];
		if (table[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* Apple's PKTAP: its length, then at 8 the DLT of the frame behind it. */
static bool unwrap_pktap(uint16_t *number, struct frame *l)
{
	uint32_t n, dlt;

	if (l->len < 12)
		return false;
	n = bytes_get_le32(l->net);
	dlt = bytes_get_le32(l->net + 8);
	if (n < 12 || dlt > UINT16_MAX || !skip(l, n))
		return false;
	*number = (uint16_t)(dlt == 12 || dlt == 14 ? 101 : dlt); /* DLT_RAW differs by system */
	return true;
}

void linktype_dissect(uint16_t linktype, const uint8_t *p, uint32_t len, struct frame *out)
{
	const struct linktype *lt;

	*out = (struct frame){.net = p, .len = len};
	/* 149 is a user type that Apple used before PKTAP had a number. */
	for (int i = 0; i < MAX_NESTED && (linktype == 258 || linktype == 149); i++) {
		if (!unwrap_pktap(&linktype, out))
			return;
	}
	if (linktype == PACKET_LINKTYPE_DEFAULT) {
		frame_ethernet(out->net, out->len, out);
		return;
	}
	lt = find(linktype);
	if (lt)
		lt->read(lt, out);
}

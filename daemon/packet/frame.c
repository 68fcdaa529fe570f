/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This runs for every packet: what is most common comes first everywhere.
 */
#include "packet/frame.h"

#include "base/bytes.h"

/* A chain of tags or labels longer than this is not followed. */
#define MAX_CHAIN 16

static bool is_vlan(uint16_t type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x9200;
}

/* The type of a packet that only its first nibble tells: raw IP, MPLS payload, GTP-U. */
uint16_t frame_type_by_version(const uint8_t *p, uint32_t len)
{
	if (len && p[0] >> 4 == 4)
		return FRAME_TYPE_IPV4;
	if (len && p[0] >> 4 == 6)
		return FRAME_TYPE_IPV6;
	return 0;
}

/* Labels down to the bottom of the stack; what follows must look like IP. */
static bool strip_mpls(struct frame *l)
{
	const uint8_t *p = l->net;
	uint32_t len = l->len;
	uint16_t type;

	for (int i = 0; i < MAX_CHAIN; i++) {
		bool bottom;

		if (len < 4)
			return false;
		bottom = p[2] & 1;
		p += 4;
		len -= 4;
		if (!bottom)
			continue;
		type = frame_type_by_version(p, len);
		if (!type)
			return false;
		l->net = p;
		l->len = len;
		l->type = type;
		return true;
	}
	return false;
}

/* A PPP protocol field (RFC 1661), one byte when compressed. */
bool frame_strip_ppp(struct frame *l)
{
	uint16_t proto;
	uint32_t n = 2;

	if (l->len >= 2 && l->net[0] == 0xff && l->net[1] == 0x03)
		n += 2;
	if (l->len < n)
		return false;
	proto = bytes_get_be16(l->net + n - 2);
	if (proto & 0x0100) {
		proto >>= 8;
		n--;
	}
	if (proto == 0x0021)
		l->type = FRAME_TYPE_IPV4;
	else if (proto == 0x0057)
		l->type = FRAME_TYPE_IPV6;
	else if (proto == 0x0281 || proto == 0x0283)
		l->type = FRAME_TYPE_MPLS;
	else
		return false;
	l->net += n;
	l->len -= n;
	return true;
}

/* RFC 1042: an Ethertype behind an 802.2 header. */
bool frame_strip_snap(struct frame *l)
{
	if (l->len < 8 || l->net[0] != 0xaa || l->net[1] != 0xaa || l->net[2] != 0x03)
		return false;
	l->type = bytes_get_be16(l->net + 6);
	l->net += 8;
	l->len -= 8;
	return true;
}

static bool strip_pppoe(struct frame *l)
{
	struct frame inner = *l;

	if (l->len < 6)
		return false;
	inner.net += 6;
	inner.len -= 6;
	if (!frame_strip_ppp(&inner))
		return false;
	*l = inner;
	return true;
}

/* Takes off what may lie between a frame's type field and its network header. */
void frame_strip_shims(struct frame *l)
{
	for (int i = 0; i < MAX_CHAIN; i++) {
		if (l->type == FRAME_TYPE_IPV4 || l->type == FRAME_TYPE_IPV6) {
			return;
		} else if (is_vlan(l->type)) {
			if (l->len < 4)
				return;
			l->type = bytes_get_be16(l->net + 2);
			l->net += 4;
			l->len -= 4;
		} else if (l->type == FRAME_TYPE_MPLS || l->type == FRAME_TYPE_MPLS_UP) {
			if (!strip_mpls(l))
				return;
		} else if (l->type == FRAME_TYPE_PPPOE) {
			if (!strip_pppoe(l))
				return;
		} else if (l->type < 0x600) {
			l->type = 0; /* a length, not a type */
			if (!frame_strip_snap(l))
				return;
		} else {
			return;
		}
	}
}

void frame_ethernet(const uint8_t *p, uint32_t len, struct frame *out)
{
	*out = (struct frame){.net = p, .len = len};
	if (len < 14)
		return;
	out->end_len = 6;
	out->end[0] = p;
	out->end[1] = p + 6;
	out->type = bytes_get_be16(p + 12);
	out->net = p + 14;
	out->len = len - 14;
	frame_strip_shims(out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP and tunnels. Ethernet is in frame.c, the other link types are in linktype.c.
 *
 * Every step takes a pointer and the bytes left, and gives up where they do not suffice; what was
 * found so far stays valid. This runs for every packet, so the common case (Ethernet, IPv4, TCP)
 * comes first everywhere.
 */
#include "packet/dissect.h"

#include <string.h>

#include "base/bytes.h"
#include "packet/frame.h"
#include "packet/linktype.h"

/* A chain of extension headers longer than this is not followed. */
#define MAX_CHAIN 16

void dissect_link(const struct packet *pkt, struct frame *out)
{
	if (pkt->linktype == PACKET_LINKTYPE_DEFAULT)
		frame_ethernet(pkt->data, pkt->caplen, out);
	else
		linktype_dissect(pkt->linktype, pkt->data, pkt->caplen, out);
}

/* Authentication headers are followed in IPv4 too, so that both versions answer alike. */
static void skip_ah(struct dissect_ip *ip)
{
	uint32_t n;

	if (ip->len < 12)
		return;
	n = (ip->payload[1] + 2U) * 4;
	if (n < 12 || n > ip->len)
		return;
	ip->proto = ip->payload[0];
	ip->payload += n;
	ip->len -= n;
}

static bool dissect_ipv4(const uint8_t *p, uint32_t len, struct dissect_ip *out)
{
	uint32_t hlen;

	if (len < 20 || p[0] >> 4 != 4)
		return false;
	hlen = (p[0] & 0x0fU) * 4;
	if (hlen < 20 || hlen > len)
		return false;
	out->version = 4;
	out->proto = p[9];
	out->fragment = bytes_get_be16(p + 6) & 0x3fff;
	out->src = p + 12;
	out->dst = p + 16;
	out->payload = p + hlen;
	out->len = len - hlen;
	if (out->proto == 51 && !out->fragment)
		skip_ah(out);
	return true;
}

/*
 * One extension header. All fragments of a datagram must get one answer, and only the first holds
 * what follows the fragment header, so the walk ends there.
 */
static bool skip_extension(struct dissect_ip *ip)
{
	uint32_t n;

	switch (ip->proto) {
	case 0:   /* hop-by-hop */
	case 43:  /* routing */
	case 60:  /* destination options */
	case 139: /* HIP */
	case 140: /* shim6 */
		if (ip->len < 8)
			return false;
		n = (ip->payload[1] + 1U) * 8;
		break;
	case 44:
		if (ip->len < 8)
			return false;
		n = 8;
		ip->fragment = bytes_get_be16(ip->payload + 2) & 0xfff9;
		break;
	case 51:
		if (ip->len < 12)
			return false;
		n = (ip->payload[1] + 2U) * 4;
		break;
	default:
		return false;
	}
	if (n > ip->len)
		return false;
	ip->proto = ip->payload[0];
	ip->payload += n;
	ip->len -= n;
	return !ip->fragment;
}

static bool dissect_ipv6(const uint8_t *p, uint32_t len, struct dissect_ip *out)
{
	if (len < 40 || p[0] >> 4 != 6)
		return false;
	out->version = 6;
	out->proto = p[6];
	out->fragment = false;
	out->src = p + 8;
	out->dst = p + 24;
	out->payload = p + 40;
	out->len = len - 40;
	for (int i = 0; i < MAX_CHAIN && skip_extension(out); i++)
		;
	return true;
}

bool dissect_ip(const struct frame *l, struct dissect_ip *out)
{
	if (l->type == FRAME_TYPE_IPV4)
		return dissect_ipv4(l->net, l->len, out);
	if (l->type == FRAME_TYPE_IPV6)
		return dissect_ipv6(l->net, l->len, out);
	return false;
}

bool dissect_ports(const struct dissect_ip *ip, uint16_t *sport, uint16_t *dport)
{
	switch (ip->proto) {
	case DISSECT_TCP:
	case DISSECT_UDP:
	case 33:  /* DCCP */
	case 132: /* SCTP */
	case 136: /* UDP-Lite */
		break;
	default:
		return false;
	}
	if (ip->fragment || ip->len < 4)
		return false;
	*sport = bytes_get_be16(ip->payload);
	*dport = bytes_get_be16(ip->payload + 2);
	return true;
}

/* ERSPAN type II and III carry Ethernet behind a header of their own. */
static bool inner_erspan(const uint8_t *p, uint32_t len, uint32_t hlen, struct frame *out)
{
	if (hlen == 12 && len >= 12 && (p[11] & 1))
		hlen += 8; /* platform specific subheader */
	if (len < hlen)
		return false;
	frame_ethernet(p + hlen, len - hlen, out);
	return true;
}

static bool inner_gre(const uint8_t *p, uint32_t len, struct frame *out)
{
	uint32_t n = 4;
	uint16_t type;

	if (len < 4 || (p[0] & 0x40)) /* the obsolete routing field */
		return false;
	n += (p[0] & 0x80 ? 4U : 0) + (p[0] & 0x20 ? 4U : 0) + (p[0] & 0x10 ? 4U : 0);
	if ((p[1] & 7) == 1)
		n += p[1] & 0x80 ? 4U : 0; /* PPTP: acknowledgement number */
	else if (p[1] & 7)
		return false;
	if (len < n)
		return false;
	type = bytes_get_be16(p + 2);
	if (type == 0x6558) {
		frame_ethernet(p + n, len - n, out);
		return true;
	}
	if (type == 0x88be) /* type I has no header, and then no sequence number either */
		return inner_erspan(p + n, len - n, p[0] & 0x10 ? 8 : 0, out);
	if (type == 0x22eb)
		return inner_erspan(p + n, len - n, 12, out);
	*out = (struct frame){.net = p + n, .len = len - n, .type = type};
	if (type == 0x880b) /* PPP */
		return frame_strip_ppp(out);
	frame_strip_shims(out);
	return true;
}

static bool inner_vxlan(const uint8_t *p, uint32_t len, struct frame *out)
{
	if (len < 8 || p[0] != 0x08)
		return false;
	frame_ethernet(p + 8, len - 8, out);
	return true;
}

static bool inner_geneve(const uint8_t *p, uint32_t len, struct frame *out)
{
	uint32_t n;

	if (len < 8 || p[0] >> 6)
		return false;
	n = 8 + (p[0] & 0x3fU) * 4;
	if (len < n)
		return false;
	if (bytes_get_be16(p + 2) == 0x6558) {
		frame_ethernet(p + n, len - n, out);
		return true;
	}
	*out = (struct frame){.net = p + n, .len = len - n, .type = bytes_get_be16(p + 2)};
	frame_strip_shims(out);
	return true;
}

/* Version 1, a G-PDU, its optional fields and extension headers. */
static bool inner_gtpu(const uint8_t *p, uint32_t len, struct frame *out)
{
	uint32_t n = 8;

	if (len < 8 || p[0] >> 4 != 3 || p[1] != 0xff)
		return false;
	if (p[0] & 7) {
		uint8_t next;

		if (len < 12)
			return false;
		next = p[0] & 4 ? p[11] : 0;
		n = 12;
		for (int i = 0; next && i < MAX_CHAIN; i++) {
			uint32_t ext = n < len ? p[n] * 4U : 0;

			if (!ext || len - n < ext)
				return false;
			next = p[n + ext - 1];
			n += ext;
		}
	}
	*out = (struct frame){.net = p + n, .len = len - n};
	out->type = frame_type_by_version(out->net, out->len);
	return out->type;
}

static bool inner_udp(const struct dissect_ip *ip, struct frame *out)
{
	const uint8_t *p = ip->payload + 8;
	uint16_t sport, dport;

	if (ip->len < 8 || !dissect_ports(ip, &sport, &dport))
		return false;
	/* Either port, so that both directions are read alike whatever uses the number. */
	if (dport == 4789 || sport == 4789)
		return inner_vxlan(p, ip->len - 8, out);
	if (dport == 2152 || sport == 2152)
		return inner_gtpu(p, ip->len - 8, out);
	if (dport == 6081 || sport == 6081)
		return inner_geneve(p, ip->len - 8, out);
	return false;
}

bool dissect_inner(const struct dissect_ip *ip, struct frame *out)
{
	if (ip->fragment)
		return false;
	switch (ip->proto) {
	case DISSECT_UDP:
		return inner_udp(ip, out);
	case 47:
		return inner_gre(ip->payload, ip->len, out);
	case 4:
		*out = (struct frame){.net = ip->payload, .len = ip->len, .type = FRAME_TYPE_IPV4};
		return true;
	case 41:
		*out = (struct frame){.net = ip->payload, .len = ip->len, .type = FRAME_TYPE_IPV6};
		return true;
	default:
		return false;
	}
}

static void fill_plain(const uint8_t *ip, struct dissect_tcp *out)
{
	*out = (struct dissect_tcp){.sport = bytes_get_be16(ip + 20),
				    .dport = bytes_get_be16(ip + 22)};
	memcpy(out->src, ip + 12, 4);
	memcpy(out->dst, ip + 16, 4);
}

bool dissect_tcp(const struct packet *pkt, struct dissect_tcp *out)
{
	const uint8_t *plain = dissect_plain(pkt);
	struct frame l;
	struct dissect_ip ip;
	size_t n;

	if (plain && plain[9] == DISSECT_TCP) {
		fill_plain(plain, out);
		return true;
	}
	if (plain && plain[9] == DISSECT_UDP)
		return false;
	dissect_link(pkt, &l);
	if (!dissect_ip(&l, &ip) || ip.proto != DISSECT_TCP)
		return false;
	*out = (struct dissect_tcp){.v6 = ip.version == 6};
	if (!dissect_ports(&ip, &out->sport, &out->dport))
		return false;
	n = out->v6 ? 16 : 4;
	memcpy(out->src, ip.src, n);
	memcpy(out->dst, ip.dst, n);
	return true;
}

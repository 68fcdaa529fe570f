/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the addresses, the protocol and the ports of a packet. Pure, bounds-checked: nothing past
 * caplen is read, nothing is allocated, and every walk is bounded.
 *
 * The walk has three steps, each of use alone: the link layer (any link type, with VLAN tags,
 * MPLS labels and PPPoE taken off), the IP header with its extension headers, and, where the
 * caller wants it, the packet inside a tunnel.
 *
 * Header layouts: tcpdump.org/linktypes.html, RFC 791, RFC 8200, RFC 2516 (PPPoE), RFC 3032 (MPLS),
 * RFC 2784/2890/2637 (GRE), RFC 7348 (VXLAN), RFC 8926 (Geneve), 3GPP TS 29.281 (GTP-U).
 */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "packet/frame.h"
#include "packet/packet.h"

#define DISSECT_TCP 6
#define DISSECT_UDP 17

struct dissect_ip {
	uint8_t version;    /* 4 or 6 */
	uint8_t proto;      /* what follows the IP headers; for a fragment: what it is part of */
	bool fragment;      /* part of a datagram (not an atomic fragment) */
	const uint8_t *src; /* 4 or 16 bytes */
	const uint8_t *dst; /* 4 or 16 bytes */
	const uint8_t *payload; /* behind the IP and extension headers */
	uint32_t len;           /* captured bytes there */
};

struct dissect_tcp {
	bool v6;
	uint8_t src[16]; /* IPv4 addresses use the first 4 bytes, the rest is 0 */
	uint8_t dst[16];
	uint16_t sport; /* host order */
	uint16_t dport;
};

/*
 * What nearly every packet is: whole, in IPv4 without options, in untagged Ethernet. Returns its IP
 * header, behind which at least four bytes were captured, or NULL for everything else, which has
 * to go the long way.
 */
static inline const uint8_t *dissect_plain(const struct packet *pkt)
{
	const uint8_t *ip;

	if (pkt->linktype != PACKET_LINKTYPE_DEFAULT || pkt->caplen < 14 + 20 + 4)
		return NULL;
	ip = pkt->data + 14;
	if (bytes_get16(pkt->data + 12) != htobe16(0x0800) || ip[0] != 0x45 ||
	    (bytes_get16(ip + 6) & htobe16(0x3fff)))
		return NULL;
	return ip;
}

/* Takes the link-layer headers off. Always fills `out`; type 0 means that nothing is known. */
void dissect_link(const struct packet *pkt, struct frame *out);

/* Reads the IPv4 or IPv6 header that `l` leads to. False: there is none, or it is cut short. */
bool dissect_ip(const struct frame *l, struct dissect_ip *out);

/* The ports of TCP, UDP, UDP-Lite, DCCP, SCTP, as they lie there; false: none (fragments, ICMP). */
bool dissect_ports(const struct dissect_ip *ip, uint16_t *sport, uint16_t *dport);

/*
 * Looks into a tunnel packet (IP in IP, GRE, VXLAN, Geneve, GTP-U): `out` is then the frame or
 * packet inside. False: it is no tunnel that we know, or cut short; `out` is then not valid.
 */
bool dissect_inner(const struct dissect_ip *ip, struct frame *out);

/*
 * The addresses and ports of a TCP segment, not looking into tunnels. False, quickly, for
 * anything else and for fragments.
 */
bool dissect_tcp(const struct packet *pkt, struct dissect_tcp *out);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link layer of a frame: Ethernet, and what lies between any link layer and IP: VLAN tags, MPLS
 * labels, PPPoE, PPP, 802.2. Pure, bounds-checked; for dissect.c and linktype.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FRAME_TYPE_IPV4    0x0800
#define FRAME_TYPE_IPV6    0x86dd
#define FRAME_TYPE_MPLS    0x8847
#define FRAME_TYPE_MPLS_UP 0x8848 /* upstream-assigned labels */
#define FRAME_TYPE_PPPOE   0x8864 /* session */

/* What the link layer says of a frame. All pointers lead into the packet. */
struct frame {
	const uint8_t *net;    /* what follows the link-layer headers */
	uint32_t len;          /* bytes there */
	uint16_t type;         /* Ethertype of it (0x0800, 0x86dd, ...); 0: not known */
	uint8_t end_len;       /* bytes of each link-layer address; 0: the frame tells no pair */
	const uint8_t *end[2]; /* the pair of link-layer addresses, receiver first */
};

/* Reads an Ethernet frame (one that begins with its two addresses) of `len` bytes. */
void frame_ethernet(const uint8_t *p, uint32_t len, struct frame *out);

/* 0x0800 or 0x86dd by the first nibble, 0 when it is neither. */
uint16_t frame_type_by_version(const uint8_t *p, uint32_t len);

/* Take a header off; false (and `l` unchanged) when it is not there or leads to nothing known. */
bool frame_strip_ppp(struct frame *l);
bool frame_strip_snap(struct frame *l);

/* Takes VLAN tags, MPLS labels, PPPoE and 802.2 off, as the type says. */
void frame_strip_shims(struct frame *l);

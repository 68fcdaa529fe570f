/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link layers other than Ethernet, for dissect.c alone. Pure, bounds-checked.
 */
#pragma once

#include "packet/dissect.h"

#define DISSECT_TYPE_IPV4    0x0800
#define DISSECT_TYPE_IPV6    0x86dd
#define DISSECT_TYPE_MPLS    0x8847
#define DISSECT_TYPE_MPLS_UP 0x8848 /* upstream-assigned labels */
#define DISSECT_TYPE_PPPOE   0x8864 /* session */

/* As dissect_link(), for a frame of LINKTYPE_ number `linktype`. */
void linktype_dissect(uint16_t linktype, const uint8_t *p, uint32_t len, struct dissect_link *out);

/* 0x0800 or 0x86dd by the first nibble, 0 when it is neither. */
uint16_t dissect_type_by_version(const uint8_t *p, uint32_t len);

/* Take a header off; false (and `l` unchanged) when it is not there or leads to nothing known. */
bool dissect_strip_ppp(struct dissect_link *l);
bool dissect_strip_snap(struct dissect_link *l);

/* Takes VLAN tags, MPLS labels, PPPoE and 802.2 off, as the type says. */
void dissect_strip_shims(struct dissect_link *l);

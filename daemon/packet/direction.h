/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which way a packet went, where its link-layer header says it. Pure, bounds-checked.
 */
#pragma once

#include <stdint.h>

#include "packet/packet.h"

/*
 * As pcapng's epb_flags have it: 1 inbound or 2 outbound in bits 0 and 1; 1 unicast, 2 multicast,
 * 3 broadcast or 4 promiscuous in bits 2 to 4. 0: not known.
 */
uint32_t packet_direction(const struct packet *pkt);

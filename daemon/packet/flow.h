/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet -> flow hash. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"

struct flow_options {
	bool inner;     /* the flow inside GRE, IP in IP, VXLAN, Geneve, GTP-U decides */
	bool host_only; /* the pair of addresses alone decides */
};

/*
 * A hash of the flow that the packet belongs to: the same in both directions, on every machine, in
 * every release. Of addresses, protocol and ports for IP (fragments: addresses and protocol, so
 * that a datagram stays together); of the pair of link-layer addresses and the type for other
 * frames; of the type for frames that tell no pair of addresses; of the link type for the rest.
 */
uint32_t flow_hash(const struct packet *pkt, const struct flow_options *opt);

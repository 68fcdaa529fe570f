/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the packets of one handle say of where they were captured.
 */
#pragma once

#include <stdint.h>

#include "packet/packet.h"

struct ifnames;

/* For all handles of an instance. */
struct annotation_options {
	const char *host;
	struct ifnames *names; /* of the interfaces behind `any`; NULL: not told */
};

/* Zero: packets say nothing. */
struct annotation {
	const char *host, *interface;
	uint8_t host_len, interface_len;
	struct ifnames *names; /* NULL: all packets are of the one interface */
};

/*
 * `opt` (NULL: packets say nothing) and the interface's name are borrowed. Packets of `any` name
 * the interface that they came by if the link type, a LINKTYPE_ number, tells it.
 */
void annotation_set(struct annotation *a, const struct annotation_options *opt,
		    const char *interface, uint16_t linktype);

/* With `names`: the packet names its interface, if it has a name, until the next call. */
void annotation_find_interface(const struct annotation *a, struct packet *pkt);

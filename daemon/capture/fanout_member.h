/* SPDX-License-Identifier: Apache-2.0 */
/* A member of a fanout group, as the kernel lists its packet sockets (sock_diag(7)). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct fanout_member {
	int index;         /* of its interface; 0: all of them; -1: it is gone */
	unsigned int type; /* PACKET_FANOUT_… */
};

/*
 * One of the members that the group has now; all have the same interface and type. False: there is
 * none, or the kernel does not tell.
 */
bool fanout_member_find(uint16_t group, struct fanout_member *out);

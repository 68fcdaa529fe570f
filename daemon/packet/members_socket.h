/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket by which an instance of a fanout group reaches the others. Each has one of the group's
 * places, whose name is "pycapa-fanout-GROUP-PLACE" in the abstract namespace. What comes from
 * other users, but for root, is not heard.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/own_traffic.h"

#define MEMBERS_PLACES 256 /* what the kernel takes in a group */

/* As processes of one build tell each other. */
struct members_message {
	uint32_t magic;   /* set when it is sent */
	uint32_t number;  /* it is to be answered; 0: it is not */
	uint32_t answers; /* the message with this number; 0: none */
	uint32_t n;
	uint64_t packets;
	uint64_t filter; /* tells one from another; 0: not known yet */
	struct own_connection list[OWN_TRAFFIC_MAX];
};

struct members_socket {
	int fd; /* -1: closed */
	uint16_t group;
	unsigned int place;
	bool said_foreign; /* private */
};

/* Takes a place. 0 or -errno; -EADDRINUSE: there is none left. */
int members_socket_open(struct members_socket *s, uint16_t group);
void members_socket_close(struct members_socket *s);

/*
 * Any thread. `patient`: waits for 50 ms for one that does not read. False with errno, which is
 * ECONNREFUSED where nobody has the place.
 */
bool members_socket_send(const struct members_socket *s, struct members_message *msg,
			 unsigned int place, bool patient);

/* One that waits, and where it is from; false: there is none that counts. One thread. */
bool members_socket_receive(struct members_socket *s, struct members_message *msg,
			    unsigned int *place);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the packets of a savefile are due, so that it is replayed at the speed of its time stamps.
 * Pure.
 *
 * What is late is due at once: the next ones keep to the schedule. A step back in time of more than
 * a second begins a new one, so that what was joined behind it does not come in one burst. A packet
 * without a time of its own (1970, as readfile.h has it) is due at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"

/* All else zero at the start. */
struct pace {
	uint32_t factor; /* how many times as fast as the time stamps; 0: no schedule */
	bool begun;
	uint64_t first_us, latest_us; /* of the packets in this schedule */
	uint16_t first_nanos;
	int64_t began; /* ns, when the first was due */
};

/* The seconds until the packet is due, now being `now` (ns, of any steady clock); 0: it is. */
double pace_wait(struct pace *p, const struct packet *pkt, int64_t now);

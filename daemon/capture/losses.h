/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that were lost, until a packet behind them tells it (packet.h, dropcount).
 *
 * A kernel says how many it lost, not where: when a count has grown, the loss lies before that
 * moment. So it is noted with the place in the stream of packets that was reached then, and told by
 * the first packet from there on: never by one from before the loss. Places are numbers that grow
 * with the stream, of the owner's choice. Pure.
 */
#pragma once

#include <stdint.h>

#define LOSSES_MAX 16

struct losses {
	struct loss {
		uint64_t at; /* its place; not lower than that of the one before */
		uint64_t packets;
	} list[LOSSES_MAX];
	unsigned int n;
};

/* With no room for another place it goes to the last one, which moves on to `at`. */
void losses_note(struct losses *l, uint64_t at, uint64_t packets);

/* So many were lost before all of the stream. */
void losses_put_first(struct losses *l, uint64_t packets);

/* How many a packet at this place is to tell: no other tells them again. */
uint64_t losses_take(struct losses *l, uint64_t at);

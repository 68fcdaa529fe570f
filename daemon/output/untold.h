/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Losses that packets which are left out told while no file was open, for the next one: a number
 * for each host, interface and link type. Beyond UNTOLD_MAX of those, one that is new is counted
 * without its names.
 */
#pragma once

#include <stdint.h>

#include "packet/packet.h"

#define UNTOLD_MAX 64

/* A list; NULL is an empty one. */
struct untold;

/* Without memory for it, the loss is forgotten. */
void untold_add(struct untold **list, const struct packet *pkt);

/* Tells each as a packet that is left out, and empties the list. */
void untold_tell(struct untold **list, void (*tell)(void *ctx, const struct packet *pkt),
		 void *ctx);

/* How many packets were lost. */
uint64_t untold_sum(const struct untold *list);

void untold_free(struct untold **list);

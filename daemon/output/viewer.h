/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packets that a producer shows (--pretty-print): hex dumps on standard output, for eyes
 * only. A reader that is slow or gone costs dumps, never a packet, and never stops the loop.
 */
#pragma once

#include <ev.h>
#include <stdint.h>

#include "packet/packet.h"

struct viewer;

/* Takes standard output, as byte_stream_new() does. Returns 0 or -errno (logged). */
int viewer_new(struct viewer **out, struct ev_loop *loop);

/* Shows a packet, the `number`th that was taken; without room it is left out and counted. */
void viewer_show(struct viewer *v, uint64_t number, const struct packet *pkt);

/*
 * After the last packet and outside of the loop: waits a moment for a reader that is behind, and
 * logs how many dumps were left out. NULL is legal.
 */
void viewer_end(struct viewer *v);

/* NULL is legal. */
void viewer_free(struct viewer *v);

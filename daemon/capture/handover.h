/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capture handles of one interface as a queue: two at most, as each keeps a whole ring of
 * memory. The first is read; the second fills its ring meanwhile. They share a cut: the older takes
 * packets from before it, the newer those from then on. A moment after the cut (a packet may have
 * been stamped, but not be in the ring yet) the older rejects all, is read empty and closed, and
 * the newer one's turn comes. In a fanout group, where they would share what comes, the older takes
 * all until it is closed; only then does the newer one begin. Their counters are added up; what one
 * has lost and no packet of it tells any more, the next one's first packet tells.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/capture.h"

#define HANDOVER_MAX 2

struct handover {
	struct ev_loop *loop;
	struct capture *handles[HANDOVER_MAX];
	size_t n;
	bool running; /* handover_run() was called, and not handover_pause() since */
	ev_timer grace, sample;
	struct capture_counters closed;   /* of the handles that are gone */
	struct annotation_options origin; /* for packets to say; without a host they say nothing */
	char host[256];
	uint64_t untold; /* lost by these, and for the next one to tell */
};

void handover_init(struct handover *h, struct ev_loop *loop);

/* Of those that are there: stands for the interface. */
struct capture *handover_newest(const struct handover *h);

/*
 * True when one can be added. With `lost` the newest was stopped, as its interface went: when
 * nothing is left in it, it makes room at once, though another's turn may be before.
 */
bool handover_has_room(struct handover *h, bool lost);

/* Packets of all handles, and of those to come, say where they were captured, or do not. */
void handover_annotate(struct handover *h, bool on);
/* The kernel says that an interface has changed: for packets of `any`. 0: perhaps all have. */
void handover_interface_changed(struct handover *h, int index);

/* Adds one; with `cut` it takes over from the newest. */
void handover_add(struct handover *h, struct capture *fresh, bool cut);

/* Packets are (not) taken. */
void handover_run(struct handover *h);
void handover_pause(struct handover *h);

/* The first was read empty after its capture_stop(): closes it, the next one's turn comes. */
void handover_next(struct handover *h);

void handover_stop(struct handover *h);
void handover_read_counters(const struct handover *h, struct capture_counters *out);
void handover_clear(struct handover *h);

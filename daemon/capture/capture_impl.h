/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a handle, for its own files: capture.c is its life, capture_counts.c what of its
 * packets was seen, capture_group.c how one follows another in a fanout group.
 */
#pragma once

#include <ev.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/annotation.h"
#include "capture/capture_types.h"
#include "capture/kernel_counts.h"
#include "capture/pcap_handle.h"

struct capture {
	struct capture_options opt; /* its strings are not used */
	struct pcap_handle device;
	uint16_t linktype;
	ev_io io;
	ev_timer timer;      /* polls while stopping */
	uint64_t begin, end; /* µs; end 0 = none */
	uint64_t born;
	int64_t clock_ahead; /* ns, of the wall clock to the steady one, when begin was set */
	bool running, stopping;
	bool standing_by;
	uint64_t stop_at;      /* of a group's member: so many are to be seen before it leaves */
	int64_t stop_deadline; /* ns, CLOCK_MONOTONIC */

	struct annotation annotation;

	struct packet parked; /* not taken by the sink; data points at parked_data */
	char parked_interface[IFNAMSIZ];
	uint8_t *parked_data;
	bool has_parked;
	int sink_error;

	uint64_t received, bytes, cut; /* cut: belongs to the other handle of a hand-over */
	uint64_t refused;              /* by the filter, that the kernel does not take */
	uint64_t early;                /* from before our filter */
	bool inexact;                  /* the kernel's count and ours cannot be compared */
	struct kernel_counts kernel;   /* since the baseline */
	char fault[256];               /* why it could not begin */
};

/* Packets that the kernel has counted, and we have had; and have not. */
uint64_t capture_seen(const struct capture *c);
uint64_t capture_unseen(const struct capture *c);
/* Of the latter: those that were on their way while the filters changed, from before ours. */
uint64_t capture_early(const struct capture *c);

/* Its filter is put in place, in a group it joins; what comes from now on counts. As capture_new().
 */
int capture_begin(struct capture *c, char *why, size_t size);
/* Instead of that: capture_take_turn() will do it. Returns 0. */
int capture_stand_by(struct capture *c);

void capture_set_begin(struct capture *c, uint64_t time_us);
void capture_unwatch(struct capture *c);

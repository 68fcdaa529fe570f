/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One live capture handle: from opening it to its last exact count.
 *
 * Two handles may be open on one interface for a hand-over; the cut is a time: each packet has the
 * same time stamp on both, so that what is older belongs to one and what is newer to the other.
 *
 * A handle in a fanout group (fanout.h) does not see what the others take, so there the older one
 * captures until it leaves, and the newer one stands by until then.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/annotation.h"
#include "capture/capture_types.h"

struct capture;

/* After capture_stop(), if not inexact: passed = received + dropped_kernel + unread. */
struct capture_counters {
	uint64_t received; /* packets handed to the sink and taken */
	uint64_t bytes;    /* their captured bytes */
	uint64_t dropped_kernel;
	uint64_t dropped_interface;
	uint64_t passed; /* passed the filter, drops included, the other handle's not */
	uint64_t unread; /* still in the ring; 0 before capture_stop(), and when inexact */
	bool inexact;    /* the kernel counts otherwise: `any`, a
			  * device that is no interface; or the clock is
			  * not the host's, or was set back */
};

/*
 * Opens the interface and starts to capture: packets from now on are in the ring. Nothing is read
 * until capture_run(). Returns 0, a capture_error with one line in `why`, or -errno.
 *
 * It may wait (filter.h): it is made for another thread than the loop's, and so is capture_free()
 * of one that was never run.
 */
int capture_new(struct capture **out, const struct capture_options *opt, char *why, size_t size);

/* From now on its packets say where they were captured; NULL: they do not. As annotation_set(). */
void capture_annotate(struct capture *c, const struct annotation_options *opt);

/* Starts, or resumes after PACKET_E_FULL, handing packets to the sink (a parked one first). */
void capture_run(struct capture *c);

/*
 * From now on packets belong to `newer`, those of before to `older`, which is to be stopped
 * a moment later: a packet may have been stamped already, but not be in its ring.
 */
void capture_hand_over(struct capture *older, struct capture *newer);

/*
 * Ends the capture: a filter that rejects all, then what is in the ring goes to the sink, then
 * on_stopped. Waits for capture_run() while a packet is parked.
 *
 * A member of a group has packets until it leaves: nobody else could have what a filter rejects.
 * on_stopped says that this is a good moment, as its ring was just read.
 */
void capture_stop(struct capture *c);

/*
 * Of handles in a group, or that follow one; else nothing happens. `c` leaves it, and `next` (NULL:
 * there is none) begins in its place. A packet that `c` has not read by now is lost, and counted as
 * dropped by the kernel. Only the counts of `c` are left.
 */
void capture_leave(struct capture *c, struct capture *next);

/* It is open, but captures nothing before its turn comes: capture_options.stand_by. */
bool capture_stands_by(const struct capture *c);

/* Its turn has come: there is nobody before it. A fault is told by on_lost(), once it is run. */
void capture_take_turn(struct capture *c);

/*
 * `c` takes over the filter of `fresh`, which stands by, when that is all in which they differ: no
 * packet is lost. False: it is not.
 */
bool capture_adopt(struct capture *c, struct capture *fresh);

/* What the kernel says of the interface now, not when an event was queued. */
enum capture_link capture_look(const struct capture *c);
int capture_index(const struct capture *c); /* of the interface when it was opened; 0: none */
bool capture_has_parked(const struct capture *c);
bool capture_is_empty(struct capture *c); /* it was stopped, and nothing is left to be read */
int capture_dlt(const struct capture *c); /* DLT_, for filter_check() */
const char *capture_link_name(const struct capture *c); /* "Ethernet" */

/*
 * Has the kernel's counts as of now (a system call: not per packet). They have 32 bits: to be
 * called before another 2^32 packets came. To call it more often changes no count.
 */
void capture_sample(struct capture *c);
void capture_read_counters(const struct capture *c, struct capture_counters *out);

/*
 * What the kernel has lost (dropped_kernel) the next packet tells in its dropcount. Of a handle
 * that is read empty: how many of these no packet has told, for the handle that comes after it.
 */
uint64_t capture_take_losses(struct capture *c);
/* Its first packet tells them too; before capture_run(). */
void capture_add_losses(struct capture *c, uint64_t packets);

/* Closes at once; what is still in the ring is lost. NULL is legal. */
void capture_free(struct capture *c);

/* `-D`: prints the interfaces as tcpdump does. Returns 0, or -EIO (logged). */
int capture_list_interfaces(void);

/*
 * The name of the interface that `-D` lists with this number; the caller frees. NULL: there is
 * none, or no memory, with one line in `why`.
 */
char *capture_interface_name(unsigned int number, char *why, size_t size);

/*
 * The LINKTYPE_ number of this handle (a pcap_t), as in a savefile. 0, -ENOMEM, or -ENOTSUP: it has
 * more than the 16 bits of a number.
 */
int capture_file_linktype(void *pcap, uint16_t *out);

/* The version line of libpcap. */
const char *capture_library_version(void);

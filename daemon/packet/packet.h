/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A captured packet, and the one callback that joins the modules.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* LINKTYPE_ETHERNET, the link type that a record does not have to name. */
#define PACKET_LINKTYPE_DEFAULT 1

/* No capture that we read or write holds a longer packet (libpcap's MAXIMUM_SNAPLEN). */
#define PACKET_MAX_LEN 262144

struct packet {
	const uint8_t *data; /* the captured bytes, borrowed for the call */
	uint32_t caplen;     /* how many */
	uint32_t wirelen;    /* length on the wire, bytes; may differ from caplen either way */
	uint64_t time_us;    /* capture time, microseconds since the Unix epoch */
	uint16_t nanos;      /* 0-999, the part of the time below a microsecond */
	uint16_t linktype;   /* LINKTYPE_ number (tcpdump.org/linktypes.html), not DLT_ */
	uint8_t host_len, interface_len;
	bool left_out;         /* only its dropcount is to be told: it has no data */
	const char *host;      /* where it was captured: host_len bytes, borrowed, no NUL at the */
	const char *interface; /* end; NULL when that is not told */
	uint64_t dropcount;    /* packets lost between the one before and this one */
};

/*
 * Takes a packet on to the next module.
 *
 * Returns 0 when the packet was taken (delivered, queued, or counted as lost downstream),
 * PACKET_E_FULL when it was not: the caller keeps it, stops its input, and offers the same
 * packet again once it is told to resume. Negative errno: fatal, stop.
 */
typedef int (*packet_fn)(void *ctx, const struct packet *pkt);

#define PACKET_E_FULL 1

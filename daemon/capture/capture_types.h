/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of a capture, and what can be wrong with it: shared by capture.h and by
 * pcap_handle.h below it.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "packet/packet.h"

/* Reasons that a caller may wait out (positive returns of capture_new()); capture_error.h. */
enum capture_error {
	CAPTURE_E_MISSING = 1, /* no such interface */
	CAPTURE_E_DOWN,        /* it is there, but down */
	CAPTURE_E_PERMISSION,  /* CAP_NET_RAW is missing */
	CAPTURE_E_FILTER,      /* the expression does not compile for the link type */
	CAPTURE_E_NAME,        /* it names a host or network that is not known now */
	CAPTURE_E_OTHER,       /* anything else libpcap says */
};

struct capture_options {
	struct ev_loop *loop;
	const char *interface;      /* borrowed for the call, as is filter */
	const char *filter;         /* pcap-filter(7) expression; NULL or "" = everything */
	uint32_t snaplen;           /* bytes */
	uint64_t buffer_size;       /* ring, bytes */
	uint32_t buffer_timeout_ms; /* block retire time */
	bool promiscuous;
	bool immediate; /* no block retire time: each packet by itself */
	bool stand_by;  /* another handle of ours is in a group: capture_leave() lets this one begin
			 */
	uint32_t fanout; /* the group (fanout.h), plus 1; 0: none */
	enum config_direction direction;
	enum config_precision precision;
	enum config_time_stamp_type time_stamp_type;

	packet_fn sink; /* PACKET_E_FULL parks the packet and pauses the capture */
	/* No more will come than what the ring holds; then on_stopped. Not the place to free it. */
	void (*on_lost)(void *ctx, const char *why);
	void (*on_stopped)(void *ctx); /* after capture_stop(): the ring is empty, counts exact */
	void (*on_error)(void *ctx, int err); /* the sink returned a negative errno */
	void *ctx;                            /* of the callbacks; the latter two may free us */
};

/* What became of the interface since the handle was opened. */
enum capture_link {
	CAPTURE_LINK_UP,
	CAPTURE_LINK_DOWN,
	CAPTURE_LINK_GONE,    /* deleted or renamed; the name may belong to another one by now */
	CAPTURE_LINK_CHANGED, /* its link type is another */
};

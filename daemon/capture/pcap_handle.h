/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libpcap can capture from, opened and with its filter: an interface (a packet socket, which
 * pycapa manages in part itself), or one of libpcap's own devices (nflog, nfqueue, usbmon,
 * Bluetooth, D-Bus), of which only libpcap knows how it works.
 *
 * All of this may wait (filter.h): not on the loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pcap/pcap.h>

#include "capture/capture_types.h"

/* Where packets that do not match are left out. */
enum device_filter {
	DEVICE_FILTER_KERNEL,
	DEVICE_FILTER_HERE,    /* by pcap_handle_matches(), on whole packets */
	DEVICE_FILTER_LIBPCAP, /* within libpcap, which does not say how many those are */
};

struct pcap_handle {
	pcap_t *pcap;
	char name[64];      /* as the user gave it */
	bool packet_socket; /* an interface, or all of them */
	bool any;           /* all of them */
	int index;          /* of the interface; 0: it is none */
	int hardware_type;
	uint32_t snaplen; /* bytes */
	enum config_direction direction;
	bool nanoseconds; /* in tv_usec */
	bool own_clock;   /* times are not the host's: they tell nothing beside its clock */
	bool loopback;
	uint32_t fanout; /* the group that it is to join, plus 1; 0: none */
	enum device_filter filter;
	struct bpf_program program;
};

/*
 * Opens it, and compiles the filter. An interface's socket lets nothing in yet. 0; a capture_error
 * with one line in `why`; -errno. pcap_handle_close() is due in any case.
 */
int pcap_handle_open(struct pcap_handle *d, const struct capture_options *opt, char *why,
		     size_t size);

/* Packets that match come from now on, in a group its share of them. As pcap_handle_open(). */
int pcap_handle_begin(struct pcap_handle *d, char *why, size_t size);

/* From now on those come that match the filter of another one of the same interface. 0 or -errno.
 */
int pcap_handle_adopt(struct pcap_handle *d, struct pcap_handle *other);

/* With DEVICE_FILTER_HERE: false when the packet is to be left out; else it is to be cut. */
static inline bool pcap_handle_matches(const struct pcap_handle *d, const struct pcap_pkthdr *h,
				       const uint8_t *bytes)
{
	return pcap_offline_filter(&d->program, h, bytes) != 0;
}

/* What the kernel says of the interface now, not when an event was queued. */
enum capture_link pcap_handle_look(const struct pcap_handle *d);

/* "Ethernet". */
const char *pcap_handle_link_name(const struct pcap_handle *d);

void pcap_handle_close(struct pcap_handle *d);

/*
 * The same, but for the socket, which the caller closes: a member of a group is one until then, and
 * to give back its ring takes longer than any other step. -1: it is closed too.
 */
int pcap_handle_close_all_but_socket(struct pcap_handle *d);

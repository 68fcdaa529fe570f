/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel has counted of one handle, and which of its losses no packet has told yet. Its
 * counts have 32 bits: they are to be looked at before another 2^32 packets came. Ours have 64.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <pcap/pcap.h>

#include "capture/losses.h"
#include "capture/pcap_handle.h"

struct kernel_counts {
	uint64_t passed;  /* the filter, those that were dropped included */
	uint64_t dropped; /* the ring had no room for them */
	uint64_t dropped_device;
	struct pcap_stat last; /* as libpcap told it */
	struct losses losses;  /* of `dropped` */
	bool over;             /* what is dropped now is counted by another handle */
	bool timed; /* their places are times, µs, else numbers of packets that were in the ring */
};

/* Counts from now on. */
void kernel_counts_begin(struct kernel_counts *k, const struct pcap_handle *d);

/*
 * Has the counts of a packet socket as of now, by one system call. A loss lies behind all that is
 * in the ring at this moment: before the ring is read, that is its very place.
 */
void kernel_counts_take(struct kernel_counts *k, const struct pcap_handle *d);

/* Has all counts, by several system calls. `device`: the device's losses are still ours. */
void kernel_counts_sample(struct kernel_counts *k, const struct pcap_handle *d, bool device);

/* The last counts of a handle that is closed but for its socket. */
void kernel_counts_end(struct kernel_counts *k, int fd);

/* So many that are in the ring nobody will read. */
void kernel_counts_lose(struct kernel_counts *k, uint64_t packets);

/* What was lost until now another handle of the interface has counted; its packets it has not. */
void kernel_counts_forget_losses(struct kernel_counts *k);

/*
 * Packets lost before this one, which is to tell them. `number`: how many were seen of those that
 * the kernel has counted, without it.
 */
uint64_t kernel_counts_take_losses(struct kernel_counts *k, uint64_t number, uint64_t time_us);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packets of a topic a filter expression (pcap-filter(7)) lets through.
 *
 * It is compiled once for each link type, on a worker, when the first packet of that type comes:
 * that packet and those behind it wait. What is usual takes well under a millisecond. Names take as
 * long as the name service does, which has no bound: a line says so after 2 s (filter.h), and a
 * stop does not wait. Compiling the usual link types beforehand would look up each name for each of
 * them, and still be too few; Ethernet alone is begun at the start, so that an unknown name is told
 * before the first packet.
 *
 * All of it on the loop; no allocation, lock or system call for a packet.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

struct packet_filter;

struct packet_filter_options {
	struct ev_loop *loop;
	const char *expression; /* copied */
	/* A packet had to wait: it may be judged now. */
	void (*on_ready)(void *ctx);
	/* Packets cannot be judged: a name in it is unknown. One line; comes once, on_ready no
	 * more. */
	void (*on_failed)(void *ctx, const char *why);
	void *ctx;
};

#define PACKET_FILTER_E_LEFT_OUT 2

/* Returns 0 or -errno (logged). */
int packet_filter_new(struct packet_filter **out, const struct packet_filter_options *opt);

/* 0: it passes; PACKET_FILTER_E_LEFT_OUT; PACKET_E_FULL: it has to wait. */
int packet_filter_judge(struct packet_filter *f, const struct packet *pkt);

/* NULL is legal from here on: there is no filter. */

/* A packet waits. */
bool packet_filter_is_waiting(const struct packet_filter *f);
/* No packet is to be judged any more: nothing waits, and neither callback is called. */
void packet_filter_stop(struct packet_filter *f);
uint64_t packet_filter_left_out(const struct packet_filter *f);
/* Says how many of them, of which link types, it does not compile for; if there were any. */
void packet_filter_log_unfit(const struct packet_filter *f);

/* Waits for at most `wait_ms` for what is still being compiled. */
void packet_filter_free(struct packet_filter *f, unsigned int wait_ms);

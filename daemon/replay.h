/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A savefile as a source of packets: pcap or pcapng, from a file, a FIFO or stdin.
 *
 * libpcap reads through stdio, which blocks: one helper thread reads ahead into a bounded store,
 * the loop takes from it.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>

#include "packet.h"

struct replay;

struct replay_options {
	struct ev_loop *loop;
	const char *path;   /* "-" = stdin; borrowed, as is filter */
	const char *filter; /* pcap-filter(7); NULL or "" = everything */
	packet_fn sink;     /* PACKET_E_FULL: wait for replay_run() */
	/* All was handed over. err: 0 at the end of the file; -EIO after a fault (logged). */
	void (*on_end)(void *ctx, int err);
	void (*on_error)(void *ctx, int err); /* the sink's negative errno */
	void *ctx;
};

/* Starts the thread, which opens the file. 0 or -errno. */
int replay_new(struct replay **out, const struct replay_options *opt);

/* Starts, or resumes after PACKET_E_FULL. */
void replay_run(struct replay *r);

/* Ends the thread, also one that waits for input. NULL is legal. */
void replay_free(struct replay *r);

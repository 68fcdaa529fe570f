/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A savefile (readfile.h) as a source of packets. To read one blocks: a helper thread reads ahead
 * into a bounded store, the loop takes from it.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>

#include "packet/packet.h"

struct replay;

struct replay_options {
	struct ev_loop *loop;
	const char *path;   /* "-" = stdin; borrowed, as is filter */
	const char *filter; /* pcap-filter(7); NULL or "" = everything */
	uint32_t pace;      /* pace.h */
	packet_fn sink;     /* PACKET_E_FULL: wait for replay_run() */
	/* All was handed over. why: NULL at the end of the file; of a fault what it was (not
	 * logged). */
	void (*on_end)(void *ctx, const char *why);
	void (*on_error)(void *ctx, int err); /* the sink's negative errno */
	void *ctx;
};

/*
 * Starts the thread, which opens the file. That is awaited, for 2 s at most: a file that cannot be
 * opened, or is no capture, is an error of this call. What may have nothing to read yet (a FIFO,
 * stdin) is opened meanwhile; then a fault ends it. 0, -errno (logged) or -ENOMEM.
 */
int replay_new(struct replay **out, const struct replay_options *opt);

/* False for a pipe, a terminal or a socket, which may go on for ever. */
bool replay_has_end(const struct replay *r);

/*
 * How many bytes of the file were taken, by the loop, and how many are left (-1: not known, of what
 * has no end): about so, as packets wait in between; exactly at its end.
 */
void replay_position(struct replay *r, uint64_t *done, int64_t *left);

/* Starts, or resumes after PACKET_E_FULL. */
void replay_run(struct replay *r);

/*
 * Ends the thread, also one that waits for input, and says what could not be sent as it is in the
 * file. NULL is legal.
 */
void replay_free(struct replay *r);

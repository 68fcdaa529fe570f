/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a consumer's packets go: a capture (pcap or pcapng), in one file or in many, text
 * (--pretty-print), clients that connect (broadcast.h), or more than one of these.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "packet/packet.h"
#include "packet/plain_block.h"
#include "packet/pretty.h"

struct output;
struct recording;

#define OUTPUT_E_LEFT_OUT 2 /* a packet that this capture cannot hold; counted and logged */

struct output_options {
	struct ev_loop *loop;
	const struct config *cfg; /* kept until output_reload() */
	/* Where the packet comes from that is being put; asked only of those of which it is shown.
	 */
	void (*origin)(void *ctx, struct pretty_origin *out);
	/* All that waited is written. */
	void (*on_drained)(void *ctx);
	/* Nothing more can be written: the reader is gone (0), or it failed (1; see
	 * output_log_failure()). Comes once, from the loop or from within output_put() and
	 * output_flush(). */
	void (*on_ended)(void *ctx, int status);
	/* The file is as large, or the files are as many, as --autostop wants: no packet is to
	 * come any more. Likewise. */
	void (*on_enough)(void *ctx);
	/* The file has its name, or failed (then on_ended came before); after output_finish(). */
	void (*on_settled)(void *ctx);
	/* Of a set of files: all packets that were put are in files that have ended; those files
	 * are on the disk under their names. One follows the other. NULL is legal. */
	void (*on_rotated)(void *ctx);
	bool (*on_kept)(void *ctx); /* as recording_options has it */
	void *ctx;
};

/* Opens what cfg asks for, and writes the capture's header. Returns 0 or -errno (logged). */
int output_new(struct output **out, const struct output_options *opt);

/* Takes new settings (--pretty-print). Returns 0, or -errno with one line in `why`. */
int output_reload(struct output *o, const struct config *cfg, char *why, size_t size);

/* Puts a packet. Returns 0, PACKET_E_FULL (on_drained follows) or OUTPUT_E_LEFT_OUT. */
int output_put(struct output *o, const struct packet *pkt);
/* Of a packet that is left out: what was lost before it the next of its interface tells. */
void output_note_losses(struct output *o, const struct packet *pkt);

/* Whether nothing is to be said of each packet, in a format that takes blocks as they stand. */
bool output_takes_blocks(const struct output *o);
/*
 * Then: puts all packets of a block. Returns 0, PACKET_E_FULL as output_put() (none of them is put
 * then), or BLOCK_E_EACH: so large a block has no room, and its packets are to be put one by one.
 */
int output_put_block(struct output *o, const struct plain_block *b);

/* Writes what does not block. Returns true when nothing waits. */
bool output_flush(struct output *o);
/*
 * No packet comes any more: a header that was held for the first one is let go, and what follows
 * the last packet is put. output_flush() tells when all is written. The file of a run that has an
 * end gets its name when it is `whole`, and is left as FILE.part when packets are in it, but not
 * all (target.h).
 */
void output_finish(struct output *o, bool whole);
/* The file is waited for: on_settled() follows. */
bool output_is_settling(const struct output *o);
/* It is not waited for any longer, and left as if it were not whole. */
void output_abandon(struct output *o);
/* What it settles is done but for this command; NULL: it is not. */
const char *output_program(const struct output *o);
/* The set of files that it writes; NULL: it writes none. */
struct recording *output_recording(const struct output *o);
/* Where a file was left that is not whole; NULL: there is none. */
const char *output_part(const struct output *o);

/* Packets put, and those of them that are written whole. */
uint64_t output_taken(const struct output *o);
uint64_t output_written(const struct output *o);
/* Logs how many packets the capture could not hold, if there were any, and which format can; and
 * how many files --postrotate was not run on. */
void output_log_left_out(const struct output *o);
/* Logs how many are in it without their nanoseconds. */
void output_log_cut(const struct output *o);
/* Logs the error that ended it, if one did: for the end, as the last line says why. */
void output_log_failure(const struct output *o);

/* The reading waits for a client (broadcast.h). */
bool output_is_held(const struct output *o);
/* How many there are, and were cut off. Returns false when the capture is for none. */
bool output_clients(const struct output *o, uint64_t *clients, uint64_t *cut_off);

/* Bytes that wait for the reader; not those of a header that waits for a packet. */
size_t output_waiting(const struct output *o);

void output_free(struct output *o);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture as a set of files, one after the other (--ring-buffer): the one that packets go to, and
 * the one before it, which is being synced and gets its name meanwhile. There are no more: a disk
 * that takes longer to sync a file than the next one takes to fill holds up the reader.
 *
 * A file begins with its first packet, so that none is empty, and ends as rotation.h says, or with
 * the run. A full disk is waited for; with --disk-full=remove the oldest files make room.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "output/capture_file.h"

struct recording;

struct recording_options {
	struct ev_loop *loop;
	const struct config *cfg; /* kept until recording_free() */
	/* There is room again. */
	void (*on_drained)(void *ctx);
	/* Nothing more can be written: -errno. */
	void (*on_closed)(void *ctx, int err);
	/* All that was put is in files that have ended, the last of them just now. */
	void (*on_rotated)(void *ctx);
	/* And these are on the disk under their names. Returns true when no other file is to get
	 * its name before recording_go_on(), but for the last of the run. */
	bool (*on_kept)(void *ctx);
	/* The last file that --autostop lets there be has ended: no packet is taken any more. */
	void (*on_enough)(void *ctx);
	/* recording_finish() is done. */
	void (*on_settled)(void *ctx);
	void *ctx;
};

/* Opens the set, no file yet. Returns 0 or -errno (logged). */
int recording_new(struct recording **out, const struct recording_options *opt);

/*
 * The file for `n` packets, the first of which was captured at `us`. Returns 0, or PACKET_E_FULL:
 * on_drained or on_closed follows.
 */
int recording_file(struct recording *rec, uint64_t us, uint64_t n, struct capture_file **file);
/* So many were put there. */
void recording_count(struct recording *rec, uint64_t n);

/* What was lost before a packet that is left out the open file tells, or the next one. */
void recording_note_losses(struct recording *rec, const struct packet *pkt);

/* As byte_stream_flush(). */
int recording_flush(struct recording *rec);

/* All that was put is on the disk, in files that have their names. */
bool recording_is_safe(const struct recording *rec);
/* Ends the file, whatever its rules, so that it becomes so. Returns true when on_kept() follows;
 * false too where that cannot be waited for, as on a full disk. */
bool recording_rotate(struct recording *rec);
/* After on_kept(). */
void recording_go_on(struct recording *rec);

/* No packet comes any more; on_settled() follows where recording_is_settling() then says so. */
void recording_finish(struct recording *rec);
bool recording_is_settling(const struct recording *rec);
/* Nothing is waited for any longer. */
void recording_abandon(struct recording *rec);

/* Where a file was left that was not whole; NULL: nowhere. */
const char *recording_part(const struct recording *rec);
uint64_t recording_written(const struct recording *rec);
size_t recording_waiting(const struct recording *rec);
void recording_log_failure(const struct recording *rec);
/* Logs how many files --postrotate was not run on, and how many losses are in no file. */
void recording_log_left_out(const struct recording *rec);
/* All is written, and the command of --postrotate is waited for; else NULL. */
const char *recording_program(const struct recording *rec);
/* Packets that are in it without their nanoseconds. */
uint64_t recording_cut(const struct recording *rec);

/* NULL is legal. */
void recording_free(struct recording *rec);

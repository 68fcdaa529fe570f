/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name of an output file, and its fate: a run that has an end gives the name to a file that is
 * whole, or leaves it to what had it before.
 *
 * Such a run writes to a file beside it, .FILE.XXXXXXXX, which has the owner and the mode of the
 * one that it is to replace. When all is in it, it is synced, and renamed to FILE. What was cut
 * short is renamed to FILE.part, over one of an earlier run; where that is not possible it stays
 * where it is. It is removed when nothing came to be in it. A process that is killed leaves it.
 *
 * A file of a set (file_set.h) is the same, but that its name is on the disk too when it has one,
 * that it shares a worker with the others, and that no link is followed: it is replaced.
 *
 * Written in place are: an endless run's file; what is no regular file; what is reached by an open
 * descriptor (/dev/stdout); and, with a line that says so, a file that cannot be replaced. Those of
 * a run that has an end are emptied by the first write, not by the opening.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>

struct target;
struct worker;

#define TARGET_E_LATER     1
#define TARGET_E_NO_READER 2

struct target_options {
	struct ev_loop *loop;
	const char *path;      /* copied */
	bool has_end;          /* of the run */
	struct worker *worker; /* of a set, borrowed; NULL: it is none of a set's */
	/* What target_complete() has come to: 0 or -errno. */
	void (*on_completed)(void *ctx, int err);
	void *ctx;
};

/* Opens nothing yet. Returns 0 or -ENOMEM. */
int target_new(struct target **out, const struct target_options *opt);

/* The name as it was given. */
const char *target_name(const struct target *t);

/*
 * Opens for writing what the bytes go to; `*fd` is the caller's. Returns 0; TARGET_E_NO_READER: a
 * FIFO that nobody reads yet, to be tried again; -errno.
 */
int target_open(struct target *t, int *fd);

/* Before each write: empties what is written in place, the first time. Returns 0 or -errno. */
int target_begin(struct target *t, int fd);

/*
 * All is written: gives it its name, once a thread has synced it. Returns 0: it was written in
 * place; TARGET_E_LATER: on_completed() follows; -errno.
 */
int target_complete(struct target *t, int fd);

/* It stays incomplete: becomes FILE.part. Legal while target_complete() is at it, which it ends. */
void target_keep_part(struct target *t);

/* Where it is then; NULL: it is not incomplete, or it was written in place. */
const char *target_part(const struct target *t);

/* What has the name, if anything does, is none of this run's (yet). */
bool target_is_untouched(const struct target *t);

/* A file that was neither completed nor kept is removed. NULL is legal. */
void target_free(struct target *t);

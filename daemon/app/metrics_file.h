/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metrics as a file, for the textfile collector of Prometheus' node_exporter: it is written
 * beside and renamed, so that a reader finds a whole one, and may be read by everybody.
 *
 * A disk that hangs holds up nothing: a worker writes, and one that is not done in time misses its
 * turn.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

struct metrics_file;

struct metrics_file_options {
	struct ev_loop *loop;
	const char *path;
	/* The text of now, from malloc(); NULL: there is none. */
	char *(*render)(void *ctx, size_t *len);
	void *ctx;
};

/*
 * Makes sure that a file can be made beside it, and that there is none other than a file; waits for
 * that for 500 ms at most: a disk that takes longer is judged later. 0 or -errno (not logged).
 */
int metrics_file_new(struct metrics_file **out, const struct metrics_file_options *opt);

/* From now on it is written: at once, and every 15 s. */
void metrics_file_start(struct metrics_file *f);

/*
 * One that was started is written a last time, unless the disk hangs; or else (not `keep`) removed,
 * as nobody writes it any more. Takes 1 s at most. NULL is legal.
 */
void metrics_file_free(struct metrics_file *f, bool keep);

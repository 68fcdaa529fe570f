/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the bytes of a capture or of text go: owns the output's errors and its pace; target.h its
 * name, descriptor.h what is known of the descriptor, write_buffer.h what waits.
 *
 * Records are put into one buffer and leave it many at a time, by writes that never block: a
 * reader that is slow shows as STREAM_E_BLOCKED, one that is gone as STREAM_E_CLOSED. Others
 * who share the same stdout are not disturbed (their file status flags stay as they are).
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "output/write_buffer.h"

struct byte_stream;
struct worker;

#define STREAM_E_BLOCKED 1 /* some bytes have to wait; on_drained follows */
#define STREAM_E_CLOSED  2 /* the reader is gone: nothing more can be written */

struct byte_stream_options {
	struct ev_loop *loop;
	const char *path; /* a file (target.h), made when it is not there, or a FIFO; NULL: fd */
	bool has_end;     /* of the run: the path is given to a file that is whole */
	/* A file of a set: as target.h has it. It waits on a full disk, and on_full() says so, at
	 * each try. NULL: none of a set's, and a full disk ends it. */
	struct worker *worker;
	void (*on_full)(void *ctx);
	bool drop_part; /* what is not whole is not kept */
	bool pack;      /* what is written is compressed (packer.h) */
	int fd;         /* with path NULL: an open descriptor, duplicated; 1 is guarded */

	/* All that waited is written. Only after STREAM_E_BLOCKED or a NULL of _reserve(). */
	void (*on_drained)(void *ctx);
	/* The output ended while nobody wrote: 0 = reader gone, else -errno. */
	void (*on_closed)(void *ctx, int err);
	/* The file has its name, or it failed: -errno. Only after a STREAM_E_BLOCKED of _settle().
	 */
	void (*on_settled)(void *ctx, int err);
	void *ctx;
};

/*
 * Opens the output. With fd 1, the process's own descriptor 1 is pointed at stderr afterwards, so
 * that nothing else (a child of librdkafka) can write into the stream: call it before a thread
 * starts. A FIFO that nobody reads yet is waited for. Returns 0 or -errno (logged).
 */
int byte_stream_new(struct byte_stream **out, const struct byte_stream_options *opt);

/* The output's name for messages: the path, or "standard output". */
const char *byte_stream_name(const struct byte_stream *sf);

/* False for a regular file and the like, which nobody waits at. */
bool byte_stream_is_stream(const struct byte_stream *sf);

/* Room for a record of up to `len` bytes, or NULL when more than STREAM_LIMIT bytes wait, or the
 * record is longer than STREAM_RECORD_MAX. */
uint8_t *byte_stream_reserve(struct byte_stream *sf, size_t len);
/* The record in the room last reserved is complete, with `len` bytes. */
void byte_stream_commit(struct byte_stream *sf, size_t len);

/* The first bytes of the file: as a record, but not counted as one. Before any record. */
void byte_stream_put_header(struct byte_stream *sf, const void *data, size_t len);
/*
 * Changes the header, which keeps its length. Possible while it waits in the buffer and in a
 * regular file that is neither opened for appending nor packed. Returns false when it is too late.
 */
bool byte_stream_replace_header(struct byte_stream *sf, const void *data, size_t len);
/* All that follows the header, to be changed in place: while none of it is written, and the header
 * can be changed too; else NULL. */
uint8_t *byte_stream_unwritten(struct byte_stream *sf, size_t *len);

/* `len` bytes are in the room last reserved, which are no record: not counted as one. */
void byte_stream_append(struct byte_stream *sf, size_t len);

/* Nothing is put any more: what is packed gets its end, by the next flush. */
void byte_stream_finish(struct byte_stream *sf);

/*
 * Writes what waits, as far as that does not block.
 * Returns 0: all is written; STREAM_E_BLOCKED; STREAM_E_CLOSED; -errno: a full disk or the
 * like; a record that did not fit whole was cut off a regular file again.
 */
int byte_stream_flush(struct byte_stream *sf);

/* The same, waiting up to `ms` for the reader: for the end, when no loop runs any more. */
int byte_stream_flush_within(struct byte_stream *sf, unsigned int ms);

/* Logs the error that ended the output, and what is in the file; nothing without one. */
void byte_stream_log_failure(const struct byte_stream *sf);

/*
 * The end, after what could be flushed. `whole`: all is in it that was to be, so that it gets its
 * name; else, or when it failed, it is left as FILE.part if any record is in it, at once, also
 * while it is being settled as whole. Returns 0; STREAM_E_BLOCKED: on_settled follows; -errno.
 */
int byte_stream_settle(struct byte_stream *sf, bool whole);
/* True until on_settled. */
bool byte_stream_is_settling(const struct byte_stream *sf);
/* Where it was left; NULL: it has its name, or nothing is left of it. */
const char *byte_stream_part(const struct byte_stream *sf);

/* Bytes that wait. Cheap: a caller may ask for each packet, and flush when it is many. */
size_t byte_stream_waiting(const struct byte_stream *sf);
/* Bytes that were put, those that wait included; before they are packed. */
uint64_t byte_stream_size(const struct byte_stream *sf);
/* Records that were written whole. */
uint64_t byte_stream_written(const struct byte_stream *sf);

/* Closes the output; what waits is lost. Flags that had to be changed are restored. NULL is legal.
 */
void byte_stream_free(struct byte_stream *sf);

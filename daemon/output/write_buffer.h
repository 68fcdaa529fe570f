/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of an output that wait to be written, and where each record in them ends. It knows
 * nothing of the descriptor: byte_stream.c writes, and says how much was taken.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than this many bytes waiting, and write_buffer_reserve() gives no more room. */
#define STREAM_LIMIT (1024 * 1024)
/* The longest record. */
#define STREAM_RECORD_MAX (1024 * 1024)

/* Part of its owner; all zero before. */
struct write_buffer {
	uint8_t *buf;
	size_t head; /* first byte that waits */
	size_t tail; /* one past the last */
	size_t base; /* where in the stream buf[0] is */
	size_t header_len;
	uint32_t *ends;  /* where in buf each record that waits ends */
	size_t n_ends;   /* records in buf, written ones included until the next reset */
	size_t n_done;   /* how many of those are written */
	uint64_t before; /* records written before those */
};

/* 0 or -ENOMEM; write_buffer_clear() follows in any case. */
int write_buffer_init(struct write_buffer *b);
void write_buffer_clear(struct write_buffer *b);

/* What goes in: as the functions of byte_stream.h that have the same names. */
uint8_t *write_buffer_reserve(struct write_buffer *b, size_t len);
void write_buffer_commit(struct write_buffer *b, size_t len);
void write_buffer_append(struct write_buffer *b, size_t len);
void write_buffer_put_header(struct write_buffer *b, const void *data, size_t len);

/* False when the header is not in the buffer any more, or not yet. */
bool write_buffer_replace_header(struct write_buffer *b, const void *data, size_t len);
/* All that follows the header; NULL when some of it is written. */
uint8_t *write_buffer_body(const struct write_buffer *b, size_t *len);

/* The bytes that wait; NULL: none. */
const uint8_t *write_buffer_peek(const struct write_buffer *b, size_t *len);
size_t write_buffer_waiting(const struct write_buffer *b);
/* So many of them are written. */
void write_buffer_consume(struct write_buffer *b, size_t n);

/* Bytes that were put, and those of them that are written. */
uint64_t write_buffer_put(const struct write_buffer *b);
uint64_t write_buffer_written(const struct write_buffer *b);
/* Records that are written whole, and the bytes behind them that are written of the next one. */
uint64_t write_buffer_records(const struct write_buffer *b);
size_t write_buffer_partial(const struct write_buffer *b);

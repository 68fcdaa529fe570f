/* SPDX-License-Identifier: Apache-2.0 */
#include "output/write_buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE (STREAM_LIMIT + STREAM_RECORD_MAX)
#define RECORDS_MAX (BUFFER_SIZE / 16) /* no record is shorter than a pcap record's header */

int write_buffer_init(struct write_buffer *b)
{
	b->buf = malloc(BUFFER_SIZE);
	b->ends = malloc(RECORDS_MAX * sizeof(*b->ends));
	return b->buf && b->ends ? 0 : -ENOMEM;
}

void write_buffer_clear(struct write_buffer *b)
{
	free(b->ends);
	free(b->buf);
}

size_t write_buffer_waiting(const struct write_buffer *b)
{
	return b->tail - b->head;
}

const uint8_t *write_buffer_peek(const struct write_buffer *b, size_t *len)
{
	*len = write_buffer_waiting(b);
	return *len ? b->buf + b->head : NULL;
}

uint64_t write_buffer_put(const struct write_buffer *b)
{
	return b->base + b->tail;
}

uint64_t write_buffer_written(const struct write_buffer *b)
{
	return b->base + b->head;
}

uint64_t write_buffer_records(const struct write_buffer *b)
{
	return b->before + b->n_done;
}

size_t write_buffer_partial(const struct write_buffer *b)
{
	size_t whole = b->n_done ? b->ends[b->n_done - 1] : 0;

	if (whole == 0 && b->base == 0)
		whole = b->header_len;
	return b->head > whole ? b->head - whole : 0;
}

/* The bytes before head are written: forget them, and the records they held. */
static void compact(struct write_buffer *b)
{
	if (b->head == 0)
		return;
	memmove(b->buf, b->buf + b->head, b->tail - b->head);
	memmove(b->ends, b->ends + b->n_done, (b->n_ends - b->n_done) * sizeof(*b->ends));
	b->n_ends -= b->n_done;
	for (size_t i = 0; i < b->n_ends; i++)
		b->ends[i] -= (uint32_t)b->head;
	b->before += b->n_done;
	b->n_done = 0;
	b->base += b->head;
	b->tail -= b->head;
	b->head = 0;
}

uint8_t *write_buffer_reserve(struct write_buffer *b, size_t len)
{
	if (write_buffer_waiting(b) > STREAM_LIMIT || len > STREAM_RECORD_MAX)
		return NULL;
	if (b->tail + len > BUFFER_SIZE || b->n_ends == RECORDS_MAX)
		compact(b);
	return b->n_ends == RECORDS_MAX ? NULL : b->buf + b->tail;
}

void write_buffer_append(struct write_buffer *b, size_t len)
{
	b->tail += len;
}

void write_buffer_commit(struct write_buffer *b, size_t len)
{
	b->tail += len;
	b->ends[b->n_ends++] = (uint32_t)b->tail;
}

void write_buffer_put_header(struct write_buffer *b, const void *data, size_t len)
{
	memcpy(b->buf + b->tail, data, len);
	b->tail += len;
	b->header_len = len;
}

bool write_buffer_replace_header(struct write_buffer *b, const void *data, size_t len)
{
	if (write_buffer_written(b) > 0 || b->tail < len)
		return false;
	memcpy(b->buf, data, len);
	return true;
}

uint8_t *write_buffer_body(const struct write_buffer *b, size_t *len)
{
	uint64_t written = write_buffer_written(b);
	size_t begin;

	if (written != 0 && written != b->header_len)
		return NULL;
	begin = b->header_len - b->base;
	*len = b->tail - begin;
	return b->buf + begin;
}

void write_buffer_consume(struct write_buffer *b, size_t n)
{
	b->head += n;
	if (b->head == b->tail)
		b->n_done = b->n_ends;
	while (b->n_done < b->n_ends && b->ends[b->n_done] <= b->head)
		b->n_done++;
	if (b->head < b->tail)
		return;
	b->before += b->n_done;
	b->n_done = b->n_ends = 0;
	b->base += b->head;
	b->head = b->tail = 0;
}

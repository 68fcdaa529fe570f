/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory comes from alloc() and goes with the client, as a thread of librdkafka's may read a block
 * for as long as there is one: buffers that many packets fill, and the blocks themselves. Both are
 * used again; there are never more than were in flight at a time.
 *
 * An open block has a buffer: the writer, the section, and the numbers of its packets. One that
 * librdkafka copies leaves the buffer and takes its numbers along. A packet on its own may need a
 * larger buffer, which is made for it.
 */
#include "producer/openblocks.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packet/block_writer.h"

#define PACKET_SIZE_MIN 32         /* of a packet in a block */
#define OPEN_BYTES      (16 << 20) /* of buffers of open blocks, at most */
#define OPEN_MIN        4
#define AGAIN_S         0.01 /* what was refused is tried again after so long at least */

struct openblocks_buffer {
	struct openblocks_buffer *next;
	struct block_writer writer;
	uint32_t *seqs;
	bool large; /* made for one packet */
	_Alignas(uint64_t) uint8_t bytes[];
};

struct openblocks {
	struct openblocks_options opt;
	struct outblock **slot; /* NULL: none is open */
	uint32_t slots;
	struct outblock *oldest, *newest; /* open ones */
	size_t n_open, max_open;
	uint64_t sent; /* without a report */
	bool refused;  /* one that was due is open still */
	ev_timer timer;

	struct outblock *all, *unused;
	struct openblocks_buffer *buffers; /* not used */
};

/* ---- memory ---- */

static size_t most_packets(size_t size)
{
	return size / PACKET_SIZE_MIN + 1;
}

static struct openblocks_buffer *new_buffer(struct openblocks *s)
{
	struct openblocks_buffer *buf = s->buffers;
	size_t numbers = (s->opt.size + 3) & ~(size_t)3;

	if (buf) {
		s->buffers = buf->next;
		return buf;
	}
	buf = s->opt.alloc(s->opt.ctx,
			   sizeof(*buf) + numbers + most_packets(s->opt.size) * sizeof(*buf->seqs));
	if (buf)
		buf->seqs = (uint32_t *)(void *)(buf->bytes + numbers);
	return buf;
}

static struct openblocks_buffer *large_buffer(size_t size)
{
	size_t numbers = (size + 3) & ~(size_t)3;
	struct openblocks_buffer *buf = calloc(1, sizeof(*buf) + numbers + sizeof(*buf->seqs));

	if (!buf)
		return NULL;
	buf->large = true;
	buf->seqs = (uint32_t *)(void *)(buf->bytes + numbers);
	return buf;
}

static void drop_buffer(struct openblocks *s, struct outblock *b)
{
	struct openblocks_buffer *buf = b->buffer;

	b->buffer = NULL;
	if (buf->large) {
		free(buf);
		return;
	}
	buf->next = s->buffers;
	s->buffers = buf;
}

static struct outblock *new_block(struct openblocks *s)
{
	struct outblock *b = s->unused, *other;

	if (b) {
		s->unused = b->next;
		other = b->other;
		memset(b, 0, sizeof(*b));
		b->other = other;
		return b;
	}
	b = s->opt.alloc(s->opt.ctx, sizeof(*b));
	if (b) {
		b->other = s->all;
		s->all = b;
	}
	return b;
}

/* With all that is its own. */
static void drop_block(struct openblocks *s, struct outblock *b)
{
	outblock_forget(b);
	if (b->buffer)
		drop_buffer(s, b);
	else
		free(b->seqs);
	b->seqs = NULL;
	b->next = s->unused;
	s->unused = b;
}

/* ---- one block ---- */

static struct outblock *begin(struct openblocks *s, const struct openblocks_item *item, size_t size)
{
	struct outblock *b = new_block(s);
	struct openblocks_buffer *buf = NULL;

	if (b)
		buf = size > s->opt.size ? large_buffer(size) : new_buffer(s);
	if (!buf) {
		if (b)
			drop_block(s, b);
		return NULL;
	}
	block_writer_init(&buf->writer, buf->bytes, size);
	b->buffer = buf;
	b->bytes = buf->bytes;
	b->seqs = buf->seqs;
	b->hash = item->hash;
	b->partition = item->partition;
	b->live = true;
	b->topic = item->topic;
	b->slot = item->slot;
	b->opened = ev_now(s->opt.loop);
	return b;
}

static bool add(struct outblock *b, const struct openblocks_item *item)
{
	struct block_writer *w = &b->buffer->writer;

	if (!block_writer_put(w, item->pkt))
		return false;
	outblock_add(b, item->pkt, item->seq);
	b->live &= item->live;
	b->len = w->len;
	return true;
}

/* What the message says beside its bytes. */
static void label(struct outblock *b)
{
	const struct block_writer *w = &b->buffer->writer;

	b->first_us = w->first_us;
	b->last_us = w->last_us;
	b->host = (const char *)b->bytes + w->interfaces[0].host;
	b->host_len = w->interfaces[0].host_len;
}

/* As one that librdkafka has copied: the buffer is to be filled again. */
static void leave_buffer(struct openblocks *s, struct outblock *b, uint32_t *seqs)
{
	memcpy(seqs, b->seqs, b->packets * sizeof(*seqs));
	b->seqs = seqs;
	outblock_forget(b);
	drop_buffer(s, b);
}

static rd_kafka_resp_err_t send_block(struct openblocks *s, struct outblock *b)
{
	bool copy;
	uint32_t *seqs = NULL;
	rd_kafka_resp_err_t err;

	assert(b->buffer);
	copy = b->buffer->large || b->len < s->opt.size / 2;
	if (copy) {
		seqs = malloc(b->packets * sizeof(*seqs));
		if (!seqs)
			return RD_KAFKA_RESP_ERR__QUEUE_FULL;
	}
	label(b);
	err = s->opt.send(s->opt.ctx, b, copy);
	if (err) {
		free(seqs);
		return err;
	}
	s->sent++;
	if (copy)
		leave_buffer(s, b, seqs);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- those that are open ---- */

static void wait_for(struct openblocks *s, double seconds)
{
	ev_timer_stop(s->opt.loop, &s->timer);
	ev_timer_set(&s->timer, seconds, 0.);
	ev_timer_start(s->opt.loop, &s->timer);
}

static void link_block(struct openblocks *s, struct outblock *b)
{
	b->prev = s->newest;
	b->next = NULL;
	*(b->prev ? &b->prev->next : &s->oldest) = b;
	s->newest = b;
	s->slot[b->slot] = b;
	s->n_open++;
	openblocks_call_later(s);
}

static void unlink_block(struct openblocks *s, struct outblock *b)
{
	*(b->prev ? &b->prev->next : &s->oldest) = b->next;
	*(b->next ? &b->next->prev : &s->newest) = b->prev;
	s->slot[b->slot] = NULL;
	s->n_open--;
}

static rd_kafka_resp_err_t close_block(struct openblocks *s, struct outblock *b)
{
	rd_kafka_resp_err_t err = send_block(s, b);

	if (!err)
		unlink_block(s, b);
	return err;
}

static rd_kafka_resp_err_t close_due(struct openblocks *s)
{
	double since = ev_now(s->opt.loop) - s->opt.time_s + 0.0005; /* as exactly as timers are */
	rd_kafka_resp_err_t err;
	struct outblock *next;

	s->refused = false;
	for (struct outblock *b = s->oldest; b && b->opened <= since; b = next) {
		next = b->next;
		err = close_block(s, b);
		if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			s->refused = true;
		else if (err)
			return err;
	}
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct openblocks *s = w->data;
	rd_kafka_resp_err_t err = close_due(s);
	double rest = AGAIN_S;

	if (s->oldest) {
		if (!s->refused && !err)
			rest = s->oldest->opened + s->opt.time_s - ev_now(loop);
		wait_for(s, rest > 0 ? rest : 0);
	}
	s->opt.on_time(s->opt.ctx, err);
}

void openblocks_call_later(struct openblocks *s)
{
	if (!ev_is_active(&s->timer))
		wait_for(s, s->opt.time_s);
}

rd_kafka_resp_err_t openblocks_send_refused(struct openblocks *s)
{
	return s->refused ? close_due(s) : RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t openblocks_send_all(struct openblocks *s)
{
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;

	while (s->oldest && !err)
		err = close_block(s, s->oldest);
	return err;
}

void openblocks_take_back(struct openblocks *s, void (*fn)(void *ctx, const struct outblock *b),
			  void *ctx)
{
	struct outblock *b;

	while ((b = s->oldest)) {
		unlink_block(s, b);
		fn(ctx, b);
		drop_block(s, b);
	}
	s->refused = false;
}

/* ---- packets ---- */

rd_kafka_resp_err_t openblocks_put_alone(struct openblocks *s, const struct openblocks_item *item,
					 struct outblock **in)
{
	size_t size = block_writer_size_alone(item->pkt);
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__QUEUE_FULL;
	struct outblock *b = begin(s, item, size > s->opt.size ? size : s->opt.size);

	if (!b)
		return err;
	if (add(b, item))
		err = send_block(s, b);
	if (err) {
		drop_block(s, b);
		return err;
	}
	*in = b;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t put_in_new(struct openblocks *s, const struct openblocks_item *item,
				      struct outblock **in)
{
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
	struct outblock *b;

	if (block_writer_size_alone(item->pkt) > s->opt.size)
		return openblocks_put_alone(s, item, in);
	if (s->n_open == s->max_open)
		err = close_block(s, s->oldest);
	if (err)
		return err;
	b = begin(s, item, s->opt.size);
	if (!b)
		return RD_KAFKA_RESP_ERR__QUEUE_FULL;
	add(b, item); /* there is room */
	link_block(s, b);
	*in = b;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t openblocks_put(struct openblocks *s, const struct openblocks_item *item,
				   struct outblock **in)
{
	struct outblock *b = s->slot[item->slot];
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;

	if (b && add(b, item)) {
		*in = b;
		return err;
	}
	if (b)
		err = close_block(s, b);
	return err ? err : put_in_new(s, item, in);
}

void openblocks_answered(struct openblocks *s, struct outblock *b)
{
	s->sent--;
	drop_block(s, b);
}

bool openblocks_awaits(const struct openblocks *s)
{
	return s->sent > 0;
}

/* ---- life ---- */

int openblocks_set_slots(struct openblocks *s, uint32_t n)
{
	struct outblock **slot = calloc(n, sizeof(struct outblock *));

	if (!slot)
		return -ENOMEM;
	free(s->slot);
	s->slot = slot;
	s->slots = n;
	return 0;
}

uint32_t openblocks_slots(const struct openblocks *s)
{
	return s->slots;
}

int openblocks_new(struct openblocks **out, const struct openblocks_options *opt)
{
	struct openblocks *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->opt = *opt;
	s->max_open = OPEN_BYTES / opt->size > OPEN_MIN ? OPEN_BYTES / opt->size : OPEN_MIN;
	ev_timer_init(&s->timer, on_timer, 0., 0.);
	s->timer.data = s;
	if (openblocks_set_slots(s, 1) < 0) {
		openblocks_free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void openblocks_free(struct openblocks *s)
{
	if (!s)
		return;
	ev_timer_stop(s->opt.loop, &s->timer);
	for (struct outblock *b = s->all; b; b = b->other) {
		outblock_forget(b);
		if (!b->buffer)
			free(b->seqs);
		else if (b->buffer->large)
			free(b->buffer);
	}
	free(s->slot);
	free(s);
}

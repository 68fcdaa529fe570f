/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a classic pcap says what only packets tell (pcap_encoder.c). Where packets were
 * seen before, it is right at once; else it waits for the first batch, for HEADER_HOLD_SEC.
 *
 * A client has nothing to say. When it closes its side, it has left: over TCP that cannot be told
 * from one that only stops sending, and one that is not there any more must not count as one.
 */
#include "output/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "output/backlog.h"

#define HEADER_HOLD_SEC 0.5
#define SEND_SIZE       ((size_t)128 * 1024) /* so many are sent without waiting for the batch */

struct client {
	struct client_options opt;
	char name[80];
	enum client_state state;
	struct backlog backlog;
	size_t header_len;
	struct ev_io writable, readable;
	struct ev_timer hold; /* runs while the header waits for the first packet */
	bool finished;
	uint64_t packets, left_out;
	enum encoder_refusal refusal; /* of the last of these */
	uint64_t sent, looked;        /* bytes; those when it was last looked at */
	unsigned int idle;            /* looks in a row that found it taking nothing */
};

const char *client_name(const struct client *c)
{
	return c->name;
}

enum client_state client_state(const struct client *c)
{
	return c->state;
}

const struct encoder *client_encoder(const struct client *c)
{
	return c->opt.to;
}

uint64_t client_packets(const struct client *c)
{
	return c->packets;
}

uint64_t client_left_out(const struct client *c, enum encoder_refusal *why)
{
	*why = c->refusal;
	return c->left_out;
}

size_t client_waiting(const struct client *c)
{
	return ev_is_active(&c->hold) ? 0 : c->backlog.waiting;
}

bool client_has_room(const struct client *c)
{
	return c->state == CLIENT_SERVED && c->backlog.waiting <= CLIENT_BACKLOG_MAX;
}

/* ---- sending ---- */

static void end(struct client *c, enum client_state state)
{
	c->state = state;
	ev_io_stop(c->opt.loop, &c->writable);
	ev_io_stop(c->opt.loop, &c->readable);
	ev_timer_stop(c->opt.loop, &c->hold);
}

/* Returns false when no more can be sent now. */
static bool send_some(struct client *c, const uint8_t *data, size_t len)
{
	ssize_t n = send(c->opt.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n >= 0) {
		backlog_consume(&c->backlog, (size_t)n);
		c->sent += (uint64_t)n;
	} else if (errno == EAGAIN) {
		ev_io_start(c->opt.loop, &c->writable);
		return false;
	} else if (errno != EINTR) {
		end(c, CLIENT_LEFT);
		return false;
	}
	return true;
}

void client_flush(struct client *c)
{
	const uint8_t *data = NULL;
	size_t len = 0;

	if (c->state != CLIENT_SERVED || ev_is_active(&c->writable) || ev_is_active(&c->hold))
		return;
	do
		data = backlog_peek(&c->backlog, &len);
	while (data && send_some(c, data, len));
	if (!data && c->finished)
		end(c, CLIENT_DONE);
}

static void on_writable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct client *c = w->data;

	ev_io_stop(loop, w);
	client_flush(c);
	c->opt.on_event(c->opt.ctx);
}

static void on_hold_over(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct client *c = w->data;

	client_flush(c);
	c->opt.on_event(c->opt.ctx);
}

/* Returns false when it has left. */
static bool discard_input(const struct client *c)
{
	char scratch[4096];
	ssize_t n = recv(c->opt.fd, scratch, sizeof(scratch), MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct client *c = w->data;

	if (discard_input(c))
		return;
	end(c, CLIENT_LEFT);
	c->opt.on_event(c->opt.ctx);
}

/* ---- packets ---- */

/* Bytes that the packet needs; 0: it cannot be in this capture. */
static size_t size_of(struct client *c, const struct packet *pkt)
{
	const struct encoder_ops *ops = c->opt.to->ops;
	size_t size = ops->size(c->opt.to, pkt), len = 0;
	uint8_t *all;

	if (size || !ops->revise)
		return size;
	all = backlog_untouched(&c->backlog, &len);
	if (!ops->revise(c->opt.to, pkt, all ? all + c->header_len : NULL,
			 all ? len - c->header_len : 0))
		return 0;
	if (all)
		ops->header(c->opt.to, all);
	return ops->size(c->opt.to, pkt);
}

int client_put(struct client *c, const struct packet *pkt, const struct pretty_origin *origin)
{
	uint8_t *room;
	size_t size;

	if (c->state != CLIENT_SERVED)
		return 0;
	if (!client_has_room(c)) {
		end(c, CLIENT_TOO_SLOW);
		return 0;
	}
	size = size_of(c, pkt);
	if (!size) {
		c->left_out++;
		c->refusal = c->opt.to->refusal;
		client_note_losses(c, pkt);
		return CLIENT_E_LEFT_OUT;
	}
	room = backlog_reserve(&c->backlog, size);
	if (!room) {
		end(c, CLIENT_NO_MEMORY);
		return 0;
	}
	backlog_commit(&c->backlog, c->opt.to->ops->put(c->opt.to, room, pkt, origin));
	c->packets++;
	ev_timer_stop(c->opt.loop, &c->hold);
	if (c->backlog.waiting >= SEND_SIZE)
		client_flush(c);
	return 0;
}

void client_note_losses(struct client *c, const struct packet *pkt)
{
	if (c->opt.to->ops->lost)
		c->opt.to->ops->lost(c->opt.to, pkt);
}

/* ---- the end ---- */

void client_finish(struct client *c)
{
	const struct encoder_ops *ops = c->opt.to->ops;
	size_t n = ops->end ? 1 : 0;

	if (c->state != CLIENT_SERVED || c->finished)
		return;
	ev_timer_stop(c->opt.loop, &c->hold);
	c->finished = true;
	while (n) {
		uint8_t *room = backlog_reserve(&c->backlog, ENCODER_END_SIZE);

		if (!room) {
			end(c, CLIENT_NO_MEMORY);
			return;
		}
		n = ops->end(c->opt.to, room);
		backlog_commit(&c->backlog, n);
	}
	client_flush(c);
}

void client_watch(struct client *c)
{
	c->looked = c->sent;
	c->idle = 0;
}

void client_look(struct client *c)
{
	if (!client_waiting(c) || c->sent != c->looked)
		client_watch(c);
	else if (++c->idle == CLIENT_LOOKS && c->state == CLIENT_SERVED)
		end(c, CLIENT_STUCK);
}

/* ---- life ---- */

/* The capture will hold such packets. */
static void expect(struct encoder *to, const struct packet *like)
{
	uint8_t none[1];

	if (to->ops->revise && !to->ops->size(to, like))
		to->ops->revise(to, like, none, 0);
}

static int put_header(struct client *c)
{
	uint8_t *room = backlog_reserve(&c->backlog, ENCODER_HEADER_MAX);

	if (!room)
		return -ENOMEM;
	if (c->opt.like)
		expect(c->opt.to, c->opt.like);
	else if (c->opt.to->ops->revise)
		ev_timer_start(c->opt.loop, &c->hold);
	c->header_len = c->opt.to->ops->header(c->opt.to, room);
	backlog_commit(&c->backlog, c->header_len);
	return 0;
}

int client_new(struct client **out, const struct client_options *opt)
{
	struct client *c = opt->to ? calloc(1, sizeof(*c)) : NULL;
	int r;

	if (!c) {
		if (opt->to)
			opt->to->ops->free(opt->to);
		close(opt->fd);
		return -ENOMEM;
	}
	c->opt = *opt;
	snprintf(c->name, sizeof(c->name), "%s", opt->name);
	ev_io_init(&c->writable, on_writable, opt->fd, EV_WRITE);
	ev_io_init(&c->readable, on_readable, opt->fd, EV_READ);
	ev_timer_init(&c->hold, on_hold_over, HEADER_HOLD_SEC, 0);
	c->writable.data = c->readable.data = c->hold.data = c;
	r = put_header(c);
	c->opt.like = NULL;
	if (r < 0) {
		client_free(c);
		return r;
	}
	ev_io_start(opt->loop, &c->readable);
	*out = c;
	return 0;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	end(c, c->state);
	/* Unread input would make the kernel throw away what is on its way. */
	if (c->state == CLIENT_DONE)
		discard_input(c);
	close(c->opt.fd);
	backlog_clear(&c->backlog);
	c->opt.to->ops->free(c->opt.to);
	free(c);
}

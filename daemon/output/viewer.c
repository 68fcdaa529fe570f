/* SPDX-License-Identifier: Apache-2.0 */
#include "output/viewer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "output/byte_stream.h"
#include "packet/pretty.h"

#define END_WAIT_MS 1000

struct viewer {
	struct byte_stream *text;
	uint64_t shown;    /* put into `text` */
	uint64_t left_out; /* not even that: too much waits */
	bool ended;        /* the reader is gone, or the output failed (logged) */
};

static void on_drained(void *ctx)
{
	/* What is left out is not shown later. */
}

static void end(struct viewer *v)
{
	v->ended = true;
	byte_stream_log_failure(v->text);
}

static void on_closed(void *ctx, int err)
{
	end(ctx);
}

int viewer_new(struct viewer **out, struct ev_loop *loop)
{
	struct viewer *v = calloc(1, sizeof(*v));
	const struct byte_stream_options opt = {
		.loop = loop,
		.fd = STDOUT_FILENO,
		.on_drained = on_drained,
		.on_closed = on_closed,
		.ctx = v,
	};
	int r = v ? byte_stream_new(&v->text, &opt) : -ENOMEM;

	if (r < 0) {
		free(v);
		return r;
	}
	*out = v;
	return 0;
}

/* Each dump goes out at once: it is to be seen when its packet passes. */
void viewer_show(struct viewer *v, uint64_t number, const struct packet *pkt)
{
	uint8_t *room;
	int r;

	if (v->ended)
		return;
	room = byte_stream_reserve(v->text, pretty_size(pkt->caplen));
	if (!room) {
		v->left_out++;
		return;
	}
	byte_stream_commit(v->text, pretty_packet((char *)room, number, pkt, NULL));
	v->shown++;
	r = byte_stream_flush(v->text);
	if (r < 0 || r == STREAM_E_CLOSED)
		end(v);
}

void viewer_end(struct viewer *v)
{
	uint64_t lost;
	int r;

	if (!v || v->ended)
		return;
	r = byte_stream_flush_within(v->text, END_WAIT_MS);
	byte_stream_log_failure(v->text);
	lost = v->left_out + v->shown - byte_stream_written(v->text);
	if (lost && r >= 0 && r != STREAM_E_CLOSED)
		log_warn("%" PRIu64 " dump(s) of --pretty-print were left out: the reader of "
			 "standard output was too slow",
			 lost);
}

void viewer_free(struct viewer *v)
{
	if (!v)
		return;
	byte_stream_free(v->text);
	free(v);
}

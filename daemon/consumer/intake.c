/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merged, the queue of a partition is read while little of the partition is ready to be given
 * (order_wants()); librdkafka stops fetching a partition whose queue is full (kafkaconf.c says
 * when). Nothing is ever paused while downstream is full: there is no group that would miss us.
 *
 * librdkafka before 2.2 looks whether a queue has room again only when something wakes its thread
 * for that broker, which may take a second. A question to the broker wakes it: one goes out for a
 * partition of which more is wanted, and nothing came for some ms (`nudge`), and after a queue was
 * read that had been full.
 */
#include "consumer/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/time_range.h"
#include "consumer/assignment.h"

#define GIVE_AT_ONCE 1024 /* packets, before the queues are looked at again */
#define TURNS        8    /* before the loop has its turn */
#define NUDGE_SEC    0.005
#define NUDGE_MAX    0.1        /* while nothing comes, twice as long each time */
#define NO_NUDGE     0x020200ff /* from here on fetch.queue.backoff.ms is short (kafkaconf.c) */

bool intake_is_merged(const struct config *cfg)
{
	return cfg->exit_at_end && cfg->start.offset != CONFIG_OFFSET_STORED;
}

/* ---- as they come, and into order ---- */

/* One that is left out, but tells of losses, goes on for their sake, as `husk`: they have a place
 * in the order, as packets have. */
static int judge(const struct intake *in, const struct packet **pkt, struct packet *husk)
{
	int r = in->opt.judge ? in->opt.judge(in->opt.take_ctx, *pkt) : 0;

	if (r != INTAKE_E_LEFT_OUT || !(*pkt)->dropcount)
		return r;
	*husk = **pkt;
	husk->caplen = 0;
	husk->left_out = true;
	*pkt = husk;
	return 0;
}

static int pass_on(void *ctx, const struct packet *pkt)
{
	const struct intake *in = ctx;
	struct packet husk;
	int r = judge(in, &pkt, &husk);

	if (r)
		return r == INTAKE_E_LEFT_OUT ? 0 : r;
	return in->opt.take(in->opt.take_ctx, pkt);
}

static int pass_block_on(void *ctx, const struct block *b)
{
	const struct intake *in = ctx;

	return in->opt.take_block(in->opt.take_ctx, b);
}

static int put_in_order(void *ctx, const struct packet *pkt)
{
	struct intake *in = ctx;
	struct packet husk;
	int32_t partition;
	int64_t offset;
	int r = judge(in, &pkt, &husk);

	if (r)
		return r == INTAKE_E_LEFT_OUT ? 0 : r;
	reader_origin(&in->reader, &partition, &offset);
	r = order_push(in->order, partition, pkt, offset);
	if (r < 0)
		in->opt.on_failed(in->opt.ctx, strerror(-r));
	return r;
}

static void on_due(void *ctx)
{
	const struct intake *in = ctx;

	in->opt.on_due(in->opt.ctx);
}

/* ---- merged: a queue for each partition ---- */

static int grow(struct intake *in, int32_t partition)
{
	size_t n = (size_t)partition + 1;
	rd_kafka_queue_t **queues = reallocarray(in->queues, n, sizeof(rd_kafka_queue_t *));

	if (!queues)
		return -ENOMEM;
	in->queues = queues;
	while (in->n_queues <= partition)
		in->queues[in->n_queues++] = NULL;
	return 0;
}

void intake_open(struct intake *in, int32_t partition)
{
	rd_kafka_queue_t *queue;

	if (!in->merged || (partition < in->n_queues && in->queues[partition]))
		return;
	if ((partition >= in->n_queues && grow(in, partition) < 0) ||
	    order_open(in->order, partition) < 0) {
		in->opt.on_failed(in->opt.ctx, strerror(ENOMEM));
		return;
	}
	queue = rd_kafka_queue_get_partition(kafka_client(in->opt.kafka), in->opt.cfg->topic,
					     partition);
	rd_kafka_queue_forward(queue, NULL);
	kafka_watch_also(in->opt.kafka, queue);
	in->queues[partition] = queue;
}

static void nudge(struct intake *in, int32_t partition)
{
	if (rd_kafka_version() < NO_NUDGE)
		assignment_nudge(in->opt.assignment, partition);
}

/* One by one, those that are waited for. */
static void on_nudge(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct intake *in = w->data;

	w->repeat = 2 * w->repeat < NUDGE_MAX ? 2 * w->repeat : NUDGE_MAX;
	for (int32_t i = 1; i <= in->n_queues; i++) {
		int32_t id = (in->nudged + i) % in->n_queues;

		if (in->queues[id] && order_wants(in->order, id) &&
		    rd_kafka_queue_length(in->queues[id]) == 0) {
			in->nudged = id;
			nudge(in, id);
			return;
		}
	}
}

/* Returns what the reader returned; *came: something did. */
static int read_queue(struct intake *in, int32_t id, bool *came)
{
	const struct partition *p = partitions_find(assignment_partitions(in->opt.assignment), id);
	bool more;
	int r;

	reader_use(&in->reader, in->queues[id]);
	r = reader_run(&in->reader, &more);
	*came |= more;
	if (p && p->done)
		order_end(in->order, id);
	return r;
}

static int read_wanted(struct intake *in, bool *came)
{
	bool more;
	int r;

	reader_use(&in->reader, in->opt.queue);
	r = reader_run(&in->reader, &more);
	for (int32_t i = 0; i < in->n_queues && !r; i++)
		if (in->queues[i] && order_wants(in->order, i))
			r = read_queue(in, i, came);
	return r;
}

static int run_merged(struct intake *in, bool *more)
{
	ev_timer_stop(in->opt.loop, &in->nudge);
	for (int turn = 0; turn < TURNS; turn++) {
		size_t given;
		int r, full;

		*more = false;
		r = read_wanted(in, more);
		full = order_give(in->order, GIVE_AT_ONCE, &given);
		*more |= given > 0;
		if (r || full)
			return full ? full : r;
		if (!*more)
			break;
		in->nudge.repeat = NUDGE_SEC;
	}
	if (!*more)
		ev_timer_again(in->opt.loop, &in->nudge);
	return 0;
}

/* ---- all of them ---- */

static int open_order(struct intake *in)
{
	const struct order_options opt = {
		.loop = in->opt.loop,
		.live = !in->merged,
		.reorder_ms = in->opt.cfg->reorder_ms,
		.take = in->opt.take,
		.take_ctx = in->opt.take_ctx,
		.on_due = on_due,
		.ctx = in,
	};

	return in->merged || opt.reorder_ms ? order_new(&in->order, &opt) : 0;
}

int intake_init(struct intake *in, const struct intake_options *opt)
{
	struct reader_options reader = {
		.queue = opt->queue,
		.rk = kafka_client(opt->kafka),
		.assignment = opt->assignment,
		.range = time_range_of(opt->cfg),
		.take_ctx = in,
		.on_error = opt->on_error,
		.ctx = opt->ctx,
	};
	int r;

	*in = (struct intake){.opt = *opt};
	in->merged = intake_is_merged(opt->cfg);
	r = open_order(in);
	if (r < 0)
		return r;
	reader.take = in->order ? put_in_order : pass_on;
	if (opt->take_block && !in->order && !opt->judge && !time_range_is_set(opt->cfg))
		reader.take_block = pass_block_on;
	reader_init(&in->reader, &reader);
	ev_timer_init(&in->nudge, on_nudge, 0, NUDGE_SEC);
	in->nudge.data = in;
	return 0;
}

int intake_run(struct intake *in, bool *more)
{
	int r, full;

	if (in->merged)
		return run_merged(in, more);
	r = reader_run(&in->reader, more);
	full = intake_give(in);
	return full ? full : r;
}

int intake_give(struct intake *in)
{
	size_t given;

	return in->order ? order_give(in->order, SIZE_MAX, &given) : 0;
}

int intake_drain(struct intake *in)
{
	return in->order ? order_drain(in->order) : 0;
}

void intake_resume(struct intake *in)
{
	if (in->order)
		order_resume(in->order);
}

void intake_poll(struct intake *in)
{
	reader_poll(&in->reader);
}

void intake_stop(struct intake *in)
{
	reader_stop(&in->reader);
	if (in->order)
		order_stop(in->order);
	if (in->merged)
		ev_timer_stop(in->opt.loop, &in->nudge);
}

void intake_revoke(struct intake *in)
{
	reader_revoke(&in->reader);
	order_revoke(in->order, assignment_partitions(in->opt.assignment));
}

void intake_mark(struct intake *in)
{
	order_mark(in->order, assignment_partitions(in->opt.assignment));
}

void intake_counts(const struct intake *in, struct order_counts *out)
{
	if (in->order)
		order_counts(in->order, out);
	else
		*out = in->counts;
}

bool intake_is_empty(const struct intake *in)
{
	return reader_is_empty(&in->reader) && !order_count(in->order);
}

uint64_t intake_waiting(const struct intake *in)
{
	return in->order ? order_count(in->order) : in->waited;
}

void intake_origin(const struct intake *in, int32_t *partition, int64_t *offset)
{
	if (in->order)
		order_origin(in->order, partition, offset);
	else
		reader_origin(&in->reader, partition, offset);
}

/* librdkafka is not to write to an eventfd that is closed. */
static void close_queues(struct intake *in)
{
	for (int32_t i = 0; i < in->n_queues; i++)
		if (in->queues[i]) {
			rd_kafka_queue_io_event_enable(in->queues[i], -1, NULL, 0);
			rd_kafka_queue_destroy(in->queues[i]);
		}
	free(in->queues);
	in->queues = NULL;
	in->n_queues = 0;
}

void intake_clear(struct intake *in)
{
	if (!in->opt.loop)
		return;
	intake_stop(in);
	reader_clear(&in->reader);
	close_queues(in);
	intake_counts(in, &in->counts);
	in->waited = intake_waiting(in);
	order_free(in->order);
	in->order = NULL;
}

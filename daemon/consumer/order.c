/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live, it is noted when packets came, and the latest time among them: a mark. When a mark has
 * waited, all that is not later may go. What comes within an eighth of the wait shares a mark, so
 * that the loop does not wake for each batch.
 */
#include "consumer/order.h"

#include <errno.h>
#include <stdlib.h>

#include "consumer/merge.h"

#define SLICES 8

struct mark {
	double at;
	uint64_t latest; /* ns */
};

struct order {
	struct order_options opt;
	struct merge *merge;
	const struct lane_packet *current;
	int32_t current_id;
	bool stopped;
	uint64_t last; /* the youngest that went on, ns */
	struct order_counts counts;

	/* live */
	struct mark marks[SLICES + 2];
	size_t n_marks;
	bool came; /* something, since the last mark */
	uint64_t latest;
	ev_timer due;
};

static void on_due(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct order *o = w->data;

	o->opt.on_due(o->opt.ctx);
}

int order_new(struct order **out, const struct order_options *opt)
{
	const struct merge_options merge = {
		.live = opt->live,
		.window_ns = opt->reorder_ms * UINT64_C(1000000),
		.memory = opt->live ? ORDER_MEMORY_LIVE : ORDER_MEMORY,
		.lane_memory = ORDER_MEMORY_LANE,
	};
	struct order *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->opt = *opt;
	ev_timer_init(&o->due, on_due, 0, 0);
	o->due.data = o;
	if (merge_new(&o->merge, &merge) < 0) {
		free(o);
		return -ENOMEM;
	}
	*out = o;
	return 0;
}

int order_open(struct order *o, int32_t id)
{
	return merge_open(o->merge, id);
}

void order_end(struct order *o, int32_t id)
{
	merge_end(o->merge, id);
}

bool order_wants(const struct order *o, int32_t id)
{
	return merge_wants(o->merge, id);
}

int order_push(struct order *o, int32_t id, const struct packet *pkt, int64_t offset)
{
	if (o->opt.live) {
		uint64_t time = lane_time(pkt);

		o->latest = o->came && o->latest > time ? o->latest : time;
		o->came = true;
	}
	return merge_push(o->merge, id, pkt, offset);
}

/* ---- live: marks ---- */

static double wait_of(const struct order *o)
{
	return (double)o->opt.reorder_ms / 1e3;
}

static void make_mark(struct order *o, double now)
{
	struct mark *last = o->n_marks ? &o->marks[o->n_marks - 1] : NULL;
	bool fresh = !last || now - last->at > wait_of(o) / SLICES;

	if (!o->came)
		return;
	o->came = false;
	if (fresh && o->n_marks < sizeof(o->marks) / sizeof(o->marks[0]))
		o->marks[o->n_marks++] = (struct mark){now, o->latest};
	else if (last && last->latest < o->latest)
		last->latest = o->latest;
}

static void release_all(struct order *o)
{
	o->counts.full = true;
	merge_release(o->merge, UINT64_MAX);
}

static void release_due(struct order *o, double now)
{
	uint64_t latest = 0;
	size_t n = 0;

	while (n < o->n_marks && o->marks[n].at + wait_of(o) <= now) {
		if (o->marks[n].latest > latest)
			latest = o->marks[n].latest;
		n++;
	}
	o->n_marks -= n;
	for (size_t i = 0; n && i < o->n_marks; i++)
		o->marks[i] = o->marks[i + n];
	if (n)
		merge_release(o->merge, latest);
	else if (merge_is_full(o->merge))
		release_all(o);
}

static void set_timer(struct order *o, double seconds)
{
	ev_timer_stop(o->opt.loop, &o->due);
	ev_timer_set(&o->due, seconds > 0 ? seconds : 0, 0);
	ev_timer_start(o->opt.loop, &o->due);
}

static void await_due(struct order *o, double now)
{
	if (o->n_marks)
		set_timer(o, o->marks[0].at + wait_of(o) - now);
	else
		ev_timer_stop(o->opt.loop, &o->due);
}

/* ---- out ---- */

static void count_late(struct order *o, const struct packet *pkt)
{
	uint64_t time = lane_time(pkt);

	if (time >= o->last) {
		o->last = time;
		return;
	}
	o->counts.late++;
	if (o->last - time > o->counts.late_ns)
		o->counts.late_ns = o->last - time;
}

static int give(struct order *o, size_t most, size_t *given)
{
	*given = 0;
	while (!o->stopped && *given < most) {
		int r;

		o->current = merge_first(o->merge, &o->current_id);
		if (!o->current)
			break;
		r = o->opt.take(o->opt.take_ctx, &o->current->pkt);
		if (r)
			return r;
		if (!o->current->pkt.left_out)
			count_late(o, &o->current->pkt);
		merge_pop(o->merge);
		++*given;
	}
	return 0;
}

int order_give(struct order *o, size_t most, size_t *given)
{
	double now;

	if (!o->opt.live)
		return give(o, most, given);
	now = ev_now(o->opt.loop);
	make_mark(o, now);
	release_due(o, now);
	await_due(o, now);
	return give(o, SIZE_MAX, given);
}

int order_drain(struct order *o)
{
	size_t given;
	int r;

	merge_release(o->merge, UINT64_MAX);
	o->n_marks = 0;
	o->came = false;
	ev_timer_stop(o->opt.loop, &o->due);
	merge_hurry(o->merge, true);
	r = give(o, SIZE_MAX, &given);
	merge_hurry(o->merge, false);
	return r;
}

void order_resume(struct order *o)
{
	if (o->opt.live && !o->stopped && merge_count(o->merge))
		set_timer(o, 0);
}

void order_stop(struct order *o)
{
	o->stopped = true;
	ev_timer_stop(o->opt.loop, &o->due);
}

uint64_t order_count(const struct order *o)
{
	return o ? merge_count(o->merge) : 0;
}

void order_mark(const struct order *o, const struct partitions *ps)
{
	for (int32_t i = 0; o && i < ps->n; i++)
		ps->all[i].waits = merge_first_offset(o->merge, i, &ps->all[i].waits_from);
}

void order_revoke(struct order *o, const struct partitions *ps)
{
	for (int32_t i = 0; o && i < ps->n; i++)
		if (!ps->all[i].assigned)
			merge_drop(o->merge, i);
}

void order_origin(const struct order *o, int32_t *partition, int64_t *offset)
{
	*partition = o->current_id;
	*offset = o->current->offset;
}

void order_counts(const struct order *o, struct order_counts *out)
{
	*out = o->counts;
}

void order_free(struct order *o)
{
	if (!o)
		return;
	ev_timer_stop(o->opt.loop, &o->due);
	merge_free(o->merge);
	free(o);
}

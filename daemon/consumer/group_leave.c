/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/group_leave.h"

#include "base/log.h"

#define TICK_SEC 0.02 /* how often it is looked at */

/* Only sets flags and a forward (rd_kafka_consumer_close_q()): it waits for nobody. */
static void tell_group(struct group_leave *l)
{
	rd_kafka_error_t *error;

	l->queue = rd_kafka_queue_new(l->opt.rk);
	error = rd_kafka_consumer_close_queue(l->opt.rk, l->queue);
	if (!error)
		return;
	log_warn("leaving the group: %s", rd_kafka_error_string(error));
	rd_kafka_error_destroy(error);
	l->opt.member = false;
}

static void serve(struct group_leave *l)
{
	rd_kafka_event_t *event;

	while ((event = rd_kafka_queue_poll(l->queue, 0))) {
		if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE)
			l->opt.on_rebalance(l->opt.ctx, rd_kafka_event_error(event),
					    rd_kafka_event_topic_partition_list(event));
		rd_kafka_event_destroy(event);
	}
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct group_leave *l = w->data;

	if (l->opt.member && !l->queue && l->opt.is_busy(l->opt.ctx))
		return;
	if (l->opt.member && !l->queue)
		tell_group(l);
	if (l->opt.member)
		serve(l);
	if (l->opt.member && !rd_kafka_consumer_closed(l->opt.rk))
		return;
	ev_timer_stop(loop, w);
	l->opt.on_left(l->opt.ctx);
}

void group_leave_begin(struct group_leave *l, const struct group_leave_options *opt)
{
	l->opt = *opt;
	ev_timer_init(&l->tick, on_tick, 0, TICK_SEC);
	l->tick.data = l;
	ev_timer_start(opt->loop, &l->tick);
}

void group_leave_stop(struct group_leave *l)
{
	if (l->opt.loop)
		ev_timer_stop(l->opt.loop, &l->tick);
}

void group_leave_clear(struct group_leave *l)
{
	if (l->queue)
		rd_kafka_queue_destroy(l->queue);
	l->queue = NULL;
}

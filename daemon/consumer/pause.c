/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librdkafka pauses on its main thread: it drops what it had fetched of the partition, what a
 * concurrent rd_kafka_consume_batch_queue() is just taking included, and fetches again from after
 * the last message it gave us when it is resumed. By 2.0.2 a message counts as given before that
 * batch ends (rd_kafka_fetch_op_app_prepare(), then RD_KAFKA_OP_BARRIER, both in
 * rd_kafka_q_serve_rkmessages()): nobody may fetch while partitions that flow are being paused, or
 * messages are lost. `pausing` says so.
 *
 * So it goes on after the very last message that was given, and none comes twice: one that does not
 * follow the last is news (gaps.h). A change is asked for when no other call is on its way, and
 * what is wanted by then is what counts: a stop and go in the meantime is none. A partition that is
 * not paused must not be resumed, as that drops what was fetched of it; `paused` outlasts its
 * assignment as librdkafka's own flag does.
 */
#include "consumer/pause.h"

#include "consumer/consumer_calls.h"

void pause_init(struct pause *g, const struct pause_options *opt)
{
	*g = (struct pause){.opt = *opt};
}

static bool flows(const struct partition *p)
{
	return p->assigned && !p->paused;
}

static bool flows_past_its_end(const struct partition *p)
{
	return flows(p) && p->done;
}

static bool is_held(const struct partition *p)
{
	return p->assigned && p->paused && !p->done;
}

static void on_done(void *ctx, const struct consumer_calls *call)
{
	struct pause *g = ctx;

	g->pausing = false;
	pause_apply(g);
	g->opt.on_changed(g->opt.ctx);
}

static void change(struct pause *g, rd_kafka_topic_partition_list_t *list, bool pause)
{
	const struct consumer_calls call = {.kind = pause ? CONSUMER_CALLS_PAUSE
							  : CONSUMER_CALLS_RESUME,
					    .rk = g->opt.rk,
					    .list = list,
					    .done = on_done,
					    .ctx = g};
	int r;

	for (int i = 0; i < list->cnt; i++)
		partitions_find(g->opt.partitions, list->elems[i].partition)->paused = pause;
	g->pausing = pause && g->shut;
	r = consumer_calls_give(g->opt.worker, &call);
	if (r < 0)
		g->opt.on_failed(g->opt.ctx, r);
}

/* Returns whether there are any that `match`. */
static bool change_those(struct pause *g, bool (*match)(const struct partition *p), bool pause)
{
	rd_kafka_topic_partition_list_t *list =
		partitions_list(g->opt.partitions, g->opt.topic, match);

	if (list->cnt) {
		change(g, list, pause);
		return true;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return false;
}

void pause_apply(struct pause *g)
{
	if (g->stopped || worker_pending(g->opt.worker))
		return;
	if (g->shut)
		change_those(g, flows, true);
	else if (!change_those(g, is_held, false))
		change_those(g, flows_past_its_end, true);
}

void pause_shut(struct pause *g, bool shut)
{
	g->shut = shut;
	pause_apply(g);
}

static void on_nudged(void *ctx, const struct consumer_calls *call)
{
	pause_apply(ctx);
}

void pause_nudge(struct pause *g, int32_t partition)
{
	struct consumer_calls call = {.kind = CONSUMER_CALLS_NUDGE,
				      .rk = g->opt.rk,
				      .done = on_nudged,
				      .ctx = g};
	int r;

	if (g->stopped || worker_pending(g->opt.worker))
		return;
	call.list = rd_kafka_topic_partition_list_new(1);
	/* Of a time that no record has: the broker has nothing to look for. */
	rd_kafka_topic_partition_list_add(call.list, g->opt.topic, partition)->offset = INT64_MAX;
	r = consumer_calls_give(g->opt.worker, &call);
	if (r < 0)
		g->opt.on_failed(g->opt.ctx, r);
}

void pause_stop(struct pause *g)
{
	g->stopped = true;
}

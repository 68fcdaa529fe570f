/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages come from librdkafka's consumer queue a batch at a time. A message that downstream has
 * no room for stays in the inbox with those behind it, and no more are fetched. When that lasts,
 * the partitions are paused, so that librdkafka need not hold what nobody takes, and the queue is
 * polled on by `tick` once they are: who does not poll is put out of his group. librdkafka drops
 * what it had fetched of a paused partition and fetches it again after the last message it gave us.
 * While a pause is on its way nothing is fetched (pause.c).
 *
 * A range of time that ends ahead is never paused: it is told the ends of partitions, and one that
 * is paused there may miss its next record (kafkaconf.c). No group puts it out.
 */
#include "consumer/consumer.h"

#include <errno.h>
#include <stdlib.h>

#include "config/config_ref.h"
#include "config/time_range.h"
#include "consumer/assignment.h"
#include "consumer/consumer_words.h"
#include "consumer/group_leave.h"
#include "consumer/range_timers.h"
#include "consumer/reader.h"
#include "consumer/trouble.h"
#include "kafka/kafka.h"

#define TICK_SEC 1.0 /* how long a reader may stall before the partitions are paused */

struct consumer {
	struct consumer_options opt;
	struct kafka *k;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue; /* the consumer queue, as the reader has it */
	struct assignment *assignment;
	ev_timer tick;
	struct range_timers range;
	struct group_leave leave;
	bool group;

	struct reader reader;
	bool disconnected;
	bool blocked; /* downstream is full */
	bool drained; /* all that was taken is written */
	bool stopped;
	bool ended;
	struct trouble trouble;
};

/* ---- what it is doing ---- */

static rd_kafka_resp_err_t trouble_of(const struct consumer *c)
{
	rd_kafka_resp_err_t err = assignment_trouble(c->assignment);

	return err ? err : c->trouble.err;
}

static struct consumer_view view_of(const struct consumer *c)
{
	return (struct consumer_view){
		.cfg = c->opt.cfg,
		.k = c->k,
		.assignment = c->assignment,
		.trouble = trouble_of(c),
		.disconnected = c->disconnected,
		.blocked = c->blocked,
		.group = c->group,
	};
}

static void describe_state(struct consumer *c)
{
	const struct consumer_view view = view_of(c);
	char text[512];

	if (c->stopped)
		return;
	consumer_words_state(text, sizeof(text), &view);
	c->opt.on_state(c->opt.ctx, text);
}

static void check_end(struct consumer *c)
{
	bool bounded = c->range.over || c->opt.cfg->exit_at_end;

	if (!bounded || c->ended || c->stopped || !assignment_ended(c->assignment) ||
	    !reader_is_empty(&c->reader))
		return;
	c->ended = true;
	c->opt.on_end(c->opt.ctx);
}

/* ---- messages ---- */

/* What a group does to a member comes with the messages, not to kafka_options.on_fatal. */
static void take_fatal(struct consumer *c)
{
	char reason[512];

	if (c->stopped || !rd_kafka_fatal_error(c->rk, reason, sizeof(reason)))
		return;
	c->opt.on_failed(c->opt.ctx, reason);
}

static void on_error(void *ctx, const rd_kafka_message_t *msg)
{
	struct consumer *c = ctx;

	if (msg->err == RD_KAFKA_RESP_ERR__FATAL)
		take_fatal(c);
	else if (trouble_take(&c->trouble, c->opt.cfg->topic, c->group, msg))
		describe_state(c);
}

static void update_watch(struct consumer *c)
{
	kafka_watch_pause(c->k, c->blocked || c->stopped || assignment_is_pausing(c->assignment));
}

static void block(struct consumer *c)
{
	c->blocked = true;
	update_watch(c);
	ev_timer_again(c->opt.loop, &c->tick);
}

/* Those that came, of the range or not. */
static uint64_t records(const struct consumer *c)
{
	return c->reader.read + c->reader.outside;
}

static bool on_ready(void *ctx)
{
	struct consumer *c = ctx;
	uint64_t before = records(c);
	bool more;
	int r;

	if (c->stopped)
		return false;
	r = reader_run(&c->reader, &more);
	if (records(c) != before && trouble_clear(&c->trouble))
		describe_state(c);
	c->drained = c->opt.flush(c->opt.ctx);
	if (r == PACKET_E_FULL && !c->stopped) {
		/* Where that made room for all, nobody will call consumer_resume(). */
		if (!c->drained)
			block(c);
		return true;
	}
	check_end(c);
	return more && !c->stopped;
}

void consumer_resume(struct consumer *c)
{
	c->drained = true;
	if (!c->blocked || c->stopped)
		return;
	c->blocked = false;
	if (assignment_is_paused(c->assignment))
		assignment_pause(c->assignment, false);
	if (!c->group)
		ev_timer_stop(c->opt.loop, &c->tick);
	update_watch(c);
}

/* ---- the clock: a slow reader, the group ---- */

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct consumer *c = w->data;

	if (c->blocked && !assignment_is_paused(c->assignment) &&
	    !time_range_ends_ahead(c->opt.cfg))
		assignment_pause(c->assignment, true);
	if (c->blocked && !assignment_is_busy(c->assignment))
		reader_poll(&c->reader);
	else if (c->group && !c->blocked && !assignment_is_pausing(c->assignment))
		on_ready(c);
	if (c->drained)
		assignment_store(c->assignment);
}

/* ---- the clock: a range of time ---- */

static void on_absent(void *ctx)
{
	struct consumer *c = ctx;
	const struct consumer_view view = view_of(c);
	char why[512];

	if (c->stopped)
		return;
	consumer_words_absent(why, sizeof(why), &view);
	c->opt.on_failed(c->opt.ctx, why);
}

static void start_timers(struct consumer *c)
{
	const struct range_timers_options opt = {
		.loop = c->opt.loop,
		.cfg = c->opt.cfg,
		.kafka = c->k,
		.assignment = c->assignment,
		.resumed = c->opt.n_resume > 0,
		.on_absent = on_absent,
		.ctx = c,
	};

	range_timers_start(&c->range, &opt);
}

/* ---- what the assignment says ---- */

static void on_change(void *ctx)
{
	struct consumer *c = ctx;

	if (assignment_has_subscribed(c->assignment) && !ev_is_active(&c->tick) && !c->stopped)
		ev_timer_again(c->opt.loop, &c->tick);
	describe_state(c);
	check_end(c);
}

static void on_flow(void *ctx)
{
	update_watch(ctx);
}

static void on_losing(void *ctx)
{
	struct consumer *c = ctx;

	c->drained = c->opt.flush(c->opt.ctx);
	if (c->drained)
		assignment_store(c->assignment);
}

static void on_lost(void *ctx)
{
	struct consumer *c = ctx;

	reader_revoke(&c->reader);
}

static void on_failed(void *ctx, const char *why)
{
	struct consumer *c = ctx;

	if (!c->stopped)
		c->opt.on_failed(c->opt.ctx, why);
}

/* ---- what the client says ---- */

static void on_rebalance(void *ctx, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list)
{
	struct consumer *c = ctx;

	assignment_rebalance(c->assignment, err, list);
}

/* ---- life ---- */

static void on_fatal(void *ctx, rd_kafka_resp_err_t err, const char *reason)
{
	on_failed(ctx, reason);
}

static void on_connection(void *ctx, bool connected)
{
	struct consumer *c = ctx;

	c->disconnected = !connected;
	describe_state(c);
}

static void on_left(void *ctx)
{
	struct consumer *c = ctx;

	c->opt.on_closed(c->opt.ctx, c);
}

static bool is_busy(void *ctx)
{
	const struct consumer *c = ctx;

	return assignment_is_busy(c->assignment);
}

static int open_client(struct consumer *c)
{
	const struct kafka_options opt = {
		.loop = c->opt.loop,
		.cfg = c->opt.cfg,
		.log = c->opt.log,
		.why = c->opt.why,
		.why_size = c->opt.why_size,
		.on_fatal = on_fatal,
		.on_connection = on_connection,
		.on_rebalance = c->group ? on_rebalance : NULL,
		.ctx = c,
	};
	int r = kafka_new(&c->k, &opt);

	if (r < 0)
		return r;
	c->rk = kafka_client(c->k);
	c->queue = rd_kafka_queue_get_consumer(c->rk);
	return 0;
}

static void open_reader(struct consumer *c)
{
	const struct reader_options opt = {
		.queue = c->queue,
		.rk = c->rk,
		.assignment = c->assignment,
		.range = time_range_of(c->opt.cfg),
		.take = c->opt.take,
		.take_ctx = c->opt.ctx,
		.on_error = on_error,
		.ctx = c,
	};

	reader_init(&c->reader, &opt);
}

static int open_assignment(struct consumer *c)
{
	const struct assignment_options opt = {
		.loop = c->opt.loop,
		.cfg = c->opt.cfg,
		.rk = c->rk,
		.resume = c->opt.resume,
		.n_resume = c->opt.n_resume,
		.on_change = on_change,
		.on_flow = on_flow,
		.on_losing = on_losing,
		.on_lost = on_lost,
		.on_failed = on_failed,
		.ctx = c,
	};
	int r = assignment_new(&c->assignment, &opt);

	if (r < 0)
		return r;
	open_reader(c);
	return kafka_watch_queue(c->k, c->queue, on_ready, c);
}

int consumer_new(struct consumer **out, const struct consumer_options *opt)
{
	struct consumer *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->opt = *opt;
	config_ref(opt->cfg);
	c->group = opt->cfg->start.offset == CONFIG_OFFSET_STORED;
	c->drained = true;
	ev_timer_init(&c->tick, on_tick, 0, TICK_SEC);
	c->tick.data = c;
	r = open_client(c);
	if (r == 0)
		r = open_assignment(c);
	if (r == 0)
		start_timers(c);
	c->opt.resume = NULL;
	c->opt.why = NULL;
	if (r < 0) {
		consumer_free(c, 0);
		return r;
	}
	*out = c;
	return 0;
}

void consumer_origin(const struct consumer *c, int32_t *partition, int64_t *offset)
{
	reader_origin(&c->reader, partition, offset);
}

void consumer_stop(struct consumer *c)
{
	if (c->stopped)
		return;
	c->stopped = true;
	reader_stop(&c->reader);
	update_watch(c);
	assignment_stop(c->assignment);
	ev_timer_stop(c->opt.loop, &c->tick);
	range_timers_stop(&c->range);
}

void consumer_close(struct consumer *c)
{
	const struct group_leave_options opt = {
		.loop = c->opt.loop,
		.rk = c->rk,
		.member = assignment_has_subscribed(c->assignment),
		.is_busy = is_busy,
		.on_rebalance = on_rebalance,
		.on_left = on_left,
		.ctx = c,
	};

	consumer_stop(c);
	on_losing(c);
	reader_clear(&c->reader);
	group_leave_begin(&c->leave, &opt);
}

void consumer_counts(const struct consumer *c, struct consumer_counts *out)
{
	*out = (struct consumer_counts){.read = c->reader.read,
					.skipped = c->reader.skipped,
					.outside = c->reader.outside,
					.gone = c->reader.gone};
}

int64_t consumer_lag(const struct consumer *c)
{
	return assignment_lag(c->assignment, kafka_stats(c->k));
}

int64_t consumer_left(const struct consumer *c)
{
	return assignment_left(c->assignment);
}

int consumer_positions(struct consumer *c, struct consumer_position **out)
{
	*out = NULL;
	if (c->group && assignment_is_known(c->assignment) && c->opt.flush(c->opt.ctx))
		return 0;
	return assignment_positions(c->assignment, out);
}

/* A live consumer of a quiet topic does well; one that reads to an end must get on. */
static bool is_well(const struct consumer *c)
{
	if (c->blocked)
		return true;
	return !c->opt.cfg->exit_at_end && !c->range.over && assignment_is_known(c->assignment) &&
	       !trouble_of(c) && kafka_connected(c->k);
}

uint64_t consumer_progress(const struct consumer *c)
{
	uint64_t now = is_well(c) ? (uint64_t)(ev_now(c->opt.loop) * 1e6) : 0;

	return records(c) + assignment_progress(c->assignment) + now;
}

void consumer_waiting_for(const struct consumer *c, char *buf, size_t size)
{
	const struct consumer_view view = view_of(c);

	consumer_words_waiting(buf, size, &view);
}

static void free_rest(struct consumer *c)
{
	group_leave_clear(&c->leave);
	if (c->queue)
		rd_kafka_queue_destroy(c->queue);
	free(c);
}

/* On the thread of the call that used the client until now. */
static void on_gone(void *arg)
{
	struct consumer *c = arg;

	kafka_free_abandoned(c->k);
	free_rest(c);
}

void consumer_free(struct consumer *c, unsigned int wait_ms)
{
	if (!c)
		return;
	ev_timer_stop(c->opt.loop, &c->tick);
	range_timers_stop(&c->range);
	group_leave_stop(&c->leave);
	reader_clear(&c->reader);
	config_unref(c->opt.cfg); /* which is the loop's */
	kafka_abandon(c->k);
	if (!assignment_free(c->assignment, wait_ms, on_gone, c))
		return;
	kafka_free(c->k, wait_ms);
	free_rest(c);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/consumer.h"

#include <errno.h>
#include <stdlib.h>

#include "config/config_ref.h"
#include "consumer/assignment_group.h"
#include "consumer/consumer_flow.h"
#include "kafka/kafkaconf.h"

/* ---- the clock: a range of time ---- */

static void on_absent(void *ctx)
{
	struct consumer *c = ctx;
	const struct consumer_view view = consumer_flow_view(c);
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

/* ---- what the intake says ---- */

static bool on_ready(void *ctx)
{
	return consumer_flow_run(ctx);
}

static void on_due(void *ctx)
{
	consumer_flow_give(ctx);
}

static void on_error(void *ctx, const rd_kafka_message_t *msg)
{
	consumer_flow_error(ctx, msg);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
	consumer_flow_tick(w->data);
}

/* ---- what the assignment says ---- */

/* How many there are is known when they are looked up, and that is asked by the client. */
static bool has_too_many(const struct consumer *c)
{
	return c->intake.merged && !c->opt.many && !c->stopped &&
	       assignment_is_known(c->assignment) &&
	       assignment_count(c->assignment) > KAFKACONF_FEW_PARTITIONS &&
	       consumer_flow_records(c) == 0;
}

static void on_change(void *ctx)
{
	struct consumer *c = ctx;

	if (has_too_many(c)) {
		consumer_stop(c);
		c->opt.on_many(c->opt.ctx);
		return;
	}
	if (assignment_has_subscribed(c->assignment) && !ev_is_active(&c->tick) && !c->stopped)
		ev_timer_again(c->opt.loop, &c->tick);
	consumer_flow_describe(c);
	consumer_flow_check_end(c);
}

static void on_assigning(void *ctx, int32_t partition)
{
	struct consumer *c = ctx;

	intake_open(&c->intake, partition);
}

static void on_flow(void *ctx)
{
	consumer_flow_update(ctx);
}

static bool on_losing(void *ctx)
{
	struct consumer *c = ctx;

	consumer_flow_settle(c);
	if (!c->opt.is_safe || c->withheld)
		return false;
	intake_mark(&c->intake);
	return c->opt.secure(c->opt.ctx);
}

static void on_committed(void *ctx)
{
	const struct consumer *c = ctx;

	c->opt.on_committed(c->opt.ctx);
}

static void on_lost(void *ctx)
{
	struct consumer *c = ctx;

	intake_revoke(&c->intake);
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
	consumer_flow_describe(c);
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

static int configure(void *ctx, rd_kafka_conf_t *conf, rd_kafka_topic_conf_t *topic_conf)
{
	const struct consumer *c = ctx;

	kafkaconf_for_many(conf, c->opt.cfg);
	return 0;
}

static int open_client(struct consumer *c)
{
	const struct kafka_options opt = {
		.loop = c->opt.loop,
		.cfg = c->opt.cfg,
		.log = c->opt.log,
		.why = c->opt.why,
		.why_size = c->opt.why_size,
		.configure = c->opt.many && intake_is_merged(c->opt.cfg) ? configure : NULL,
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

static int open_intake(struct consumer *c)
{
	const struct intake_options opt = {
		.loop = c->opt.loop,
		.cfg = c->opt.cfg,
		.kafka = c->k,
		.queue = c->queue,
		.assignment = c->assignment,
		.judge = c->opt.judge,
		.take = c->opt.take,
		.take_block = c->opt.take_block,
		.take_ctx = c->opt.ctx,
		.on_error = on_error,
		.on_due = on_due,
		.on_failed = on_failed,
		.ctx = c,
	};

	return intake_init(&c->intake, &opt);
}

static int open_assignment(struct consumer *c)
{
	const struct assignment_options opt = {
		.loop = c->opt.loop,
		.cfg = c->opt.cfg,
		.rk = c->rk,
		.resume = c->opt.resume,
		.n_resume = c->opt.n_resume,
		.on_assigning = on_assigning,
		.on_change = on_change,
		.on_flow = on_flow,
		.on_losing = on_losing,
		.on_lost = on_lost,
		.on_committed = on_committed,
		.on_failed = on_failed,
		.ctx = c,
	};
	int r = assignment_new(&c->assignment, &opt);

	if (r == 0)
		r = open_intake(c);
	return r < 0 ? r : kafka_watch_queue(c->k, c->queue, on_ready, c);
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
	ev_timer_init(&c->tick, on_tick, 0, CONSUMER_TICK_SEC);
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
	intake_origin(&c->intake, partition, offset);
}

void consumer_resume(struct consumer *c)
{
	consumer_flow_resume(c);
}

void consumer_stop(struct consumer *c)
{
	if (c->stopped)
		return;
	c->stopped = true;
	intake_stop(&c->intake);
	consumer_flow_update(c);
	assignment_stop(c->assignment);
	ev_timer_stop(c->opt.loop, &c->tick);
	range_timers_stop(&c->range);
}

void consumer_withhold(struct consumer *c)
{
	c->withheld = true;
	assignment_let_go(c->assignment);
}

void consumer_mark(struct consumer *c)
{
	intake_mark(&c->intake);
	assignment_mark(c->assignment);
}

bool consumer_kept(struct consumer *c)
{
	if (c->withheld)
		return false;
	/* What was taken meanwhile, and was nothing to write. */
	if (c->opt.is_safe(c->opt.ctx))
		consumer_mark(c);
	return assignment_commit(c->assignment);
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
	consumer_flow_settle(c);
	assignment_let_go(c->assignment);
	intake_clear(&c->intake);
	group_leave_begin(&c->leave, &opt);
}

void consumer_counts(const struct consumer *c, struct consumer_counts *out)
{
	const struct reader *reader = &c->intake.reader;
	struct order_counts order;

	intake_counts(&c->intake, &order);
	*out = (struct consumer_counts){.read = reader->read,
					.skipped = reader->skipped,
					.outside = reader->outside,
					.gone = reader->gone,
					.late = order.late,
					.late_ns = order.late_ns,
					.full = order.full};
}

int64_t consumer_lag(const struct consumer *c)
{
	return assignment_lag(c->assignment, kafka_stats(c->k));
}

int64_t consumer_left(const struct consumer *c)
{
	int64_t left = assignment_left(c->assignment);

	return left < 0 ? left : left + (int64_t)intake_waiting(&c->intake);
}

void consumer_drain(struct consumer *c)
{
	if (!c->stopped && !c->intake.merged)
		intake_drain(&c->intake);
}

int consumer_positions(struct consumer *c, struct consumer_position **out)
{
	*out = NULL;
	intake_drain(&c->intake);
	intake_mark(&c->intake);
	if (c->group && !c->withheld && !c->opt.is_safe && assignment_is_known(c->assignment) &&
	    c->opt.flush(c->opt.ctx))
		return 0;
	return assignment_positions(c->assignment, out);
}

/* A live consumer of a quiet topic does well; one that reads to an end must get on. */
static bool is_well(const struct consumer *c)
{
	if (c->blocked)
		return true;
	return !c->opt.cfg->exit_at_end && !c->range.over && assignment_is_known(c->assignment) &&
	       !consumer_flow_trouble(c) && kafka_connected(c->k);
}

uint64_t consumer_progress(const struct consumer *c)
{
	uint64_t now = is_well(c) ? (uint64_t)(ev_now(c->opt.loop) * 1e6) : 0;

	return consumer_flow_records(c) + assignment_progress(c->assignment) + now;
}

enum consumer_condition consumer_condition(const struct consumer *c)
{
	const struct consumer_view view = consumer_flow_view(c);

	return consumer_words_condition(&view);
}

const struct kafka *consumer_kafka(const struct consumer *c)
{
	return c->k;
}

void consumer_waiting_for(const struct consumer *c, char *buf, size_t size)
{
	const struct consumer_view view = consumer_flow_view(c);

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
	intake_clear(&c->intake);
	config_unref(c->opt.cfg); /* which is the loop's */
	kafka_abandon(c->k);
	if (!assignment_free(c->assignment, wait_ms, on_gone, c))
		return;
	kafka_free(c->k, wait_ms);
	free_rest(c);
}

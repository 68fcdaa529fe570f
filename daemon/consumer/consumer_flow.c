/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages come from librdkafka's queues a batch at a time (intake.h). A message that downstream
 * has no room for stays in the inbox with those behind it, and no more are fetched. When that
 * lasts, the partitions are paused, so that librdkafka need not hold what nobody takes, and the
 * queue is polled on by `tick` once they are: who does not poll is put out of his group. librdkafka
 * drops what it had fetched of a paused partition and fetches it again after the last message it
 * gave us. While a pause is on its way nothing is fetched (pause.c).
 *
 * A range of time that ends ahead is never paused: it is told the ends of partitions, and one that
 * is paused there may miss its next record (kafkaconf.c). No group puts it out.
 */
#include "consumer/consumer_flow.h"

#include "config/time_range.h"
#include "consumer/assignment_group.h"

/* ---- what it is doing ---- */

rd_kafka_resp_err_t consumer_flow_trouble(const struct consumer *c)
{
	rd_kafka_resp_err_t err = assignment_trouble(c->assignment);

	return err ? err : c->trouble.err;
}

struct consumer_view consumer_flow_view(const struct consumer *c)
{
	return (struct consumer_view){
		.cfg = c->opt.cfg,
		.k = c->k,
		.assignment = c->assignment,
		.trouble = consumer_flow_trouble(c),
		.disconnected = c->disconnected,
		.blocked = c->blocked,
		.group = c->group,
	};
}

void consumer_flow_describe(struct consumer *c)
{
	const struct consumer_view view = consumer_flow_view(c);
	char text[512];

	if (c->stopped)
		return;
	consumer_words_state(text, sizeof(text), &view);
	c->opt.on_state(c->opt.ctx, text);
}

void consumer_flow_check_end(struct consumer *c)
{
	bool bounded = c->range.over || c->opt.cfg->exit_at_end;

	if (!bounded || c->ended || c->stopped || !assignment_ended(c->assignment) ||
	    !intake_is_empty(&c->intake))
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

void consumer_flow_error(struct consumer *c, const rd_kafka_message_t *msg)
{
	if (msg->err == RD_KAFKA_RESP_ERR__FATAL)
		take_fatal(c);
	else if (trouble_take(&c->trouble, c->opt.cfg->topic, c->group, msg))
		consumer_flow_describe(c);
}

void consumer_flow_update(struct consumer *c)
{
	kafka_watch_pause(c->k, c->blocked || c->stopped || assignment_is_pausing(c->assignment));
}

static void block(struct consumer *c)
{
	c->blocked = true;
	consumer_flow_update(c);
	ev_timer_again(c->opt.loop, &c->tick);
}

uint64_t consumer_flow_records(const struct consumer *c)
{
	return c->intake.reader.read + c->intake.reader.outside;
}

bool consumer_flow_run(struct consumer *c)
{
	uint64_t before = consumer_flow_records(c);
	bool more;
	int r;

	if (c->stopped)
		return false;
	r = intake_run(&c->intake, &more);
	if (consumer_flow_records(c) != before && trouble_clear(&c->trouble))
		consumer_flow_describe(c);
	c->drained = c->opt.flush(c->opt.ctx);
	if (r == PACKET_E_FULL && !c->stopped) {
		/* Where that made room for all, nobody will call consumer_resume(). */
		if (!c->drained)
			block(c);
		return true;
	}
	consumer_flow_check_end(c);
	return more && !c->stopped;
}

void consumer_flow_resume(struct consumer *c)
{
	c->drained = true;
	if (c->stopped)
		return;
	intake_resume(&c->intake);
	if (!c->blocked)
		return;
	c->blocked = false;
	if (assignment_is_paused(c->assignment))
		assignment_pause(c->assignment, false);
	if (!c->group)
		ev_timer_stop(c->opt.loop, &c->tick);
	consumer_flow_update(c);
}

void consumer_flow_give(struct consumer *c)
{
	int r;

	if (c->stopped || c->blocked)
		return;
	do {
		r = intake_give(&c->intake);
		c->drained = c->opt.flush(c->opt.ctx);
	} while (r == PACKET_E_FULL && c->drained && !c->stopped);
	if (r == PACKET_E_FULL && !c->stopped)
		block(c);
	consumer_flow_check_end(c);
}

/* ---- the clock: a slow reader, the group ---- */

/* Partitions that have queues of their own stop by themselves, when those are full. */
static bool is_paused_when_blocked(const struct consumer *c)
{
	return c->group || !(c->opt.cfg->exit_at_end || time_range_ends_ahead(c->opt.cfg));
}

static void store(struct consumer *c)
{
	if (!c->drained || c->withheld)
		return;
	if (c->opt.is_safe && !c->opt.is_safe(c->opt.ctx))
		return;
	intake_mark(&c->intake);
	if (!c->opt.is_safe) {
		assignment_store(c->assignment);
		return;
	}
	assignment_mark(c->assignment);
	assignment_commit(c->assignment);
}

void consumer_flow_tick(struct consumer *c)
{
	if (c->blocked && !assignment_is_paused(c->assignment) && is_paused_when_blocked(c))
		assignment_pause(c->assignment, true);
	if (c->blocked && !assignment_is_busy(c->assignment))
		intake_poll(&c->intake);
	else if (c->group && !c->blocked && !assignment_is_pausing(c->assignment))
		consumer_flow_run(c);
	store(c);
}

void consumer_flow_settle(struct consumer *c)
{
	intake_drain(&c->intake);
	c->drained = c->opt.flush(c->opt.ctx);
	store(c);
}

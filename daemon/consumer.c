/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages come from librdkafka's consumer queue a batch at a time. A message that downstream has
 * no room for stays in `pending` with those behind it, and no more are fetched. When that lasts,
 * the partitions are paused, so that librdkafka need not hold what nobody takes, and the queue is
 * polled on by `tick`: who does not poll is put out of his group. librdkafka drops what it had
 * fetched of a paused partition and fetches it again after the last message it gave us; `guard`
 * sees to it that none is taken twice all the same.
 */
#include "consumer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka.h"
#include "log.h"
#include "lookup.h"
#include "message.h"
#include "partitions.h"

#define BATCH          1024
#define TICK_SEC       1.0  /* how long a reader may stall before the partitions are paused */
#define CLOSE_TICK_SEC 0.02 /* how often a closing group is looked at */
#define FREE_WAIT_MS   1000
#define LOG_INTERVAL_S 60

struct consumer {
	struct consumer_options opt;
	struct kafka *k;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	rd_kafka_queue_t *close_queue;
	struct lookup *lookup;
	struct partitions partitions;
	ev_timer tick;
	ev_timer closing;
	bool group;

	/* Fetched and not yet taken: pending[first] to pending[end - 1]; a NULL was revoked. */
	rd_kafka_message_t *pending[2 * BATCH];
	size_t first, end;
	const rd_kafka_message_t *current;

	bool disconnected;
	bool complete;   /* all partitions are known */
	bool subscribed; /* group: asked to join */
	bool joined;     /* group: has been assigned something, or nothing */
	bool blocked;    /* downstream is full */
	bool paused;     /* ... since long */
	bool drained;    /* all that was taken is written */
	bool stopped;
	bool ended;

	/* Why nothing comes, as last heard from the look-ups, and on the queue. */
	rd_kafka_resp_err_t topic_trouble, read_trouble;
	uint64_t answers; /* look-ups that found something new */
	struct consumer_counts counts;
	struct log_limit skip_limit, error_limit;
};

/* ---- partitions ---- */

static bool is_flowing(const struct partition *p)
{
	return p->assigned && !p->done;
}

static bool is_unstored(const struct partition *p)
{
	return p->assigned && p->next >= 0 && p->next != p->stored;
}

static void pause_flow(struct consumer *c, bool pause)
{
	rd_kafka_topic_partition_list_t *list =
		partitions_list(&c->partitions, c->opt.cfg->topic, is_flowing);

	if (list->cnt && pause)
		rd_kafka_pause_partitions(c->rk, list);
	else if (list->cnt)
		rd_kafka_resume_partitions(c->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	c->paused = pause;
}

/* Tells the group what is written; it is committed by librdkafka from time to time. */
static void store_offsets(struct consumer *c)
{
	rd_kafka_topic_partition_list_t *list;

	if (!c->group || !c->drained)
		return;
	list = partitions_list(&c->partitions, c->opt.cfg->topic, is_unstored);
	if (list->cnt)
		rd_kafka_offsets_store(c->rk, list);
	for (int i = 0; i < list->cnt; i++)
		if (!list->elems[i].err)
			partitions_find(&c->partitions, list->elems[i].partition)->stored =
				list->elems[i].offset;
	rd_kafka_topic_partition_list_destroy(list);
}

static rd_kafka_resp_err_t trouble(const struct consumer *c)
{
	return c->topic_trouble ? c->topic_trouble : c->read_trouble;
}

static void describe_state(struct consumer *c)
{
	char text[320];
	int n = 0;

	for (int32_t i = 0; i < c->partitions.n; i++)
		n += c->partitions.all[i].assigned;
	if (c->disconnected)
		snprintf(text, sizeof(text), "waiting for broker %s", c->opt.cfg->brokers);
	else if (trouble(c))
		snprintf(text, sizeof(text), "waiting for topic %s: %s", c->opt.cfg->topic,
			 rd_kafka_err2str(trouble(c)));
	else if (!c->complete)
		snprintf(text, sizeof(text), "connecting to %s", c->opt.cfg->brokers);
	else if (c->group && !c->joined)
		snprintf(text, sizeof(text), "waiting for partitions from the group");
	else
		snprintf(text, sizeof(text), "reading %d partition(s) of topic %s", n,
			 c->opt.cfg->topic);
	c->opt.on_state(c->opt.ctx, text);
}

/* ---- the end of -e ---- */

static bool all_done(const struct consumer *c)
{
	if (!c->complete || (c->group && !c->joined))
		return false;
	for (int32_t i = 0; i < c->partitions.n; i++) {
		const struct partition *p = &c->partitions.all[i];

		if (c->group ? p->assigned && !p->done : p->known && !p->added && !p->done)
			return false;
	}
	return true;
}

static void check_end(struct consumer *c)
{
	if (!c->opt.cfg->exit_at_end || c->ended || c->stopped || !all_done(c))
		return;
	c->ended = true;
	c->opt.on_end(c->opt.ctx);
}

/* A partition that is done need not be fetched any more. */
static void mark_done(struct consumer *c, struct partition *p)
{
	rd_kafka_topic_partition_list_t *list;

	if (p->done)
		return;
	p->done = true;
	if (!p->assigned)
		return;
	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, c->opt.cfg->topic,
					  (int32_t)(p - c->partitions.all));
	rd_kafka_pause_partitions(c->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
}

/* ---- messages ---- */

static void log_skipped(struct consumer *c, const rd_kafka_message_t *msg, const char *why)
{
	uint64_t more;

	if (!log_limit_pass(&c->skip_limit, LOG_INTERVAL_S, &more))
		return;
	log_warn("skipped a record that is no packet of ours: %s (topic %s, partition %" PRId32
		 ", offset %" PRId64 "); %" PRIu64 " skipped so far",
		 why, c->opt.cfg->topic, msg->partition, msg->offset, c->counts.skipped);
}

static void take_trouble(struct consumer *c, const rd_kafka_message_t *msg)
{
	uint64_t more;

	/* Without a group, what the group coordinator says is no concern of ours. */
	if (!c->group && msg->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
		return;
	if (c->read_trouble != msg->err) {
		c->read_trouble = msg->err;
		c->error_limit = (struct log_limit){0};
		describe_state(c);
	}
	if (log_limit_pass(&c->error_limit, LOG_INTERVAL_S, &more))
		log_warn("reading topic %s: %s", c->opt.cfg->topic, rd_kafka_message_errstr(msg));
}

static void clear_trouble(struct consumer *c)
{
	if (!c->read_trouble)
		return;
	c->read_trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
	describe_state(c);
}

/* A message that carries an error instead of a record. */
static void take_error(struct consumer *c, const rd_kafka_message_t *msg)
{
	struct partition *p = partitions_find(&c->partitions, msg->partition);

	if (msg->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		take_trouble(c, msg);
		return;
	}
	clear_trouble(c);
	if (p && msg->offset >= p->end)
		mark_done(c, p);
}

static void skip(struct consumer *c, const rd_kafka_message_t *msg, const char *why)
{
	c->counts.skipped++;
	log_skipped(c, msg, why);
}

/* Returns what downstream returned. */
static int take_record(struct consumer *c, struct partition *p, const rd_kafka_message_t *msg)
{
	struct packet pkt;
	const char *why = message_to_packet(msg, &pkt);

	if (why) {
		skip(c, msg, why);
	} else {
		int r;

		c->current = msg;
		r = c->opt.take(c->opt.ctx, &pkt);
		if (r)
			return r;
	}
	c->counts.read++;
	p->next = msg->offset + 1;
	if (p->next >= p->end)
		mark_done(c, p);
	return 0;
}

/* Returns 0 when the message is done with. */
static int take_message(struct consumer *c, const rd_kafka_message_t *msg)
{
	struct partition *p;

	if (msg->err) {
		take_error(c, msg);
		return 0;
	}
	p = partitions_find(&c->partitions, msg->partition);
	if (!p || !p->assigned)
		return 0;
	if (msg->offset >= p->end) {
		mark_done(c, p);
		return 0;
	}
	if (msg->offset < p->guard && msg->offset < p->next)
		return 0;
	return take_record(c, p, msg);
}

/* Takes what is pending. Returns 0, or what downstream returned. */
static int take_pending(struct consumer *c)
{
	while (c->first < c->end && !c->stopped) {
		rd_kafka_message_t *msg = c->pending[c->first];

		if (msg) {
			int r = take_message(c, msg);

			if (r)
				return r;
			rd_kafka_message_destroy(msg);
		}
		c->first++;
	}
	return 0;
}

static void drop_pending(struct consumer *c)
{
	for (; c->first < c->end; c->first++)
		if (c->pending[c->first])
			rd_kafka_message_destroy(c->pending[c->first]);
	c->first = c->end = 0;
}

/* Fetches behind what is pending. Returns how many messages came. */
static size_t fetch(struct consumer *c)
{
	ssize_t n;

	if (c->first) {
		memmove(c->pending, c->pending + c->first,
			(c->end - c->first) * sizeof(c->pending[0]));
		c->end -= c->first;
		c->first = 0;
	}
	if (c->end > BATCH)
		return 0;
	n = rd_kafka_consume_batch_queue(c->queue, 0, c->pending + c->end, BATCH);
	if (n <= 0)
		return 0;
	c->end += (size_t)n;
	return (size_t)n;
}

static void block(struct consumer *c)
{
	c->blocked = true;
	kafka_watch_pause(c->k, true);
	ev_timer_again(c->opt.loop, &c->tick);
}

static bool on_ready(void *ctx)
{
	struct consumer *c = ctx;
	uint64_t before = c->counts.read;
	bool more = c->first < c->end;
	int r;

	if (c->stopped)
		return false;
	if (!more)
		more = fetch(c) == BATCH;
	r = take_pending(c);
	if (c->counts.read != before)
		clear_trouble(c);
	c->drained = c->opt.flush(c->opt.ctx);
	if (r == PACKET_E_FULL && !c->stopped) {
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
	if (c->paused) {
		for (int32_t i = 0; i < c->partitions.n; i++)
			c->partitions.all[i].guard = c->partitions.all[i].next;
		for (size_t i = c->first; i < c->end; i++) {
			const rd_kafka_message_t *msg = c->pending[i];
			struct partition *p =
				msg && !msg->err ? partitions_find(&c->partitions, msg->partition)
						 : NULL;

			if (p && p->guard <= msg->offset)
				p->guard = msg->offset + 1;
		}
		pause_flow(c, false);
	}
	if (!c->group)
		ev_timer_stop(c->opt.loop, &c->tick);
	kafka_watch_pause(c->k, false);
}

/* ---- the clock: a slow reader, the group ---- */

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct consumer *c = w->data;

	if (c->blocked && !c->paused)
		pause_flow(c, true);
	if (c->blocked)
		fetch(c);
	else if (c->group)
		on_ready(c);
	store_offsets(c);
}

/* ---- assignment without a group ---- */

static void assign(struct consumer *c, const rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_error_t *error;

	if (!list->cnt)
		return;
	error = rd_kafka_incremental_assign(c->rk, list);
	if (error) {
		log_error("cannot read topic %s: %s", c->opt.cfg->topic,
			  rd_kafka_error_string(error));
		rd_kafka_error_destroy(error);
		c->opt.on_failed(c->opt.ctx);
		return;
	}
	if (c->paused)
		rd_kafka_pause_partitions(c->rk,
					  (rd_kafka_topic_partition_list_t *)(uintptr_t)list);
}

static int64_t start_of(const struct consumer *c, const struct lookup_partition *found)
{
	for (size_t i = 0; i < c->opt.n_resume; i++)
		if (c->opt.resume[i].partition == found->id)
			return c->opt.resume[i].offset;
	return found->start;
}

static void learn(struct consumer *c, const struct lookup_partition *found)
{
	struct partition *p = partitions_get(&c->partitions, found->id);

	if (!p || p->known)
		return;
	p->known = true;
	p->added = found->added;
	if (c->opt.cfg->exit_at_end)
		p->end = found->added ? 0 : found->high;
	if (c->group)
		return;
	p->next = start_of(c, found);
	p->done = p->next >= p->end;
}

static bool is_new(const struct partition *p)
{
	return p->known && !p->assigned && !p->done;
}

static void assign_new(struct consumer *c)
{
	rd_kafka_topic_partition_list_t *list =
		partitions_list(&c->partitions, c->opt.cfg->topic, is_new);

	for (int i = 0; i < list->cnt; i++) {
		log_debug("topic %s, partition %" PRId32 ": from offset %" PRId64,
			  c->opt.cfg->topic, list->elems[i].partition, list->elems[i].offset);
		c->partitions.all[list->elems[i].partition].assigned = true;
	}
	assign(c, list);
	rd_kafka_topic_partition_list_destroy(list);
}

/* ---- assignment by the group ---- */

static void subscribe(struct consumer *c)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t err;

	rd_kafka_topic_partition_list_add(list, c->opt.cfg->topic, RD_KAFKA_PARTITION_UA);
	err = rd_kafka_subscribe(c->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	c->subscribed = true;
	ev_timer_again(c->opt.loop, &c->tick);
	if (err) {
		log_error("cannot subscribe to topic %s: %s", c->opt.cfg->topic,
			  rd_kafka_err2str(err));
		c->opt.on_failed(c->opt.ctx);
	}
}

static void gain(struct consumer *c, rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt; i++) {
		struct partition *p = partitions_get(&c->partitions, list->elems[i].partition);

		if (!p)
			continue;
		if (!p->known && c->opt.cfg->exit_at_end)
			p->end = 0;
		p->assigned = true;
		p->done = false;
		p->next = p->stored = -1;
		p->guard = 0;
		for (size_t j = 0; j < c->opt.n_resume; j++)
			if (c->opt.resume[j].partition == list->elems[i].partition)
				list->elems[i].offset = c->opt.resume[j].offset;
	}
	c->joined = true;
}

static void lose(struct consumer *c, const rd_kafka_topic_partition_list_t *list)
{
	c->drained = c->opt.flush(c->opt.ctx);
	if (!rd_kafka_assignment_lost(c->rk))
		store_offsets(c);
	for (int i = 0; i < list->cnt; i++) {
		struct partition *p = partitions_find(&c->partitions, list->elems[i].partition);

		if (p)
			p->assigned = false;
	}
	for (size_t i = c->first; i < c->end; i++) {
		const rd_kafka_message_t *msg = c->pending[i];
		const struct partition *p =
			msg ? partitions_find(&c->partitions, msg->partition) : NULL;

		if (p && !p->assigned) {
			rd_kafka_message_destroy(c->pending[i]);
			c->pending[i] = NULL;
		}
	}
}

static void log_rebalance(const struct consumer *c, const char *what,
			  const rd_kafka_topic_partition_list_t *list)
{
	char text[256] = "";
	size_t n = 0;

	for (int i = 0; i < list->cnt && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%" PRId32, i ? ", " : "",
				      list->elems[i].partition);
	log_info("group: %s %d partition(s) of topic %s: %s", what, list->cnt, c->opt.cfg->topic,
		 text);
}

static void apply_assignment(struct consumer *c, const rd_kafka_topic_partition_list_t *list,
			     bool gained)
{
	const char *protocol = rd_kafka_rebalance_protocol(c->rk);

	if (protocol && !strcmp(protocol, "COOPERATIVE")) {
		rd_kafka_error_t *error = gained ? rd_kafka_incremental_assign(c->rk, list)
						 : rd_kafka_incremental_unassign(c->rk, list);

		if (error)
			log_warn("group: %s", rd_kafka_error_string(error));
		rd_kafka_error_destroy(error);
	} else {
		rd_kafka_assign(c->rk, gained ? list : NULL);
	}
}

static void on_rebalance(void *ctx, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list)
{
	struct consumer *c = ctx;
	bool gained = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;

	if (err && !gained && err != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
		log_warn("group: %s", rd_kafka_err2str(err));
	log_rebalance(c, gained ? "reading" : "leaving", list);
	if (gained)
		gain(c, list);
	else
		lose(c, list);
	apply_assignment(c, list, gained);
	if (gained && c->paused)
		rd_kafka_pause_partitions(c->rk, list);
	describe_state(c);
}

/* ---- what the look-ups say ---- */

static void log_trouble(struct consumer *c, rd_kafka_resp_err_t err)
{
	const char *topic = c->opt.cfg->topic;

	switch (err) {
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
		break; /* the client reports its connections itself, the others pass */
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		log_warn("topic %s does not exist on %s; waiting for it", topic,
			 c->opt.cfg->brokers);
		break;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		log_warn("no permission to read topic %s; waiting for it (an ACL that allows "
			 "Describe and Read is needed)",
			 topic);
		break;
	default:
		log_warn("topic %s: %s; trying again", topic, rd_kafka_err2str(err));
	}
}

static void set_topic_trouble(struct consumer *c, rd_kafka_resp_err_t err)
{
	if (c->topic_trouble == err)
		return;
	if (err)
		log_trouble(c, err);
	else
		log_debug("topic %s is there", c->opt.cfg->topic);
	c->topic_trouble = err;
	describe_state(c);
}

static void on_lookup(void *ctx, const struct lookup_result *result)
{
	struct consumer *c = ctx;

	for (size_t i = 0; i < result->n; i++)
		learn(c, &result->partitions[i]);
	c->answers += result->n;
	c->complete |= result->complete;
	set_topic_trouble(c, result->err);
	if (!c->group)
		assign_new(c);
	if (result->n)
		describe_state(c);
	if (c->group && c->complete && !c->subscribed) {
		lookup_stop(c->lookup);
		subscribe(c);
	}
	check_end(c);
}

/* ---- life ---- */

static int configure(void *ctx, rd_kafka_conf_t *conf, rd_kafka_topic_conf_t *topic_conf)
{
	const struct consumer *c = ctx;

	if (!c->group)
		return 0;
	/* How soon the group notices partitions that are added. */
	rd_kafka_conf_set(conf, "topic.metadata.refresh.interval.ms", "5000", NULL, 0);
	return 0;
}

static void on_fatal(void *ctx, rd_kafka_resp_err_t err, const char *reason)
{
	struct consumer *c = ctx;

	if (!c->stopped)
		c->opt.on_failed(c->opt.ctx);
}

static void on_connection(void *ctx, bool connected)
{
	struct consumer *c = ctx;

	c->disconnected = !connected;
	if (!c->stopped)
		describe_state(c);
}

static void finish_close(struct consumer *c)
{
	ev_timer_stop(c->opt.loop, &c->closing);
	c->opt.on_closed(c->opt.ctx);
}

/* The group hears that we leave; its last rebalance comes as an event here. */
static void on_closing(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct consumer *c = w->data;
	rd_kafka_event_t *event;

	while (c->close_queue && (event = rd_kafka_queue_poll(c->close_queue, 0))) {
		if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE)
			on_rebalance(c, rd_kafka_event_error(event),
				     rd_kafka_event_topic_partition_list(event));
		rd_kafka_event_destroy(event);
	}
	if (!c->close_queue || rd_kafka_consumer_closed(c->rk))
		finish_close(c);
}

static int start(struct consumer *c)
{
	const struct config *cfg = c->opt.cfg;
	const struct kafka_options kafka_options = {
		.loop = c->opt.loop,
		.cfg = cfg,
		.configure = configure,
		.on_fatal = on_fatal,
		.on_connection = on_connection,
		.on_rebalance = c->group ? on_rebalance : NULL,
		.ctx = c,
	};
	struct lookup_options lookup_options = {
		.loop = c->opt.loop,
		.topic = cfg->topic,
		.offset = cfg->offset,
		.offset_value = cfg->offset_value,
		.on_result = on_lookup,
		.ctx = c,
	};
	int r = kafka_new(&c->k, &kafka_options);

	if (r < 0)
		return r;
	c->rk = lookup_options.rk = kafka_client(c->k);
	c->queue = rd_kafka_queue_get_consumer(c->rk);
	r = kafka_watch_queue(c->k, c->queue, on_ready, c);
	return r < 0 ? r : lookup_new(&c->lookup, &lookup_options);
}

static int copy_resume(struct consumer *c, const struct consumer_options *opt)
{
	struct consumer_position *copy;

	if (opt->n_resume == 0)
		return 0;
	copy = calloc(opt->n_resume, sizeof(*copy));
	c->opt.resume = copy;
	if (!copy)
		return -ENOMEM;
	memcpy(copy, opt->resume, opt->n_resume * sizeof(*copy));
	return 0;
}

int consumer_new(struct consumer **out, const struct consumer_options *opt)
{
	struct consumer *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->opt = *opt;
	c->group = opt->cfg->offset == CONFIG_OFFSET_STORED;
	c->drained = true;
	ev_timer_init(&c->tick, on_tick, 0, TICK_SEC);
	ev_timer_init(&c->closing, on_closing, 0, CLOSE_TICK_SEC);
	c->tick.data = c->closing.data = c;
	r = copy_resume(c, opt);
	if (r == 0)
		r = start(c);
	if (r < 0) {
		consumer_free(c);
		return r;
	}
	*out = c;
	return 0;
}

void consumer_set_config(struct consumer *c, const struct config *cfg)
{
	c->opt.cfg = cfg;
}

void consumer_origin(const struct consumer *c, int32_t *partition, int64_t *offset)
{
	*partition = c->current->partition;
	*offset = c->current->offset;
}

void consumer_stop(struct consumer *c)
{
	if (c->stopped)
		return;
	c->stopped = true;
	kafka_watch_pause(c->k, true);
	lookup_stop(c->lookup);
	ev_timer_stop(c->opt.loop, &c->tick);
}

void consumer_close(struct consumer *c)
{
	rd_kafka_error_t *error;

	consumer_stop(c);
	c->drained = c->opt.flush(c->opt.ctx);
	store_offsets(c);
	drop_pending(c);
	if (c->subscribed && !c->close_queue) {
		c->close_queue = rd_kafka_queue_new(c->rk);
		error = rd_kafka_consumer_close_queue(c->rk, c->close_queue);
		if (error) {
			log_warn("leaving the group: %s", rd_kafka_error_string(error));
			rd_kafka_error_destroy(error);
			rd_kafka_queue_destroy(c->close_queue);
			c->close_queue = NULL;
		}
	}
	ev_timer_start(c->opt.loop, &c->closing);
}

void consumer_counts(const struct consumer *c, struct consumer_counts *out)
{
	*out = c->counts;
}

int64_t consumer_lag(const struct consumer *c)
{
	int64_t lag = -1;

	for (int32_t i = 0; i < c->partitions.n; i++) {
		const struct partition *p = &c->partitions.all[i];
		int64_t low, high;

		if (!p->assigned || p->next < 0 ||
		    rd_kafka_get_watermark_offsets(c->rk, c->opt.cfg->topic, i, &low, &high) ||
		    high < 0)
			continue;
		lag = (lag < 0 ? 0 : lag) + (high > p->next ? high - p->next : 0);
	}
	return lag;
}

/* A live consumer of a quiet topic does well; one that reads to an end must get on. */
static bool is_well(const struct consumer *c)
{
	if (c->blocked)
		return true;
	return !c->opt.cfg->exit_at_end && c->complete && !trouble(c) && kafka_connected(c->k) &&
	       (!c->group || c->joined);
}

uint64_t consumer_progress(const struct consumer *c)
{
	uint64_t now = is_well(c) ? (uint64_t)ev_now(c->opt.loop) : 0;

	return c->counts.read + c->answers + now;
}

void consumer_waiting_for(const struct consumer *c, char *buf, size_t size)
{
	const char *topic = c->opt.cfg->topic;
	const char *error = kafka_last_error(c->k);

	if (!kafka_connected(c->k))
		snprintf(buf, size, "broker %s%s%s", c->opt.cfg->brokers, *error ? ": " : "",
			 error);
	else if (trouble(c))
		snprintf(buf, size, "topic %s: %s", topic, rd_kafka_err2str(trouble(c)));
	else if (c->group && !c->joined)
		snprintf(buf, size, "partitions of topic %s from the group", topic);
	else
		snprintf(buf, size, "packets of topic %s", topic);
}

int consumer_positions(const struct consumer *c, struct consumer_position **out)
{
	struct consumer_position *all = calloc((size_t)c->partitions.n + 1, sizeof(*all));
	int n = 0;

	if (!all)
		return -ENOMEM;
	for (int32_t i = 0; i < c->partitions.n; i++)
		if (c->partitions.all[i].next >= 0)
			all[n++] = (struct consumer_position){i, c->partitions.all[i].next};
	*out = all;
	return n;
}

void consumer_free(struct consumer *c)
{
	if (!c)
		return;
	ev_timer_stop(c->opt.loop, &c->tick);
	ev_timer_stop(c->opt.loop, &c->closing);
	drop_pending(c);
	/* A look-up that still hangs uses the client: both live on until the process ends. */
	if (!lookup_free(c->lookup, FREE_WAIT_MS))
		return;
	kafka_free(c->k, FREE_WAIT_MS);
	if (c->close_queue)
		rd_kafka_queue_destroy(c->close_queue);
	if (c->queue)
		rd_kafka_queue_destroy(c->queue);
	partitions_clear(&c->partitions);
	free((void *)(uintptr_t)c->opt.resume);
	free(c);
}

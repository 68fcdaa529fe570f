/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "consumer/assignment.h"
#include "consumer/gaps.h"
#include "consumer/range_log.h"
#include "kafka/record_decode.h"

#define LOG_INTERVAL_S 60
#define BYTES_AT_ONCE  (4 * 1024 * 1024) /* of blocks, before the loop has its turn */

#define E_STOPPED 2 /* within a record: it is not read */

void reader_init(struct reader *r, const struct reader_options *opt)
{
	r->opt = *opt;
	r->partitions = assignment_partitions(opt->assignment);
	r->inbox.queue = opt->queue;
}

void reader_use(struct reader *r, rd_kafka_queue_t *queue)
{
	r->inbox.queue = queue;
}

/* Each kind of fault has its line; where in a record it lies makes no kind. */
static struct log_limit *limit_of(struct reader *r, const char *why)
{
	struct reader_skipped *k = r->kinds;
	char kind[READER_KIND_SIZE];

	snprintf(kind, sizeof(kind), "%.*s", (int)strcspn(why, ":(0123456789"), why);
	while (k < &r->kinds[READER_KINDS - 1] && *k->kind && strcmp(k->kind, kind) != 0)
		k++;
	if (!*k->kind)
		memcpy(k->kind, kind, sizeof(kind));
	return &k->limit;
}

static void skip(struct reader *r, const rd_kafka_message_t *msg, const char *why)
{
	uint64_t more;

	r->skipped++;
	if (!log_limit_pass(limit_of(r, why), LOG_INTERVAL_S, &more))
		return;
	log_warn("skipped a record that is not a packet: %s (topic %s, partition %" PRId32
		 ", offset %" PRId64 "); %" PRIu64 " skipped so far",
		 why, rd_kafka_topic_name(msg->rkt), msg->partition, msg->offset, r->skipped);
}

/* Reading goes on at the message's offset: what lies before it is not waited for any more. */
static void go_to(struct reader *r, struct partition *p, const rd_kafka_message_t *msg)
{
	if (msg->offset == p->next || p->next < 0)
		return;
	r->gone += (uint64_t)gaps_log_jump(r->opt.rk, msg, p->next, partition_sure_end(p));
	p->next = msg->offset;
}

/* Once, when it is known of each that may be one of them. */
static void tell_passed(struct reader *r, const rd_kafka_message_t *msg)
{
	const struct partitions *ps = r->partitions;

	if (!r->passed.n || r->passed_told)
		return;
	for (int32_t i = 0; i < ps->n; i++)
		if (ps->all[i].passed && !ps->all[i].done)
			return;
	r->passed_told = true;
	range_log_passed(rd_kafka_topic_name(msg->rkt), &r->passed);
}

static void end(struct reader *r, struct partition *p, const rd_kafka_message_t *msg)
{
	assignment_done(r->opt.assignment, p);
	if (p->passed)
		tell_passed(r, msg);
}

/* What a transaction left behind the last record has no other sign that it was passed. */
static void take_end(struct reader *r, struct partition *p, const rd_kafka_message_t *msg)
{
	if (msg->offset > p->next)
		go_to(r, p, msg);
	if (msg->offset >= p->end)
		end(r, p, msg);
}

static void take_error(struct reader *r, const rd_kafka_message_t *msg)
{
	struct partition *p = partitions_find(r->partitions, msg->partition);

	r->opt.on_error(r->opt.ctx, msg);
	if (msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && p)
		take_end(r, p, msg);
}

static void forget_taken(struct reader *r)
{
	r->taken = 0;
	r->inside = false;
}

/* A record that was not taken whole is decoded again: what was taken of it is passed over. */
static int give(void *ctx, const struct packet *pkt)
{
	struct reader *r = ctx;
	int err;

	if (r->given++ < r->taken)
		return 0;
	if (r->stopped)
		return E_STOPPED;
	if (time_range_has(&r->opt.range, pkt->time_us)) {
		err = r->opt.take(r->opt.take_ctx, pkt);
		if (err)
			return err;
		r->inside = true;
	}
	r->taken++;
	return 0;
}

static int give_block(void *ctx, const struct block *b)
{
	struct reader *r = ctx;
	int err;

	if (!r->opt.take_block || r->taken) /* of a part of it, nobody knows which packets */
		return BLOCK_E_EACH;
	err = r->opt.take_block(r->opt.take_ctx, b);
	if (!err)
		r->inside = true;
	return err;
}

/* The record that ends the range is the first of it, and no block that begins before its end. */
static void note_passed(struct reader *r, const struct partition *p, const rd_kafka_message_t *msg)
{
	struct range_passed *passed = &r->passed;
	rd_kafka_timestamp_type_t type;

	if (!p->passed || msg->offset != p->start || r->inside)
		return;
	if (!passed->n++ || msg->partition < passed->id) {
		passed->id = msg->partition;
		passed->offset = msg->offset;
		passed->time_ms = rd_kafka_message_timestamp(msg, &type);
	}
}

/* Returns what downstream returned. */
static int take_record(struct reader *r, struct partition *p, const rd_kafka_message_t *msg)
{
	char why[RECORD_DECODE_WHY_SIZE];
	int err;

	r->current = msg;
	r->given = 0;
	err = record_decode_whole(msg, give, give_block, r, why);
	if (err)
		return err;
	if (*why)
		skip(r, msg, why);
	if (*why || r->inside)
		r->read++;
	else if (msg->offset < partition_sure_end(p))
		r->outside++;
	note_passed(r, p, msg);
	p->next = msg->offset + 1;
	if (p->next >= p->end)
		end(r, p, msg);
	return 0;
}

/* Returns 0 when the message is done with. */
static int take_message(struct reader *r, const rd_kafka_message_t *msg)
{
	struct partition *p;

	if (msg->err) {
		take_error(r, msg);
		return 0;
	}
	p = partitions_find(r->partitions, msg->partition);
	if (!p || !p->assigned)
		return 0;
	go_to(r, p, msg);
	if (msg->offset >= p->end) {
		end(r, p, msg);
		return 0;
	}
	return take_record(r, p, msg);
}

int reader_run(struct reader *r, bool *more)
{
	size_t bytes = 0;

	*more = !inbox_is_empty(&r->inbox) || inbox_fetch(&r->inbox) == INBOX_BATCH;
	while (!inbox_is_empty(&r->inbox) && !r->stopped && bytes < BYTES_AT_ONCE) {
		const rd_kafka_message_t *msg = inbox_first(&r->inbox);
		int err = msg ? take_message(r, msg) : 0;

		if (err)
			return err == E_STOPPED ? 0 : err;
		bytes += msg ? msg->len : 0;
		inbox_pop(&r->inbox);
		forget_taken(r);
	}
	*more |= !inbox_is_empty(&r->inbox);
	return 0;
}

void reader_poll(struct reader *r)
{
	inbox_fetch(&r->inbox);
}

void reader_stop(struct reader *r)
{
	r->stopped = true;
}

void reader_revoke(struct reader *r)
{
	inbox_revoke(&r->inbox, r->partitions);
}

bool reader_is_empty(const struct reader *r)
{
	return inbox_is_empty(&r->inbox);
}

void reader_origin(const struct reader *r, int32_t *partition, int64_t *offset)
{
	*partition = r->current->partition;
	*offset = r->current->offset;
}

void reader_clear(struct reader *r)
{
	inbox_clear(&r->inbox);
	forget_taken(r);
}

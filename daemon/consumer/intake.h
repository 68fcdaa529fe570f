/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages out of librdkafka's queues, as packets downstream: as they come, or in order of time.
 *
 * As they come: reorder = 0 of a live read. In order, held for a moment: a live read; a member of
 * a group too, also with exit-at-end, as its partitions come and go. In order, merged: any other
 * read that ends; each partition then has a queue of its own, so that one that is ahead in time
 * waits in Kafka and not in our memory.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "consumer/order.h"
#include "consumer/reader.h"
#include "kafka/kafka.h"
#include "packet/packet.h"

struct assignment;

struct intake_options {
	struct ev_loop *loop;
	const struct config *cfg;      /* borrowed, as all that follows */
	struct kafka *kafka;           /* which watches `queue` */
	rd_kafka_queue_t *queue;       /* the consumer queue */
	struct assignment *assignment; /* told of partitions that are taken to their end */
	packet_fn judge;     /* of each packet, before it waits; INTAKE_E_LEFT_OUT; may be NULL */
	packet_fn take;      /* also of those left out that tell of losses (packet.h) */
	block_fn take_block; /* a block whose packets are not looked at before; may be NULL */
	void *take_ctx;
	/* As reader.h has it. */
	void (*on_error)(void *ctx, const rd_kafka_message_t *msg);
	/* What waited may go on: intake_give(). */
	void (*on_due)(void *ctx);
	/* Downstream or memory failed; `why` in words. */
	void (*on_failed)(void *ctx, const char *why);
	void *ctx;
};

#define INTAKE_E_LEFT_OUT 2

/* Part of a struct consumer, zeroed at first; private. */
struct intake {
	struct intake_options opt;
	struct reader reader;
	struct order *order;       /* NULL: as they come */
	rd_kafka_queue_t **queues; /* merged: by partition; NULL: not open */
	int32_t n_queues;
	bool merged;
	struct order_counts counts; /* of an order that is gone */
	uint64_t waited;            /* what it held then */
	ev_timer nudge;
	int32_t nudged; /* the partition that was asked for last */
};

/* Each partition is read from a queue of its own. */
bool intake_is_merged(const struct config *cfg);

/* 0 or -ENOMEM. */
int intake_init(struct intake *in, const struct intake_options *opt);

/* Merged: the partition is about to be assigned. */
void intake_open(struct intake *in, int32_t partition);

/*
 * Takes what waits, and a batch more. Returns 0, or what take() or judge() returned: that packet
 * waits, with those behind it. *more: there may be another batch.
 */
int intake_run(struct intake *in, bool *more);
/* Fetches nothing, and gives what is due; as above. */
int intake_give(struct intake *in);
/* Gives all that is here, whatever its turn; as above. */
int intake_drain(struct intake *in);

/* There is room again downstream. */
void intake_resume(struct intake *in);
/* Polls, so as to stay a member of the group, and takes nothing. */
void intake_poll(struct intake *in);
/* Nothing is taken any more; legal from within take(). */
void intake_stop(struct intake *in);

/* Partitions were lost: drops what waits of them. */
void intake_revoke(struct intake *in);
/* Notes in each partition what waits of it (struct partition). */
void intake_mark(struct intake *in);

/* Packets that went on after younger ones. */
void intake_counts(const struct intake *in, struct order_counts *out);
/* Nothing waits. */
bool intake_is_empty(const struct intake *in);
/* Packets that wait for their turn, or did when they were dropped. */
uint64_t intake_waiting(const struct intake *in);
/* Where in the topic the packet that take() is looking at comes from. */
void intake_origin(const struct intake *in, int32_t *partition, int64_t *offset);

/* Drops what waits and lets go of the queues. Legal on one that was zeroed. */
void intake_clear(struct intake *in);

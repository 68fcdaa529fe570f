/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of a consumer queue into packets: each record once, in the order they come, those that
 * are no packet of ours counted and left out. A record can hold any number of packets, and counts
 * as read when all of them are taken.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "config/time_range.h"
#include "consumer/inbox.h"
#include "consumer/range_log.h"
#include "packet/block.h"
#include "packet/packet.h"

struct assignment;

struct reader_options {
	rd_kafka_queue_t *queue; /* borrowed */
	rd_kafka_t *rk;          /* borrowed */
	struct assignment
		*assignment;     /* borrowed; told of partitions that are taken to their end */
	struct time_range range; /* packets of another time are left out */
	packet_fn take;
	block_fn take_block; /* all packets of a block, whatever their time; may be NULL */
	void *take_ctx;
	/* A message that carries an error instead of a record, the end of a partition too. */
	void (*on_error)(void *ctx, const rd_kafka_message_t *msg);
	void *ctx;
};

#define READER_KINDS     8
#define READER_KIND_SIZE 24

/* A kind of record that is skipped, by what its reason begins with. */
struct reader_skipped {
	char kind[READER_KIND_SIZE]; /* "": none yet */
	struct log_limit limit;
};

/* Part of a struct consumer; all but the counts is private. */
struct reader {
	struct reader_options opt;
	const struct partitions *partitions;
	struct inbox inbox;
	const rd_kafka_message_t *current; /* whose packets take() is looking at */
	uint32_t given;                    /* of its packets: those that were decoded, this time */
	uint32_t taken;                    /* of its packets: those that are done with */
	bool inside;                       /* one of those was within the range of time */
	bool stopped;
	bool passed_told;
	struct range_passed passed; /* partitions that hold nothing of the range */
	uint64_t read;              /* records, within the asked-for range */
	uint64_t skipped;           /* of them, those that are none of ours */
	uint64_t outside;           /* records beside them: all their packets are of another time */
	uint64_t gone;              /* records that were deleted before they were read */
	struct reader_skipped kinds[READER_KINDS];
};

void reader_init(struct reader *r, const struct reader_options *opt);

/* Fetches from that queue of the client from now on. */
void reader_use(struct reader *r, rd_kafka_queue_t *queue);

/*
 * Takes what waits; else fetches a batch and takes that. Returns 0, or what take() returned: that
 * packet waits, with those behind it. *more: there may be another batch.
 */
int reader_run(struct reader *r, bool *more);

/* Polls, so as to stay a member of the group, and takes nothing. */
void reader_poll(struct reader *r);

/* Nothing is taken any more; legal from within take(). */
void reader_stop(struct reader *r);

/* Partitions were lost: drops what waits of them. */
void reader_revoke(struct reader *r);

bool reader_is_empty(const struct reader *r);
/* Where in the topic the packet that take() is looking at comes from. */
void reader_origin(const struct reader *r, int32_t *partition, int64_t *offset);

/* Drops what waits. Legal on one that was zeroed and never initialised. */
void reader_clear(struct reader *r);

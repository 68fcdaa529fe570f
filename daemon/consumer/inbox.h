/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages fetched from librdkafka's consumer queue, a batch at a time, and not yet taken.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#include "consumer/partitions.h"

#define INBOX_BATCH 1024

/* Embedded in its owner; zeroed but for the queue. Fields are private. */
struct inbox {
	rd_kafka_queue_t *queue; /* borrowed */
	size_t first, end;       /* what is there is messages[first] to messages[end - 1] */
	rd_kafka_message_t *messages[2 * INBOX_BATCH]; /* a NULL was revoked */
};

static inline bool inbox_is_empty(const struct inbox *in)
{
	return in->first == in->end;
}

/* The first message; NULL when it was revoked. The inbox must not be empty. */
static inline rd_kafka_message_t *inbox_first(const struct inbox *in)
{
	return in->messages[in->first];
}

/* The first message is done with. */
static inline void inbox_pop(struct inbox *in)
{
	if (in->messages[in->first])
		rd_kafka_message_destroy(in->messages[in->first]);
	in->first++;
}

/*
 * Fetches up to INBOX_BATCH messages behind those that are there, without waiting; none when
 * there are more than that already. Serves the queue's callbacks. Returns how many came.
 */
size_t inbox_fetch(struct inbox *in);

/* Drops the messages of partitions that are no longer assigned. */
void inbox_revoke(struct inbox *in, const struct partitions *ps);

/* Drops everything. */
void inbox_clear(struct inbox *in);

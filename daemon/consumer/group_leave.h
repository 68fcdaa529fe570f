/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a consumer leaves its group: the group is told, and the rebalance that takes the partitions
 * away is answered.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct group_leave_options {
	struct ev_loop *loop;
	rd_kafka_t *rk; /* borrowed until group_leave_stop() */
	bool member;    /* else there is nothing to leave */
	/* Calls are still on their way that must come before. */
	bool (*is_busy)(void *ctx);
	void (*on_rebalance)(void *ctx, rd_kafka_resp_err_t err,
			     rd_kafka_topic_partition_list_t *list);
	/* It has left; may free the client. */
	void (*on_left)(void *ctx);
	void *ctx;
};

/* Part of a struct consumer, zeroed at first; private. */
struct group_leave {
	struct group_leave_options opt;
	ev_timer tick;
	rd_kafka_queue_t *queue;
};

/* on_left() comes from the loop, later. Once only. */
void group_leave_begin(struct group_leave *l, const struct group_leave_options *opt);

/* on_left() does not come any more. Legal on one that was zeroed. */
void group_leave_stop(struct group_leave *l);

/* Frees what it holds; to be called when the client is gone. Legal on one that was zeroed. */
void group_leave_clear(struct group_leave *l);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets come as they are read, and go on in order of time (merge.h).
 *
 * Of a read that ends, each partition is put in order as far as `reorder_ms` and the memory
 * allow, and a packet waits for all partitions. A live read cannot wait: a packet goes on once
 * `reorder_ms` have passed since it came, and those that are earlier go before it.
 *
 * Memory: ORDER_MEMORY less ORDER_MEMORY_LANE for each partition (which librdkafka takes, see
 * kafkaconf.c), but a sixth of it at least; live ORDER_MEMORY_LIVE. What does not fit goes on
 * early.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/partitions.h"
#include "packet/packet.h"

#define ORDER_MEMORY      ((size_t)96 << 20)
#define ORDER_MEMORY_LANE ((size_t)400 << 10)
#define ORDER_MEMORY_LIVE ((size_t)32 << 20)

struct order;

struct order_options {
	struct ev_loop *loop;
	bool live;
	uint32_t reorder_ms;
	packet_fn take;
	void *take_ctx;
	/* Live: what waited may go on: order_give(). */
	void (*on_due)(void *ctx);
	void *ctx;
};

struct order_counts {
	uint64_t late;    /* packets that went on after younger ones */
	uint64_t late_ns; /* by how much, at most */
	bool full;        /* live: memory made some go on early */
};

/* 0 or -ENOMEM. */
int order_new(struct order **out, const struct order_options *opt);

/* As merge.h has them. */
int order_open(struct order *o, int32_t id);
void order_end(struct order *o, int32_t id);
bool order_wants(const struct order *o, int32_t id);

/* Takes a copy. 0 or -ENOMEM. */
int order_push(struct order *o, int32_t id, const struct packet *pkt, int64_t offset);

/*
 * Gives what may go on to take(), `most` packets at most. Returns 0, or what take() returned: that
 * packet goes next. *given: how many were taken.
 */
int order_give(struct order *o, size_t most, size_t *given);
/* The same for all that is here, now. */
int order_drain(struct order *o);
/* Live: there is room again: on_due() follows, if anything waits. */
void order_resume(struct order *o);

/* Gives nothing any more; legal from within take(). */
void order_stop(struct order *o);

void order_counts(const struct order *o, struct order_counts *out);

/* NULL is legal from here on: nothing is put in order. */

/* Packets that wait. */
uint64_t order_count(const struct order *o);
/* Notes in each partition where it would have to be read again for those. */
void order_mark(const struct order *o, const struct partitions *ps);
/* Drops those of partitions that are no longer assigned. */
void order_revoke(struct order *o, const struct partitions *ps);
/* Where in the topic the packet that take() is looking at comes from. */
void order_origin(const struct order *o, int32_t *partition, int64_t *offset);
void order_free(struct order *o);

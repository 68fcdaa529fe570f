/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a consumer is given, and what it counts.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "consumer/position.h"
#include "packet/block.h"
#include "packet/packet.h"

struct consumer;
struct kafkalog;

struct consumer_options {
	struct ev_loop *loop;
	const struct config *cfg;               /* kept: what it reads by costs a new client */
	const struct consumer_position *resume; /* borrowed for the call; may be NULL */
	size_t n_resume;
	struct kafkalog *log; /* shared with the consumer that this one is to replace */
	bool many;            /* a read that ends: its client is made for many partitions */
	char *why;            /* where it is told that the settings are refused; NULL: logged */
	size_t why_size;

	/*
	 * Each packet as it comes, if not NULL: 0, INTAKE_E_LEFT_OUT (intake.h), or PACKET_E_FULL,
	 * as for take().
	 */
	packet_fn judge;
	/* Each packet in its turn, and of those that were left out each that tells of losses
	 * (packet.h, left_out). PACKET_E_FULL: consumer_resume() will be called when there is room.
	 */
	packet_fn take;
	/* In place of take(), if not NULL: a block as it comes, where it need not be put in order,
	 * judged or cut to a range. */
	block_fn take_block;
	/*
	 * A batch is over: write what was taken, as far as that does not block. Returns true when
	 * all that was ever taken is written. It may call consumer_stop().
	 */
	bool (*flush)(void *ctx);
	/*
	 * If not NULL: that it is written does not make it safe, as in a file that has no name yet.
	 * Returns whether all that was ever taken is safe.
	 */
	bool (*is_safe)(void *ctx);
	/*
	 * With is_safe(): the group takes partitions, which wait for what was taken of them. Ends
	 * what is being written, whatever its time; returns whether consumer_kept() follows.
	 */
	bool (*secure)(void *ctx);
	/* With is_safe(): what was given the group to commit is answered, however. */
	void (*on_committed)(void *ctx);
	/*
	 * All was taken that was asked for: with cfg->exit_at_end, of the topic as it was at the
	 * start; with a range that ended ahead, of the topic as it was when the clock had passed
	 * it.
	 */
	void (*on_end)(void *ctx);
	/*
	 * A read that ends has more partitions than its client is made for (kafkaconf.h), and has
	 * stopped, before anything was read: another is to go on, with `many`.
	 */
	void (*on_many)(void *ctx);
	/* Kafka will never give more; `why` is for the last line. */
	void (*on_failed)(void *ctx, const char *why);
	/* What the consumer is doing, for STATUS=. */
	void (*on_state)(void *ctx, const char *text);
	/* consumer_close() is done; the consumer may be freed from within. */
	void (*on_closed)(void *ctx, struct consumer *c);
	void *ctx;
};

struct consumer_counts {
	uint64_t read;    /* records, within the asked-for range */
	uint64_t skipped; /* of them, those that are no packet of ours */
	uint64_t outside; /* records beside them: of another time than was asked for */
	uint64_t late;    /* packets that were taken after younger ones */
	uint64_t late_ns; /* by how much, at most */
	bool full;        /* of memory, which made packets of a live read go on early */
	uint64_t gone;    /* records that were deleted before they were read, up to the end */
};

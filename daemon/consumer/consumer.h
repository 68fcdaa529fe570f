/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka → packets: which partitions, from which offset, to which end; and at whose pace.
 *
 * Without a group (the default) all partitions of the topic are assigned, those that are added
 * later too. With kafka-offset = stored the consumer joins its group instead, and
 * commits what was written. Packets of one partition come in the order of their offsets.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "consumer/position.h"
#include "packet/packet.h"

struct consumer;
struct kafkalog;

struct consumer_options {
	struct ev_loop *loop;
	const struct config *cfg;               /* kept: what it reads by costs a new client */
	const struct consumer_position *resume; /* borrowed for the call; may be NULL */
	size_t n_resume;
	struct kafkalog *log; /* shared with the consumer that this one is to replace */
	char *why;            /* where it is told that the settings are refused; NULL: logged */
	size_t why_size;

	/* Each packet. PACKET_E_FULL: consumer_resume() will be called when there is room. */
	packet_fn take;
	/*
	 * A batch is over: write what was taken, as far as that does not block. Returns true when
	 * all that was ever taken is written. It may call consumer_stop().
	 */
	bool (*flush)(void *ctx);
	/*
	 * All was taken that was asked for: with cfg->exit_at_end, of the topic as it was at the
	 * start; with a range that ended ahead, of the topic as it was when the clock had passed
	 * it.
	 */
	void (*on_end)(void *ctx);
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
	uint64_t gone;    /* records that were deleted before they were read, up to the end */
};

/* Makes the client. No broker need be there. 0, -ENOPROTOOPT (wrong settings) or -errno (logged).
 */
int consumer_new(struct consumer **out, const struct consumer_options *opt);

/* Where in the topic the packet that take() is looking at comes from. */
void consumer_origin(const struct consumer *c, int32_t *partition, int64_t *offset);

/* There is room again, after PACKET_E_FULL. */
void consumer_resume(struct consumer *c);

/* No packet is taken any more. Legal from within take() and flush(). Idempotent. */
void consumer_stop(struct consumer *c);
/* Stops, commits, leaves the group without blocking; on_closed follows from the loop. */
void consumer_close(struct consumer *c);

void consumer_counts(const struct consumer *c, struct consumer_counts *out);
/* Records behind the ends of the partitions as last heard; -1 when nothing was heard yet. */
int64_t consumer_lag(const struct consumer *c);
/* Records that are left to read up to the end that on_end() tells of; -1: not known. */
int64_t consumer_left(const struct consumer *c);
/* Moves while all is well or packets come. */
uint64_t consumer_progress(const struct consumer *c);
/* What it waits for, in words. */
void consumer_waiting_for(const struct consumer *c, char *buf, size_t size);

/*
 * Where another consumer would go on after the last packet taken. Returns how many partitions
 * there are, none when the group knows (all that was taken is written, and will be committed by
 * consumer_close()); `*out` is malloc()ed, or NULL. Negative errno.
 */
int consumer_positions(struct consumer *c, struct consumer_position **out);

/*
 * Waits at most about `wait_ms` for what hangs. The client then goes when it can: the last call
 * that uses it takes it along. NULL is legal.
 */
void consumer_free(struct consumer *c, unsigned int wait_ms);

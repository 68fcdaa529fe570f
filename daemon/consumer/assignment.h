/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which partitions a consumer reads, from where to where.
 *
 * Without a group, all those that the look-ups find, from the offsets they give. With one, those
 * that the group assigns, from what is committed there; offsets of what was written are stored,
 * and committed by librdkafka from time to time.
 *
 * What waits for librdkafka's main thread is a job: the functions here return at once, and what
 * they asked for is in force later, in the order it was asked for.
 *	A partition counts as ours from when it is asked for or given by the group; its messages
 *	come once librdkafka has been told.
 *	A partition that the group takes is not ours from its callback on: what comes of it until
 *	librdkafka has been told is dropped. What was written of it is stored before.
 *	While a pause is on its way, nobody may fetch (assignment_is_pausing()); of a pause and its
 *	end that follow each other only the last counts.
 *	An error is told by on_failed(), later too.
 *	Jobs that have not begun by assignment_free() never do.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "consumer/partitions.h"
#include "consumer/position.h"

struct assignment;
struct kafkastats;

struct assignment_options {
	struct ev_loop *loop;
	const struct config *cfg; /* borrowed until assignment_free() */
	rd_kafka_t *rk;           /* borrowed until assignment_free() says it is gone */
	const struct consumer_position *resume; /* copied; start here instead of by cfg->start */
	size_t n_resume;

	/* Without a group: the partition is going to be read. */
	void (*on_assigning)(void *ctx, int32_t partition);
	/* Partitions came, went, or are in trouble. */
	void (*on_change)(void *ctx);
	/* Partitions are about to go: write what can be written, and store it. */
	void (*on_losing)(void *ctx);
	/* They are gone: their messages are somebody else's now. */
	void (*on_lost)(void *ctx);
	/* Partitions were paused, or flow again; assignment_is_pausing() may have changed. */
	void (*on_flow)(void *ctx);
	/* It cannot work at all (logged); `why` in words. */
	void (*on_failed)(void *ctx, const char *why);
	void *ctx;
};

/* Starts to look. Returns 0 or -errno (logged). */
int assignment_new(struct assignment **out, const struct assignment_options *opt);

/* The partitions that it knows of; the pointer is good as long as the assignment. */
const struct partitions *assignment_partitions(const struct assignment *a);

/* The partition was taken up to its end: it is fetched no more. */
void assignment_done(struct assignment *a, struct partition *p);
/*
 * A range of time is over: looks up where each partition ends, so that the read ends as a bounded
 * one does. on_change() tells of it.
 */
void assignment_close(struct assignment *a);
/* All was taken that cfg->exit_at_end, or a range that is over, asks for. */
bool assignment_ended(const struct assignment *a);
/* As consumer_left(). */
int64_t assignment_left(const struct assignment *a);

/* Stops and restarts the flow of all partitions; those that come meanwhile are stopped too. */
void assignment_pause(struct assignment *a, bool pause);
bool assignment_is_paused(const struct assignment *a);
/* Nothing may be fetched just now: it could be lost. on_flow() tells of the end. */
bool assignment_is_pausing(const struct assignment *a);
/* Something that was asked for is not in force yet. */
bool assignment_is_busy(const struct assignment *a);

/*
 * Wakes librdkafka's thread for the broker of a partition, by a question that goes there; not while
 * another call is on its way.
 */
void assignment_nudge(struct assignment *a, int32_t partition);

/* Everything taken so far is written, but for what waits (struct partition): tells the group, if
 * there is one. */
void assignment_store(struct assignment *a);

/* For kafka_options.on_rebalance, and the events of a closing client. */
void assignment_rebalance(struct assignment *a, rd_kafka_resp_err_t err,
			  rd_kafka_topic_partition_list_t *list);

/* Looks for nothing any more. */
void assignment_stop(struct assignment *a);

/* True once it is a member of a group, or on its way to be one. */
bool assignment_has_subscribed(const struct assignment *a);
/* True when it knows what to read. */
bool assignment_is_known(const struct assignment *a);
/* What is wrong with the topic; 0: nothing. */
rd_kafka_resp_err_t assignment_trouble(const struct assignment *a);
/* How many partitions are read. */
int assignment_count(const struct assignment *a);
/* Moves with each partition that is found. */
uint64_t assignment_progress(const struct assignment *a);
/* As consumer_lag() and consumer_positions(). */
int64_t assignment_lag(const struct assignment *a, const struct kafkastats *stats);
int assignment_positions(const struct assignment *a, struct consumer_position **out);

/*
 * Returns true when the client is no longer used; false: a call still does, and gone(arg) is called
 * on a thread once it has ended. NULL is legal (true).
 */
bool assignment_free(struct assignment *a, unsigned int wait_ms, void (*gone)(void *arg),
		     void *arg);

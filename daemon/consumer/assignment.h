/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which partitions a consumer reads, from where to where.
 *
 * Without a group, all those that the look-ups find, from the offsets they give. With one, those
 * that the group assigns, from what is committed there; offsets of what was written are stored,
 * and committed by librdkafka from time to time; or, where being written does not make it safe,
 * they are committed when it is.
 *
 * What waits for librdkafka's main thread is a job: the functions here return at once, and what
 * they asked for is in force later, in the order it was asked for.
 *	A partition counts as ours from when it is asked for or given by the group; its messages
 *	come once librdkafka has been told.
 *	A partition that the group takes is not ours from its callback on: what comes of it until
 *	librdkafka has been told is dropped. What was written of it is stored before; what is to
 *	become safe first is waited for, and the group with it.
 *	While a pause is on its way, nobody may fetch (assignment_is_pausing()); of a pause and its
 *	end that follow each other only the last counts.
 *	An error is told by on_failed(), later too.
 *	Jobs that have not begun by assignment_free() never do.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/assignment_options.h"
#include "consumer/partitions.h"
#include "consumer/position.h"

struct assignment;
struct kafkastats;

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

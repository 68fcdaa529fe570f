/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of an assignment, for its own files: assignment.c is its life and what the look-ups
 * find, assignment_group.c what a group gives and takes; below them, the state and its calls.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/worker.h"
#include "consumer/assignment_options.h"
#include "consumer/consumer_calls.h"
#include "consumer/offset_lookup.h"
#include "consumer/partitions.h"
#include "consumer/pause.h"
#include "consumer/position.h"
#include "consumer/topic_clock.h"

struct assignment {
	struct assignment_options opt;
	char *topic; /* outlives the settings it came from, as a closing client does */
	struct positions resume;
	struct offset_lookup *lookup;
	struct worker *worker; /* consumer_calls, all of them */
	struct partitions partitions;
	struct pause pause;
	rd_kafka_topic_partition_list_t *going; /* librdkafka is told when they are safe; NULL */
	bool group;
	bool refused;                /* the last commit was */
	bool complete;               /* all partitions there are, are known */
	bool closed;                 /* a range is over, and where it ends in each is known */
	bool subscribed;             /* group: asked to join */
	bool joined;                 /* group: has been assigned something, or nothing */
	rd_kafka_resp_err_t trouble; /* what the last look-up said */
	enum topic_clock clock;      /* with a range of time */
	uint64_t found;              /* partitions, over all look-ups */
};

/* It cannot go on: says so. */
void assignment_fail(struct assignment *a, const char *what, const char *why);

/* As worker.h has it: a call could not be given. `ctx` is the assignment. */
void assignment_not_given(void *ctx, int r);

/* A call for librdkafka. `list` is handed over; what librdkafka says comes to `done`. */
void assignment_give(struct assignment *a, enum consumer_calls_kind kind,
		     rd_kafka_topic_partition_list_t *list,
		     void (*done)(void *ctx, const struct consumer_calls *call));

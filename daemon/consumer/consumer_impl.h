/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a consumer, for its own files: consumer.c is its life, consumer_flow.c at whose
 * pace it reads.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "consumer/assignment.h"
#include "consumer/consumer_options.h"
#include "consumer/group_leave.h"
#include "consumer/intake.h"
#include "consumer/range_timers.h"
#include "consumer/trouble.h"
#include "kafka/kafka.h"

#define CONSUMER_TICK_SEC 1.0 /* how long a reader may stall before the partitions are paused */

struct consumer {
	struct consumer_options opt;
	struct kafka *k;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue; /* the consumer queue, as the reader has it */
	struct assignment *assignment;
	ev_timer tick;
	struct range_timers range;
	struct group_leave leave;
	bool group;

	struct intake intake;
	bool disconnected;
	bool blocked;  /* downstream is full */
	bool drained;  /* all that was taken is written */
	bool withheld; /* nothing is stored for the group to commit any more */
	bool stopped;
	bool ended;
	struct trouble trouble;
};

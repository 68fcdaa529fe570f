/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a producer's client, for its own files: outclient.c, its life, and below it
 * outclient_send.c, the way of packets and blocks to librdkafka.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "packet/flow.h"
#include "producer/first_batch.h"
#include "producer/outclient_options.h"
#include "producer/packet_message.h"

struct obstacle;
struct openblocks;

struct outclient {
	struct outclient_options opt;
	struct kafka *kafka;
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic; /* that of the settings */
	enum config_partition partition;
	struct flow_options flow;
	uint32_t sticky, sticky_left;
	const rd_kafka_message_t *last; /* as the interceptor saw it */
	struct packet_message msg;
	struct obstacle *obstacle; /* NULL: nothing was asked yet */

	struct openblocks *blocks;    /* NULL: a record is a packet */
	double block_time;            /* seconds */
	rd_kafka_topic_t *open_topic; /* of those that are open, */
	int open_other;               /* as outclient_item.other */
	rd_kafka_topic_t *asked;      /* has a packet that shows which partitions there are */
	bool asking;                  /* a packet waits for that */

	struct first_batch *firsts; /* of its client, whose threads use it */
	struct outclient_room room;
	bool ordered;   /* this client keeps the order within a partition */
	uint32_t large; /* packets of more bytes may be refused in company */
	ev_timer wait;  /* while a packet is held up */
	enum first_batch_verdict waits_for;
	bool waited[FIRST_BATCH_UNKNOWN +
		    1]; /* for that in vain: none is held up for it any more */
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a producer, for its own files: its state, and what these ask of it:
 * producer.c, its life and that of its clients, and below it producer_reports.c, what comes back
 * from them, and producer_send.c, the way of packets to Kafka.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "producer/delivery_ages.h"
#include "producer/outclient.h"
#include "producer/producer_options.h"
#include "producer/rejections.h"
#include "producer/retry_rules.h"

struct inflight;
struct kafkalog;
struct outtopics;
struct login_backoff;

enum producer_state { RUNNING, COLLECTING, RESENDING, ABANDONED };

struct producer {
	struct producer_options opt;
	const struct config *cfg;
	enum outclient_source source;

	struct outclient *client, *next; /* next: made by a reload, waits for its turn */
	struct outtopics *topics;        /* that of the settings, and what packets still wait for */
	int topic;                       /* the first of these, an index */
	enum producer_state state;
	bool blocked;  /* somebody was told PACKET_E_FULL */
	bool draining; /* producer_drain() was called */
	bool progressed;
	bool replacing; /* COLLECTING for a reload: the client may still deliver */
	bool delivers;  /* the client has delivered something, to the brokers of the settings */
	bool lost;      /* replacing: it has lost them, or they hang, since */
	ev_timer timer, soon;
	double not_before; /* COLLECTING: when the next client may come */
	double replaced;   /* replacing: since then */
	double give_up;    /* replacing: when what is in flight is taken back as well */
	double lost_until; /* lost: how long it may deliver nothing */

	struct kafkalog *log; /* these outlive the clients */
	struct login_backoff *pace;

	uint64_t outstanding;  /* packets with its client: in open blocks, or with librdkafka */
	uint64_t queued_bytes; /* of these and of what is kept */
	uint64_t untold;       /* losses for the next packet to tell (dropcount) */
	uint64_t seen;         /* replacing: counters.delivered at the last look */
	struct producer_counters counters;
	struct delivery_ages ages;
	struct inflight *inflight;
	struct retry_rules rules;
	struct rejections refusals;
	union packet_holder last_sent; /* only with a spool */
};

static inline bool producer_is_sending(const struct producer *p)
{
	return p->state == RUNNING || p->state == RESENDING;
}

uint64_t producer_queued(const struct producer *p);

/* False: with one more packet there would be more than a client's queue may hold. */
bool producer_has_room(const struct producer *p);

/* Has the timer run in the next round of the loop, after what else is due. */
void producer_wake(struct producer *p);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets into Kafka: in flight, backpressure, delivery counters, and what is to be sent again.
 *
 * Nothing fails for what time or an operator can mend. When Kafka refuses messages (no topic yet,
 * no permission, a client that declared itself dead), the producer takes no more, collects all
 * that was not delivered, makes the client anew, sends it again in the old order, and goes on.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "packet/packet.h"
#include "producer/inflight.h"

struct producer;
struct outclient;
struct refusals;
struct own;

struct producer_options {
	struct ev_loop *loop;
	const struct config *cfg; /* borrowed until producer_replace() */
	struct own *own;          /* may be NULL; borrowed */

	/* After PACKET_E_FULL: there is room again. */
	void (*on_room)(void *ctx);
	/* The connection to Kafka was lost or is there (again); logged already. May be NULL. */
	void (*on_connection)(void *ctx, bool connected);
	/* After producer_drain() or producer_abandon(): nothing is left inside. */
	void (*on_drained)(void *ctx);
	/*
	 * After producer_abandon(): one packet that was not delivered. `maybe` when Kafka may have
	 * it all the same (it was sent, and no answer came).
	 */
	void (*on_undelivered)(void *ctx, const struct packet *pkt, uint64_t seq, bool maybe);
	/*
	 * There is a spool: all packets with a sequence number below `seq` are settled. NULL: none,
	 * and producer_copy() is not called.
	 */
	void (*on_settled)(void *ctx, uint64_t seq);
	/* Kafka refused packets or lost its client: what is queued will be in memory for long. */
	void (*on_trouble)(void *ctx);
	void *ctx;
};

struct producer_counters {
	uint64_t sent;      /* taken by producer_send() */
	uint64_t delivered; /* acknowledged */
	uint64_t failed;    /* refused for good, each logged (rate-limited) */
	uint64_t doubled;   /* sent again though Kafka may have them */
	uint64_t queued;    /* neither yet */
};

/* 0, -ENOPROTOOPT (wrong settings) or -errno, logged. No broker need be there. */
int producer_new(struct producer **out, const struct producer_options *opt);

/*
 * Hands one packet to Kafka (copied). 0, or PACKET_E_FULL: not taken, wait for on_room.
 * Packets get sequence numbers from 0 in the order they are taken. What comes between two clients
 * is taken as well, as long as all that is queued is no more than a client's queue may hold.
 */
int producer_send(struct producer *p, const struct packet *pkt);

/* The same for a packet of the spool, which stays there until it is settled; with its topic. */
int producer_send_spooled(struct producer *p, const struct packet *pkt, const char *topic);

/*
 * Reload, first step: makes a client of the new settings; nothing else changes. The caller hands
 * it to producer_replace() or frees it. 0, or -errno with `why`.
 */
int producer_prepare(struct producer *p, const struct config *cfg, struct outclient **next,
		     char *why, size_t size);

/*
 * Second step, which cannot fail: takes `next` over. It sends once the old client has drained or
 * given back what it holds. That stays for the topic it was taken for, unless Kafka refuses that
 * topic now: then it goes to the new one. The old settings are not used any more.
 */
void producer_replace(struct producer *p, const struct config *cfg, struct outclient *next);

/* Reload: settings that need no new client; the old ones are not used any more. */
void producer_set_config(struct producer *p, const struct config *cfg);

/* What it has taken and Kafka has not settled: for copies of it. Borrowed. */
struct inflight *producer_inflight(struct producer *p);

/* The client's linger.ms, seconds. */
double producer_linger(const struct producer *p);

/* Sends what is queued without lingering; on_drained follows once it is all delivered. */
void producer_drain(struct producer *p);

/* Gives up on what is queued: each goes to on_undelivered, then on_drained. */
void producer_abandon(struct producer *p);

void producer_read_counters(const struct producer *p, struct producer_counters *out);

/* The longest answer of a broker since the last call, microseconds; 0: none came. */
int64_t producer_take_rtt(struct producer *p);

/* The client in use, borrowed: a reload or a failure changes it. */
struct outclient *producer_client(const struct producer *p);

/* Waits at most some seconds for librdkafka's end. NULL is legal. */
void producer_free(struct producer *p);

/* True while a broker answers. */
bool producer_is_connected(const struct producer *p);

/* What Kafka refused. Borrowed. */
const struct refusals *producer_refusals(const struct producer *p);

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

#include "config.h"
#include "packet.h"

struct producer;
struct kafka;
struct own;

struct producer_options {
	struct ev_loop *loop;
	const struct config *cfg; /* borrowed until producer_replace() */
	struct own *own;          /* may be NULL; borrowed */

	/* After PACKET_E_FULL: there is room again. */
	void (*on_room)(void *ctx);
	/* After producer_drain() or producer_abandon(): nothing is left inside. */
	void (*on_drained)(void *ctx);
	/*
	 * After producer_abandon(): one packet that was not delivered. `maybe` when Kafka may have
	 * it all the same (it was sent, and no answer came).
	 */
	void (*on_undelivered)(void *ctx, const struct packet *pkt, uint64_t seq, bool maybe);
	/*
	 * From producer_give_back(): a packet that was queued, in order. 0: taken back for good;
	 * PACKET_E_FULL: not yet; else the producer keeps it and those behind it, and sends them
	 * again first. NULL: keeps all.
	 */
	int (*on_withdrawn)(void *ctx, const struct packet *pkt, uint64_t seq);
	/* All packets with a sequence number below `seq` are settled. NULL: not tracked. */
	void (*on_settled)(void *ctx, uint64_t seq);
	void *ctx;
};

struct producer_counters {
	uint64_t sent;      /* taken by producer_send() */
	uint64_t delivered; /* acknowledged */
	uint64_t failed;    /* refused for good, each logged (rate-limited) */
	uint64_t doubled;   /* sent again though Kafka may have them */
	uint64_t queued;    /* neither yet */
};

/* 0, -EINVAL (bad configuration, logged) or -errno. No broker need be there. */
int producer_new(struct producer **out, const struct producer_options *opt);

/*
 * Hands one packet to Kafka (copied). 0, or PACKET_E_FULL: not taken, wait for on_room.
 * Packets get sequence numbers from 0 in the order they are taken.
 */
int producer_send(struct producer *p, const struct packet *pkt);

/* The same for a topic of its own, for what an earlier run or setting left in the spool. */
int producer_send_to(struct producer *p, const struct packet *pkt, const char *topic);

/* The sequence number that the next packet will get. */
uint64_t producer_next_seq(const struct producer *p);

/*
 * Reload, first step: makes a client of the new settings; nothing else changes. The caller hands
 * it to producer_replace() or frees it. 0, or -errno with `why`.
 */
int producer_prepare(struct producer *p, const struct config *cfg, struct kafka **next, char *why,
		     size_t size);

/*
 * Second step, which cannot fail: takes `next` over. It sends once the old client has drained, and
 * until then producer_send() says PACKET_E_FULL. The old settings are not used any more.
 */
void producer_replace(struct producer *p, const struct config *cfg, struct kafka *next);

/* Reload: settings that need no new client; the old ones are not used any more. */
void producer_set_config(struct producer *p, const struct config *cfg);

/*
 * Takes back what Kafka does not take now: what is queued, within milliseconds; what was sent and
 * not answered stays. producer_give_back() is to follow a moment later. Until that is settled, and
 * as long as packets wait to be sent again, producer_send() says PACKET_E_FULL.
 */
void producer_withdraw(struct producer *p);

/* Hands out what was taken back. 0, or PACKET_E_FULL of on_withdrawn: to be called again. */
int producer_give_back(struct producer *p);

/* True while packets are taken and a broker answers. */
bool producer_is_live(const struct producer *p);

/* Sends what is queued without lingering; on_drained follows once it is all delivered. */
void producer_drain(struct producer *p);

/* Gives up on what is queued: each goes to on_undelivered, then on_drained. */
void producer_abandon(struct producer *p);

void producer_read_counters(const struct producer *p, struct producer_counters *out);

/* The longest answer of a broker since the last call, microseconds; 0: none came. */
uint64_t producer_take_rtt(struct producer *p);

/* What keeps packets from being delivered, in words; "" when nothing is known to. */
void producer_waiting_for(const struct producer *p, char *buf, size_t size);

/* Waits at most some seconds for librdkafka's end. NULL is legal. */
void producer_free(struct producer *p);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a producer is given, and what it counts.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "packet/packet.h"

struct own_traffic;

struct producer_options {
	struct ev_loop *loop;
	const struct config *cfg; /* kept until producer_replace() */
	struct own_traffic *own;  /* may be NULL; borrowed */

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
	 * and what is in flight is not tracked.
	 */
	void (*on_settled)(void *ctx, uint64_t seq);
	/* Kafka refused packets or lost its client: what is queued will be in memory for long. */
	void (*on_trouble)(void *ctx);
	void *ctx;
};

struct producer_counters {
	uint64_t sent;         /* taken by producer_send() */
	uint64_t delivered;    /* acknowledged */
	uint64_t failed;       /* refused for good, each logged (rate-limited) */
	uint64_t doubled;      /* sent again though Kafka may have them */
	uint64_t queued;       /* neither yet */
	uint64_t queued_bytes; /* captured bytes of these */
};

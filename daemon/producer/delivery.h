/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is behind a producer's input: the relay with its spool, the producer, and what is to
 * be said of them. It makes them in order and joins their events.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "producer/producer.h"
#include "producer/relay.h"

struct delivery;
struct outclient;
struct own_traffic;

struct delivery_options {
	struct ev_loop *loop;
	const struct config *cfg; /* borrowed for the call */
	struct own_traffic *own;  /* may be NULL; borrowed */

	/* As those of relay_options and producer_options. */
	void (*on_room)(void *ctx);
	void (*on_emptied)(void *ctx);
	void (*on_drained)(void *ctx);
	/* A packet was given up. `kept`: it is in the spool; `maybe`: Kafka may have it. */
	void (*on_undelivered)(void *ctx, bool kept, bool maybe);
	/* delivery_describe() may say something else. */
	void (*on_change)(void *ctx);
	void *ctx;
};

/* 0, -EINVAL (bad configuration, logged) or -errno. */
int delivery_new(struct delivery **out, const struct delivery_options *opt);

/* Its parts: borrowed, and of its own life. */
struct relay *delivery_relay(const struct delivery *d);
struct producer *delivery_producer(const struct delivery *d);

/* A reload: new settings, with the client that producer_prepare() made of them, or NULL. */
void delivery_reload(struct delivery *d, const struct config *cfg, struct outclient *next);

/* Whether Kafka takes what there is. */
enum delivery_trouble {
	DELIVERY_WELL,
	DELIVERY_NO_BROKER, /* none answers */
	DELIVERY_NO_TOPIC,  /* one answers, and takes nothing */
};
enum delivery_trouble delivery_trouble(const struct delivery *d);

/* For STATUS=: "waiting for broker HOST:PORT", "waiting for topic TOPIC: REASON"; "": nothing. */
void delivery_describe(const struct delivery *d, char *buf, size_t size);
/* What keeps packets from being delivered, as far as that is known. */
void delivery_waiting_for(const struct delivery *d, char *buf, size_t size);

/*
 * For a stop, called again and again: true when waiting is of no use, as Kafka is out of reach or
 * has not answered for 2 s, and all that it has not got is on the spool's disk.
 */
bool delivery_may_leave(struct delivery *d);

/* NULL is legal. */
void delivery_free(struct delivery *d);

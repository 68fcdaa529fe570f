/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the topic keeps the times of a file that is read: asked of Kafka when the first packet is
 * not of now, and said before that is sent. An answer is waited for half a second, or 2 s when
 * Kafka is there; what comes later is said all the same.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>

#include "packet/packet.h"

struct config;
struct producer;
struct replay_check;

struct replay_check_options {
	struct ev_loop *loop;
	const struct config *cfg;   /* borrowed for the call */
	struct producer *producer;  /* borrowed until its end, or that of the check */
	void (*on_over)(void *ctx); /* after replay_check_holds(): packets may go */
	void *ctx;
};

/* 0 or -ENOMEM. */
int replay_check_new(struct replay_check **out, const struct replay_check_options *opt);

/* The next packet is not to be sent yet: on_over() will say when. */
bool replay_check_holds(struct replay_check *c, const struct packet *pkt);

/* After the producer is gone, which may have an answer for it. NULL is legal. */
void replay_check_free(struct replay_check *c);

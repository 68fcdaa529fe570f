/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capture for every client that connects (--listen, "pcap over IP").
 *
 * A client gets a capture of its own: the header, the packets from where it joined, each interface
 * (pcapng) before its first packet, and at the end what follows the last. One that is slow is cut
 * off (client.h), and holds up nobody.
 *
 * A read that starts at the end of the topic is live: it goes on at its own pace, and what nobody
 * is there for is gone. Any other read waits while nobody is connected, and goes at the pace of
 * the fastest client; one that then takes nothing for BROADCAST_PATIENCE_S, or a fifth longer, is
 * cut off. So it is at the end, when all are waited for.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "output/encoder.h"
#include "packet/packet.h"
#include "packet/pretty.h"

struct broadcast;

/* The most at a time; further ones are turned away. */
#define BROADCAST_CLIENTS_MAX 32

#define BROADCAST_PATIENCE_S 10

struct broadcast_options {
	struct ev_loop *loop;
	const struct config *cfg; /* kept until broadcast_free() */
	double patience_s;        /* 0: BROADCAST_PATIENCE_S */
	/* After a false of _has_room() or _flush(): it would be true now. */
	void (*on_drained)(void *ctx);
	void *ctx;
};

/* Listens where cfg->listen says. Returns 0 or -errno (logged). */
int broadcast_new(struct broadcast **out, const struct broadcast_options *opt);

/* Whether a packet can be put. Always, in a live read. */
bool broadcast_has_room(struct broadcast *b);
/*
 * Puts a packet. NULL: a client has it, or nobody is there; else the encoder of one of them, of
 * which none can hold it. `origin`: as of an encoder.
 */
const struct encoder *broadcast_put(struct broadcast *b, const struct packet *pkt,
				    const struct pretty_origin *origin);
/* Of a packet that is left out: what was lost before it the clients are told all the same. */
void broadcast_note_losses(struct broadcast *b, const struct packet *pkt);

/* Sends what can be sent. Returns true when nothing is to be waited for: in a live read always,
 * else when one client has all; after broadcast_finish() when all have. */
bool broadcast_flush(struct broadcast *b);

/* No packet comes any more: nobody can connect, and the clients get the end. */
void broadcast_finish(struct broadcast *b);

/* The reading waits for a client that takes what there is. */
bool broadcast_is_held(const struct broadcast *b);

unsigned int broadcast_clients(const struct broadcast *b);
/* How many were cut off. */
uint64_t broadcast_cut_off(const struct broadcast *b);

void broadcast_free(struct broadcast *b);

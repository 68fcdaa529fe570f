/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way from the input to the producer: straight, or through the spool while Kafka cannot take
 * it. Without a spool it is straight always, and a full producer stops the input.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "packet/packet.h"
#include "producer/producer.h"
#include "spool/spool.h"

struct relay;

struct relay_options {
	struct ev_loop *loop;
	const struct config *cfg;      /* kept until relay_reload() */
	void (*on_room)(void *ctx);    /* after PACKET_E_FULL */
	void (*on_emptied)(void *ctx); /* after relay_end(): the spool holds nothing unsent */
	void *ctx;
};

struct relay_counters {
	uint64_t recovered;       /* found in the spool at the start: of earlier runs */
	uint64_t spooled;         /* on disk, and not in the producer's hands */
	uint64_t dropped;         /* not on disk at the end, or in a file that was damaged */
	unsigned int unreadable;  /* files of the spool, with nobody knows how many packets */
	struct spool_usage usage; /* all 0 without a spool */
};

/* Opens the spool where the settings have one. 0 or -errno (logged). */
int relay_new(struct relay **out, const struct relay_options *opt);

/* The producer's events lead here; its counterpart is set once it exists. */
void relay_set_producer(struct relay *r, struct producer *producer);
void relay_on_room(struct relay *r);
void relay_on_settled(struct relay *r, uint64_t seq);
void relay_on_trouble(struct relay *r);

/*
 * Copies what is in the producer's hands alone to the spool. False: there is none, or it has not
 * got all of it (yet).
 */
bool relay_keep_all(struct relay *r);

/* All that the spool has taken is on disk. */
bool relay_is_written(const struct relay *r);

/*
 * Before producer_abandon(): has all that is in the producer's hands on disk. Returns how many
 * packets stay there that Kafka has, behind one that it has not: the next run sends them again.
 */
uint64_t relay_abandon(struct relay *r);
/* A packet that the producer gives up. True: it is in the spool; false: it is lost, to be counted.
 */
bool relay_on_undelivered(struct relay *r, uint64_t seq);

/* Takes a packet from the input (packet_fn). */
int relay_send(struct relay *r, const struct packet *pkt);

/*
 * The input has ended. `empty`: what is spooled is sent; else only for as long as some of it is in
 * memory alone, and the rest waits on disk. True: there is something to send, and on_emptied
 * follows.
 */
bool relay_end(struct relay *r, bool empty);

/* A reload; settings of the spool itself need a restart. */
void relay_reload(struct relay *r, const struct config *cfg);

bool relay_has_spool(const struct relay *r);
void relay_read_counters(const struct relay *r, struct relay_counters *out);

/* Writes all to disk; what could not be written is then in `dropped`. */
void relay_flush(struct relay *r);
void relay_free(struct relay *r);

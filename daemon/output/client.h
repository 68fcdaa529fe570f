/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client of a capture that is sent to many (broadcast.h): a connection and a capture of its
 * own, from the header to the end. What its socket does not take at once waits in memory, up to a
 * limit; nobody waits for it.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "output/encoder.h"
#include "packet/packet.h"
#include "packet/pretty.h"

struct client;

/* A client with more than this waiting, bytes, is too slow. */
#define CLIENT_BACKLOG_MAX ((size_t)32 * 1024 * 1024)

#define CLIENT_LOOKS 5

/* Packets were put, but this one not: its capture cannot hold it; client_encoder() says why. */
#define CLIENT_E_LEFT_OUT 1

enum client_state {
	CLIENT_SERVED,
	CLIENT_DONE,     /* it has all, to the end of the capture */
	CLIENT_LEFT,     /* it has closed the connection, or the network has */
	CLIENT_TOO_SLOW, /* more than CLIENT_BACKLOG_MAX waited */
	CLIENT_STUCK,    /* client_look() */
	CLIENT_NO_MEMORY,
};

struct client_options {
	struct ev_loop *loop;
	int fd;             /* that does not block; taken over, also when it fails */
	const char *name;   /* for messages; copied */
	struct encoder *to; /* taken over, also when it fails; NULL: no memory */
	/* A packet of the link type and precision to expect; NULL: not known, so that the header
	 * waits for the first packet, a moment. */
	const struct packet *like;
	/* Some of what waited is sent, or the state has changed. From the loop alone; frees the
	 * client if need be. */
	void (*on_event)(void *ctx);
	void *ctx;
};

/* 0 or -ENOMEM. */
int client_new(struct client **out, const struct client_options *opt);

const char *client_name(const struct client *c);
enum client_state client_state(const struct client *c);
const struct encoder *client_encoder(const struct client *c);
uint64_t client_packets(const struct client *c);
/* How many its capture cannot hold, and why the last of them. */
uint64_t client_left_out(const struct client *c, enum encoder_refusal *why);

/* Bytes that wait for it; not those of a header that waits for a packet. */
size_t client_waiting(const struct client *c);
/* client_put() would not find it too slow. */
bool client_has_room(const struct client *c);

/* Puts a packet, or changes the state. `origin`: as of an encoder. */
int client_put(struct client *c, const struct packet *pkt, const struct pretty_origin *origin);
/* Of a packet that is left out: what was lost before it. */
void client_note_losses(struct client *c, const struct packet *pkt);

/* Sends what its socket takes. */
void client_flush(struct client *c);
/* No packet comes any more: puts the end; CLIENT_DONE once all is sent. */
void client_finish(struct client *c);
/* From now on it is looked at, at equal intervals: CLIENT_STUCK when bytes wait, and none was taken
 * for CLIENT_LOOKS of them. */
void client_watch(struct client *c);
void client_look(struct client *c);

/* Closes the connection; what waits is lost. NULL is legal. */
void client_free(struct client *c);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP/1.1 server on the loop, by libmicrohttpd: it answers GET and HEAD, from memory, one
 * request a connection.
 *
 * Nobody can hold it up: there is a most of connections, a silent one is closed, and so is one that
 * has lasted too long, whatever it sends. Further ones wait in the kernel's backlog.
 */
#pragma once

#include <ev.h>
#include <stddef.h>

#include "config/listen_address.h"

/* The most at a time, unless told otherwise: each is a descriptor. */
#define HTTP_SERVER_CONNECTIONS 128

struct http_server;

struct http_answer {
	unsigned int status; /* 200, 404, 503, … */
	const char *type;    /* Content-Type, static */
	char *text;          /* from malloc(), taken over; NULL: the connection is closed */
	size_t len;
};

struct http_server_options {
	struct ev_loop *loop;
	struct listen_address address;
	unsigned int connections; /* 0: HTTP_SERVER_CONNECTIONS */
	unsigned int silence_s;   /* after that it is closed; 0: 2 */
	double lifetime_s;        /* a connection lasts no longer; 0: 5 */
	/* `accept`: the header, or NULL. */
	void (*on_get)(void *ctx, const char *path, const char *accept, struct http_answer *out);
	void *ctx;
};

/* Listens. 0, -EADDRINUSE, -EACCES, … (not logged). */
int http_server_new(struct http_server **out, const struct http_server_options *opt);

/* Closes all connections, and removes a UNIX socket. NULL is legal. */
void http_server_free(struct http_server *s);

/* The version of libmicrohttpd in use now. */
const char *http_server_library_version(void);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packets are this process's own talk with Kafka: the registry of its TCP connections.
 *
 * A capture that carries them would feed on itself: each record sent is captured and makes
 * another. librdkafka's threads register a socket before it connects, so that not even the SYN is
 * missed; the loop thread asks for every packet. A connection is forgotten a minute after it was
 * closed (2 MSL: its last segments may come late, and no other socket can have its ports).
 *
 * Instances that share an interface see each other's: members.h tells them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "packet/packet.h"

struct own_traffic;

#define OWN_TRAFFIC_MAX    1024 /* connections in the registry */
#define OWN_TRAFFIC_OTHERS 256  /* other processes */

struct own_endpoint {
	uint8_t addr[16]; /* IPv4 in the first 4 bytes, the rest 0 */
	uint16_t port;    /* host order; 0: unused */
};

/* A connection, as processes of one build tell each other. */
struct own_connection {
	struct own_endpoint local, remote;
	uint8_t v6, local_known; /* else the local address is the kernel's to choose */
};

/* Made with one reference. A client that takes long to end keeps one after all else is gone. */
int own_traffic_new(struct own_traffic **out);
void own_traffic_ref(struct own_traffic *o);   /* NULL is legal, as below */
void own_traffic_unref(struct own_traffic *o); /* any thread; the last one frees */

/*
 * connect(2) of a socket that is then known as ours. Any thread. Returns 0 or an errno value, as
 * librdkafka's connect_cb shall (EINPROGRESS counts as 0). A socket that cannot be registered is
 * connected all the same.
 */
int own_traffic_connect(struct own_traffic *o, int fd, const struct sockaddr *addr, socklen_t len);

/* close(2) of a socket; forgets it later. Any thread. Returns as close(2). */
int own_traffic_close(struct own_traffic *o, int fd);

/*
 * Calls `fn` whenever the connections change, on the thread that changes them: before the first
 * packet of a new one (`fresh`), and afterwards. NULL: no more; none runs when this returns.
 */
void own_traffic_watch(struct own_traffic *o, void (*fn)(void *ctx, bool fresh), void *ctx);

/* The open connections of this process; returns how many. Any thread. */
size_t own_traffic_list(struct own_traffic *o, struct own_connection *out, size_t max);

/*
 * How many open connections, of all processes, the registry has no room for, so that they count as
 * others' traffic: a line says so.
 */
size_t own_traffic_missing(struct own_traffic *o);

/*
 * All the open ones of another process, `owner` (1 to OWN_TRAFFIC_OTHERS), now: they count as ours.
 * What it had and is not among them is closed. Any thread.
 */
void own_traffic_learn(struct own_traffic *o, unsigned int owner, const struct own_connection *list,
		       size_t n);

/* True when the packet belongs to a connection of ours. Loop thread; quick to say no. */
bool own_traffic_match(struct own_traffic *o, const struct packet *pkt);

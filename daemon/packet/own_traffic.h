/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packets are this process's own talk with Kafka: the registry of its TCP connections.
 *
 * A capture that carries them would feed on itself: each record sent is captured and makes
 * another. librdkafka's threads register a socket before it connects, so that not even the SYN is
 * missed; the loop thread asks for every packet. A connection is forgotten a minute after it was
 * closed (2 MSL: its last segments may come late, and no other socket can have its ports).
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "packet/packet.h"

struct own_traffic;

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

/* True when the packet belongs to a connection of ours. Loop thread; quick to say no. */
bool own_traffic_match(struct own_traffic *o, const struct packet *pkt);

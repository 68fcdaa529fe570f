/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of packets through a producer: to Kafka, and the reports back.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "packet/packet.h"

struct producer;

/*
 * Hands one packet to Kafka, copied, or takes it into a block that follows. 0, or PACKET_E_FULL:
 * not taken, wait for on_room. Packets get sequence numbers from 0 in the order they are taken.
 * What comes between two clients is taken as well, as long as all that is queued is no more than a
 * client's queue may hold.
 */
int producer_send(struct producer *p, const struct packet *pkt);

/* The same for a packet of the spool, which stays there until it is settled; with its topic. */
int producer_send_spooled(struct producer *p, const struct packet *pkt, const char *topic);

/*
 * So many packets were lost behind those that it has taken: the next one tells them, in its
 * dropcount, as it does for each that has failed.
 */
void producer_add_losses(struct producer *p, uint64_t packets);

/* ---- for the producer's own files ---- */

/* Does what the state allows now; called after every batch of reports. `ctx`: the producer. */
void producer_advance(void *ctx);

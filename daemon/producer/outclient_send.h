/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of packets and blocks through a producer's client to librdkafka.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"
#include "producer/outblock.h"
#include "producer/outclient_options.h"

struct outclient;

/*
 * Offers a packet to librdkafka, copied, or fills it into a block. `now`: seconds since the epoch.
 * Returns what rd_kafka_produceva() does, of which RD_KAFKA_RESP_ERR__QUEUE_FULL may also mean that
 * an answer to an earlier one is to come first (first_batch.h; on_served follows); or
 * RD_KAFKA_RESP_ERR__INVALID_ARG: no topic can have that name (logged). *holder: who has the
 * packet, where that is tracked and it was taken, else nobody.
 */
rd_kafka_resp_err_t outclient_send(struct outclient *c, const struct outclient_item *item,
				   double now, union packet_holder *holder);

/*
 * It takes no packet until librdkafka knows the partitions, or an earlier packet is answered;
 * on_served follows.
 */
bool outclient_waits(const struct outclient *c);

/* How long the value of a record is that holds this packet alone. */
uint32_t outclient_value_len(const struct outclient *c, const struct packet *pkt);

/* ---- blocks ---- */

/* Its records are blocks. */
bool outclient_has_blocks(const struct outclient *c);

/*
 * The block of a message in a report; NULL: it is a packet. It lasts, with its bytes, until
 * outclient_drop(), which has to follow before the report goes.
 */
struct outblock *outclient_block(const struct outclient *c, const rd_kafka_message_t *m);
void outclient_drop(struct outclient *c, struct outblock *b);

/* Sends what is not full, as far as there is room; the rest goes with time. */
void outclient_send_open(struct outclient *c);

/* Takes back what was not sent: shows each block, which then is no more. */
void outclient_take_open(struct outclient *c, void (*fn)(void *ctx, const struct outblock *b),
			 void *ctx);

/* ---- for outclient.c ---- */

/* Of the timer `wait`, whose data is the client. */
void outclient_on_wait(struct ev_loop *loop, ev_timer *w, int revents);

/* After reports: blocks that were refused are tried again, and the owner is served. */
void outclient_serve(struct outclient *c);

/* For openblocks_options; `ctx`: the client. */
rd_kafka_resp_err_t outclient_send_block(void *ctx, struct outblock *b, bool copy);
void outclient_on_block_time(void *ctx, rd_kafka_resp_err_t err);

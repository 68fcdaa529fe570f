/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record, as librdkafka has it (a message), into packets: for who consumes it, and for who gets
 * it back undelivered. What is in a record, record.h knows.
 */
#pragma once

#include <librdkafka/rdkafka.h>

#include "packet/block.h"
#include "packet/block_reader.h"
#include "packet/packet.h"

/* Of a reason, in a few words. */
#define RECORD_DECODE_WHY_SIZE BLOCK_READER_WHY_SIZE

/*
 * The packet of a record that holds one and is no block; it borrows the message's bytes. Returns
 * NULL, or why the message is no packet of ours, in a few words (static).
 */
const char *record_decode_one(const rd_kafka_message_t *msg, struct packet *pkt);

/*
 * Gives each packet of a record, be it a packet or a block, to take(), in order, until that returns
 * something else than 0. Returns 0, or what take() returned. `why`: empty, or why the record is
 * none of ours; take() was not called then.
 */
int record_decode(const rd_kafka_message_t *msg, packet_fn take, void *ctx,
		  char why[RECORD_DECODE_WHY_SIZE]);

/* The same; of a block take_block(), if not NULL, is asked first. */
int record_decode_whole(const rd_kafka_message_t *msg, packet_fn take, block_fn take_block,
			void *ctx, char why[RECORD_DECODE_WHY_SIZE]);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that hold a block of packets each, for the bare programs: one pcapng section of Ethernet
 * packets; docs/record.md has the format. A partition has one that is open.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stddef.h>
#include <stdint.h>

#define BARE_BLOCK_SIZE 65536
#define BARE_BLOCK_TIME 20000 /* microseconds */
#define BARE_PARTITIONS 10    /* a digit each */

struct bare_block;

struct bare_blocks {
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	struct bare_block *open[BARE_PARTITIONS]; /* by partition; NULL: none */
	struct bare_block *unused;
};

/* A packet into the block of its partition; one that is full goes first. */
void bare_blocks_put(struct bare_blocks *b, int32_t partition, uint64_t us, const uint8_t *data,
		     size_t len);

/* Sends those whose first packet is from before that time. */
void bare_blocks_send(struct bare_blocks *b, uint64_t before_us);

/* In an on_delivery(): takes the memory back. Returns how many packets the message held. */
uint64_t bare_blocks_done(struct bare_blocks *b, const rd_kafka_message_t *m);

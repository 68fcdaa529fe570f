/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet as a message of librdkafka's producer; record_decode.h has the way back.
 *
 * The message's opaque carries the flow's hash (upper half), by which our partitioner chooses the
 * partition as soon as librdkafka knows how many there are, whether it is risky (first_batch.h),
 * and the packet's sequence number (31 bits), by which failed messages find their old order.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"

struct first_batch;
struct outblock;

struct packet_message_options {
	rd_kafka_topic_t *topic;
	uint32_t hash;
	uint32_t seq; /* its lower 31 bits */
	bool risky;
	int64_t timestamp_ms; /* CreateTime */
};

/* Has the partition chosen by packet_message_options.hash. */
void packet_message_set_partitioner(rd_kafka_topic_conf_t *topic_conf);

/* The same of a block: outblock.partition, or its hash. Its opaque is the block. */
void packet_message_set_block_partitioner(rd_kafka_topic_conf_t *topic_conf);

/*
 * A handle of the topic, whose partitioner tells `firsts` (borrowed until no message of the topic
 * is left in the client). NULL: librdkafka refuses it, for rd_kafka_last_error().
 */
rd_kafka_topic_t *packet_message_open_topic(rd_kafka_t *rk, const char *name,
					    struct first_batch *firsts);

/*
 * The arguments of rd_kafka_produceva(), kept by who sends: each has a pad of 64 bytes, and to
 * clear them all for each packet would cost more than to fill them in.
 */
struct packet_message {
	rd_kafka_vu_t vu[7];
};
void packet_message_init(struct packet_message *o);

/* Queues the packet, copied. Returns what rd_kafka_produceva() says. */
rd_kafka_resp_err_t packet_message_send(struct packet_message *o, rd_kafka_t *rk,
					const struct packet *pkt,
					const struct packet_message_options *opt);

/*
 * The same for a block, of which all but `opt` says is as it will be sent; without `copy` its bytes
 * are borrowed until its report.
 */
rd_kafka_resp_err_t packet_message_send_block(struct packet_message *o, rd_kafka_t *rk,
					      const struct outblock *b, bool copy,
					      const struct packet_message_options *opt);

/* Of a message in a delivery report that is a block. */
struct outblock *packet_message_block(const rd_kafka_message_t *m);

/*
 * Of a message in a delivery report: its sequence number. `next`: a later one, by less than 2^31.
 */
uint64_t packet_message_seq(const rd_kafka_message_t *m, uint64_t next);

/* When the packet was captured: its key, as its time stamp may be the broker's (LogAppendTime), or
 * of now (retry_rules_timestamp()). */
int64_t packet_message_time_ms(const rd_kafka_message_t *m);

/* Its partition has taken it: for the `firsts` of its topic. Of several in a row one is enough. */
void packet_message_taken(const rd_kafka_message_t *m);

/*
 * Of a message in a report without an error and without an offset: nothing shows that Kafka has it.
 * librdkafka takes the answer to a later batch for one to this batch as well, whose own was an
 * error (rd_kafka_dr_implicit_ack(), in 2.12.1 as in 2.0.2; confluent-kafka-go#921). A broker that
 * has taken something of this client in the partition before does refuse what comes after a gap;
 * one that has not takes it (first_batch.h), and these packets are lost.
 */
bool packet_message_is_unproven(const rd_kafka_message_t *m);

/* Of a message in a report that failed: whether Kafka may have it all the same. */
bool packet_message_may_be_there(const rd_kafka_message_t *m);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bare programs have in common: their arguments, their clients, and what they do with a
 * record. They are as short as programs that do the same can be; see docs/performance.md.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define BARE_QUEUE 131072 /* queue.buffering.max.messages */

/* Ends the program. */
void bare_die(const char *what, const char *why) __attribute__((noreturn));

/*
 * Takes the argument `name`, or `name=VALUE`, out of the list, which ends with a NULL. Returns its
 * value, "" when it has none, or NULL.
 */
const char *bare_option(char **args, const char *name);

/* A client; the list is one of properties, NAME=VALUE. */
rd_kafka_t *bare_kafka(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *brokers,
		       char **properties);

/* ---- producers ---- */

/* A packet as a record. */
void bare_produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, int32_t partition, uint64_t us,
		  const uint8_t *data, size_t len);

/* ---- consumers ---- */

/* A client that is told of the ends of partitions. */
rd_kafka_t *bare_reader(const char *brokers, char **properties);

/* A pcap file with its header. */
FILE *bare_create(const char *path);

/* The capture time of a record. */
uint64_t bare_time(const rd_kafka_message_t *m);

/* Its packet into the file. */
void bare_write(FILE *out, const rd_kafka_message_t *m);

/* As a reader of our records must; they have none. */
void bare_look_for_headers(const rd_kafka_message_t *m);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a topic's partitions can take records, as the cluster tells. A partition needs a leader,
 * and as many replicas in sync as min.insync.replicas says. With fewer its leader refuses
 * (NOT_ENOUGH_REPLICAS); librdkafka then tries again for as long as message.timeout.ms allows, and
 * tells nobody.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Asks, and waits for some seconds at most: for a thread. `buf` says what is wrong, in one line; ""
 * when nothing is, the cluster does not tell of the topic, or there is no answer.
 * min.insync.replicas is known with the permission DescribeConfigs alone.
 */
void replicas_ask(rd_kafka_t *rk, rd_kafka_topic_t *topic, char *buf, size_t size);

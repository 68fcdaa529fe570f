/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a member of a group says of it.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* What librdkafka reports of the group, and what to do. */
void group_log_trouble(const char *text);

/* What is on the disk could not be committed. */
void group_log_uncommitted(const char *topic, const char *text);

/* The group gives partitions, or takes them. */
void group_log_rebalance(const char *topic, bool gained,
			 const rd_kafka_topic_partition_list_t *list);

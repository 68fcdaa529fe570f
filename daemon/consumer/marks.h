/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which offsets a group may commit where being written does not make packets safe: the positions
 * are marked when a file ends, and committed when it is on the disk under its name. A partition
 * that the group takes goes when all that was taken of it is committed.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "consumer/partitions.h"

/* Marks where each partition stands (partition_position()). */
void marks_take(struct partitions *ps);

/* What is marked and was not given before; given it is with this. The caller destroys the list. */
rd_kafka_topic_partition_list_t *marks_give(struct partitions *ps, const char *topic);
/* It could not be committed, and is to be given again. */
void marks_give_again(struct partitions *ps, const rd_kafka_topic_partition_list_t *list);

/* The group takes it: nothing more is taken of it, and it is waited for. */
void marks_freeze(struct partition *p);
/* All that was taken of those that are waited for was given. */
bool marks_are_given(const struct partitions *ps);
/* Of those that are not ours nothing is given any more. */
void marks_forget(struct partitions *ps);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An assignment as its group has it: what the group gives and takes, and what it is told. The rest
 * is in assignment.h.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct assignment;

/* All partitions are known: joins the group. */
void assignment_subscribe(struct assignment *a);

/* Everything taken so far is written, but for what waits (struct partition): tells the group, if
 * there is one. */
void assignment_store(struct assignment *a);
/*
 * In place of that, where being written does not make it safe. Notes what was taken up to now, but
 * for what waits: it is being made safe.
 */
void assignment_mark(struct assignment *a);
/* It is: tells the group. Returns true when there is something to tell: on_committed() follows. */
bool assignment_commit(struct assignment *a);
/* Partitions that are about to go are not waited for any longer. */
void assignment_let_go(struct assignment *a);

/* For kafka_options.on_rebalance, and the events of a closing client. */
void assignment_rebalance(struct assignment *a, rd_kafka_resp_err_t err,
			  rd_kafka_topic_partition_list_t *list);

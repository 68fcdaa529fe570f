/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka → packets: which partitions, from which offset, to which end; and at whose pace.
 *
 * Without a group (the default) all partitions of the topic are assigned, those that are added
 * later too. With kafka-offset = stored the consumer joins its group instead, and
 * commits what was written. Packets come in order of time (intake.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "consumer/consumer_options.h"
#include "consumer/consumer_words.h"
#include "consumer/position.h"

struct consumer;

/* Makes the client. No broker need be there. 0, -ENOPROTOOPT (wrong settings) or -errno (logged).
 */
int consumer_new(struct consumer **out, const struct consumer_options *opt);

/* Where in the topic the packet that take() is looking at comes from. */
void consumer_origin(const struct consumer *c, int32_t *partition, int64_t *offset);

/* There is room again, after PACKET_E_FULL. */
void consumer_resume(struct consumer *c);

/*
 * Live: gives what is here and waits for its turn. Of a read that ends, packets that wait are as
 * good as not read.
 */
void consumer_drain(struct consumer *c);
/* No packet is taken any more. Legal from within take() and flush(). Idempotent. */
void consumer_stop(struct consumer *c);
/*
 * From now on the group is given no offset to commit: not all that was taken is written, nor will
 * be, and is to be read again. Legal from within take(). Idempotent.
 */
void consumer_withhold(struct consumer *c);
/* With is_safe(): what was taken up to now is being made safe. Legal from within take(). */
void consumer_mark(struct consumer *c);
/*
 * What was marked last is safe, and the group may know. Returns true when it is told of something:
 * on_committed() follows, and a kill before has that written again.
 */
bool consumer_kept(struct consumer *c);
/* Stops, commits, leaves the group without blocking; on_closed follows from the loop. */
void consumer_close(struct consumer *c);

void consumer_counts(const struct consumer *c, struct consumer_counts *out);
/* Records behind the ends of the partitions as last heard; -1 when nothing was heard yet. */
int64_t consumer_lag(const struct consumer *c);
/* Records that are left to read up to the end that on_end() tells of; -1: not known. */
int64_t consumer_left(const struct consumer *c);
/* Moves while all is well or packets come. */
uint64_t consumer_progress(const struct consumer *c);
enum consumer_condition consumer_condition(const struct consumer *c);
/* Its client. Borrowed: a reload changes it. */
const struct kafka *consumer_kafka(const struct consumer *c);
/* What it waits for, in words. */
void consumer_waiting_for(const struct consumer *c, char *buf, size_t size);

/*
 * Where another consumer would go on after the last packet taken. Returns how many partitions
 * there are, none when the group knows (all that was taken is written, and will be committed by
 * consumer_close()); `*out` is malloc()ed, or NULL. Negative errno.
 */
int consumer_positions(struct consumer *c, struct consumer_position **out);

/*
 * Waits at most about `wait_ms` for what hangs. The client then goes when it can: the last call
 * that uses it takes it along. NULL is legal.
 */
void consumer_free(struct consumer *c, unsigned int wait_ms);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the messages are that librdkafka has and Kafka has not answered: by sequence number, from
 * a lowest one on. For what must be copied to disk while it waits.
 *
 * The pointers are those of librdkafka's on_send() interceptor. A message lives from there until
 * its delivery report is destroyed (the report hands out the same object: that is how its
 * payload comes back without a copy), so a number has to be cleared by then.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

struct unanswered;

int unanswered_new(struct unanswered **out);
void unanswered_free(struct unanswered *u);

/* Nothing below this number is asked for any more. */
void unanswered_forget_below(struct unanswered *u, uint64_t seq);

/* True when there is room for this number; _reserve makes it, up to 524288 from the lowest. */
bool unanswered_has_room(const struct unanswered *u, uint64_t seq);
bool unanswered_reserve(struct unanswered *u, uint64_t seq);

/* NULL clears. Numbers without room, and those below the lowest, are not remembered. */
void unanswered_set(struct unanswered *u, uint64_t seq, const rd_kafka_message_t *m);

/* NULL: librdkafka does not have it. */
const rd_kafka_message_t *unanswered_get(const struct unanswered *u, uint64_t seq);

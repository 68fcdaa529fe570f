/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At whose pace a consumer reads: of what comes, of downstream, of the clock.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "consumer/consumer_impl.h"
#include "consumer/consumer_words.h"

/* What it is doing. */
struct consumer_view consumer_flow_view(const struct consumer *c);
rd_kafka_resp_err_t consumer_flow_trouble(const struct consumer *c);
void consumer_flow_describe(struct consumer *c);
/* Records that came, of the range or not. */
uint64_t consumer_flow_records(const struct consumer *c);

/* Something is there to be taken; returns whether more is. */
bool consumer_flow_run(struct consumer *c);
/* There is room again downstream. */
void consumer_flow_resume(struct consumer *c);
/* Packets that waited for their turn may go on. */
void consumer_flow_give(struct consumer *c);
/* A message that is none (intake_options.on_error). */
void consumer_flow_error(struct consumer *c, const rd_kafka_message_t *msg);
/* Every second, while downstream is full; of a member of a group always. */
void consumer_flow_tick(struct consumer *c);

/* Tells once that all was taken. */
void consumer_flow_check_end(struct consumer *c);
/* Whether anything may be fetched has changed. */
void consumer_flow_update(struct consumer *c);
/* Gives and writes what there is, and tells the group what was written. */
void consumer_flow_settle(struct consumer *c);

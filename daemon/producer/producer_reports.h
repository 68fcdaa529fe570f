/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes back from a producer's client, as reports of Kafka's or because it was not sent: kept
 * to be sent again, or given up.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"

struct producer;

/* Given up: the next packet tells that it is lost, and what it was to tell itself. */
void producer_fail(struct producer *p, const struct packet *pkt, rd_kafka_resp_err_t err,
		   uint64_t seq);

/* Has what is queued, and with `inflight` what was not answered, come back: see outclient_purge().
 * What waits in open blocks is back at once. */
void producer_purge(struct producer *p, bool inflight);

/* The client takes no more, or cannot. */
void producer_collect(struct producer *p, rd_kafka_resp_err_t err, const char *reason);

/* Of outclient_options; `ctx`: the producer. */
void producer_on_delivery(void *ctx, rd_kafka_event_t *event);
void producer_on_refused(void *ctx, int other, rd_kafka_resp_err_t err);

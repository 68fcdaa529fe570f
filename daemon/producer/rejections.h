/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Kafka refused: what is said of it, and how long the next client waits because of it.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

struct rejections {
	rd_kafka_resp_err_t for_good; /* the last one of a packet that was given up */
	rd_kafka_resp_err_t for_now;  /* of one that is sent again; 0: some were delivered since */
	double hold;                  /* seconds; 0: it was no refusal */
	struct log_limit failed_limit, again_limit;
};

/* A packet of `caplen` bytes, number `failed` of those refused for good. */
void rejections_for_good(struct rejections *r, uint32_t caplen, rd_kafka_resp_err_t err,
			 uint64_t failed);

/* A packet is to be sent again; a purge of ours is no refusal. */
void rejections_for_now(struct rejections *r, rd_kafka_resp_err_t err);

/*
 * The client is given up for `reason`. After a broker's refusal (0: it was none) with no progress
 * since the last time the next one, which takes packets at once, is not to connect for
 * refusals.hold, each time longer, as each connection is a login.
 */
void rejections_new_round(struct rejections *r, const char *reason, rd_kafka_resp_err_t refusal,
			  bool progressed);

void rejections_delivered(struct rejections *r);

/* An error in Kafka's words; "" for none. */
const char *rejections_words(rd_kafka_resp_err_t err);

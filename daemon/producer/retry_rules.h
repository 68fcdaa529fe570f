/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was learned from Kafka's refusals, and how packets are sent after it. Pure but for
 * retry_rules_configure().
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"

#define RETRY_RULES_TOO_LARGE_S 60.

enum retry_rules_verdict {
	RETRY_RULES_AGAIN, /* time, an operator or the rules below mend it */
	RETRY_RULES_NEVER, /* no way of sending this packet will do */
};

struct retry_rules {
	unsigned int stamp_level;            /* how far from now a time stamp may lie */
	uint32_t batch_size;                 /* the client's, bytes */
	uint32_t batch_max;                  /* what was learned of it; UINT32_MAX: nothing */
	uint32_t block_max;                  /* of a block, likewise */
	uint32_t block_next;                 /* what a refusal of this round asks for; or nothing */
	bool smaller_batches, nearer_stamps; /* a refusal of this round asks for the next step */
	uint32_t too_large; /* a packet whose value is so long is refused; UINT32_MAX: not known */
	double too_large_until; /* seconds since the epoch: then one of them is tried again */
};

void retry_rules_init(struct retry_rules *r);

/* A message that was refused. */
struct retry_rules_refused {
	rd_kafka_resp_err_t err;
	uint32_t len;     /* of its value, bytes */
	uint32_t packets; /* in it */
};

/*
 * Takes a refusal into account, and says what becomes of its packets. `now`: seconds since the
 * epoch.
 */
enum retry_rules_verdict retry_rules_learn(struct retry_rules *r,
					   const struct retry_rules_refused *refused, double now);

/* A refusal costs a client, so packets whose value is as long as one that was refused alone are not
 * sent. */
static inline bool retry_rules_is_too_large(const struct retry_rules *r, uint32_t len, double now)
{
	return len >= r->too_large && now < r->too_large_until;
}

/*
 * The CreateTime of a packet (of a block: of its latest), ms: its capture time, or `now` (seconds
 * since the epoch) where the broker has refused such a time before (message.timestamp.before.max.ms
 * and .after.max.ms).
 */
int64_t retry_rules_timestamp(const struct retry_rules *r, const struct packet *pkt, double now);

/* Sets the batch size that was learned, if the configured one is larger. 0 or -EINVAL (logged). */
int retry_rules_configure(struct retry_rules *r, rd_kafka_conf_t *conf);

/* True when a refusal of this round is met by another way of sending in the next. */
bool retry_rules_has_learned(const struct retry_rules *r);

/* All refusals of a round are in: takes each step they ask for once (logged). */
void retry_rules_next_round(struct retry_rules *r);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was learned from Kafka's refusals, and how packets are sent after it. Pure but for
 * resend_configure().
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"

#define RESEND_TOO_LARGE_S 60.

enum resend_verdict {
	RESEND_AGAIN, /* time, an operator or the rules below mend it */
	RESEND_NEVER, /* no way of sending this packet will do */
};

struct resend {
	unsigned int stamp_level;            /* how far from now a time stamp may lie */
	uint32_t batch_size;                 /* the client's, bytes */
	uint32_t batch_max;                  /* what was learned of it; UINT32_MAX: nothing */
	bool smaller_batches, nearer_stamps; /* a refusal of this round asks for the next step */
	uint32_t too_large; /* packets of this length are refused, bytes; UINT32_MAX: not known */
	double too_large_until; /* seconds since the epoch: then one of them is tried again */
};

void resend_init(struct resend *r);

/*
 * Takes the refusal of a packet of `caplen` bytes into account, and says what becomes of it. `now`:
 * seconds since the epoch.
 */
enum resend_verdict resend_learn(struct resend *r, rd_kafka_resp_err_t err, uint32_t caplen,
				 double now);

/* A refusal costs a client, so packets as large as one that was refused alone are not sent. */
static inline bool resend_is_too_large(const struct resend *r, uint32_t caplen, double now)
{
	return caplen >= r->too_large && now < r->too_large_until;
}

/*
 * The CreateTime of a packet, ms: its capture time, or `now` (seconds since the epoch) where the
 * broker has refused such a time before (message.timestamp.before.max.ms and .after.max.ms).
 */
int64_t resend_timestamp(const struct resend *r, const struct packet *pkt, double now);

/* Sets the batch size that was learned, if the configured one is larger. 0 or -EINVAL (logged). */
int resend_configure(struct resend *r, rd_kafka_conf_t *conf);

/* True when a refusal of this round is met by another way of sending in the next. */
bool resend_has_learned(const struct resend *r);

/* All refusals of a round are in: takes each step they ask for once (logged). */
void resend_next_round(struct resend *r);

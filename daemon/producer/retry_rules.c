/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time stamps: a broker takes CreateTime up to an hour ahead by default, and any age; it refuses
 * the whole batch for one that is not. The steps narrow what we send to what the strictest take.
 *
 * Batches: librdkafka does not split one that the broker finds too large. The steps make batches
 * smaller; a message that was larger than the limit was alone in its batch, so it is the message
 * itself that is too large. A block is then made half as long; a packet is given up.
 *
 * What was learned holds until the process ends. Trying again whether the topic takes more by now
 * would cost a refusal, a new client and a pause each time, to gain a little.
 */
#include "producer/retry_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "packet/record.h"

#define RECORD_OVERHEAD 128 /* batch and record headers around a lone packet, generously */

static const struct {
	int64_t ahead_ms, behind_ms; /* how far from now a time stamp may lie */
} stamp_levels[] = {
	{INT64_MAX, INT64_MAX},
	{3600000, INT64_MAX},
	{60000, 60000},
	{0, 0},
};
#define STAMP_LEVELS (sizeof(stamp_levels) / sizeof(stamp_levels[0]))

/* batch.size, bytes: steps below what is configured; the last is one message. */
static const uint32_t batch_sizes[] = {1000000, 250000, 60000, 15000, 4000, 1000, 250, 1};
#define BATCH_SIZES (sizeof(batch_sizes) / sizeof(batch_sizes[0]))

void retry_rules_init(struct retry_rules *r)
{
	*r = (struct retry_rules){
		.batch_size = batch_sizes[0],
		.batch_max = UINT32_MAX,
		.block_max = UINT32_MAX,
		.block_next = UINT32_MAX,
		.too_large = UINT32_MAX,
	};
}

static void learn_too_large(struct retry_rules *r, uint32_t len, double now)
{
	if (len < r->too_large || now >= r->too_large_until)
		r->too_large = len;
	r->too_large_until = now + RETRY_RULES_TOO_LARGE_S;
}

static enum retry_rules_verdict learn_size(struct retry_rules *r,
					   const struct retry_rules_refused *refused, double now)
{
	uint32_t len = refused->len;

	if (len + RECORD_OVERHEAD < r->batch_size && r->batch_size > 1) {
		r->smaller_batches = true;
		return RETRY_RULES_AGAIN;
	}
	if (refused->packets > 1) {
		if (len / 2 < r->block_next)
			r->block_next = len / 2;
		return RETRY_RULES_AGAIN;
	}
	learn_too_large(r, len, now);
	return RETRY_RULES_NEVER;
}

enum retry_rules_verdict retry_rules_learn(struct retry_rules *r,
					   const struct retry_rules_refused *refused, double now)
{
	switch (refused->err) {
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		return learn_size(r, refused, now);
	case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
		r->nearer_stamps = true;
		return RETRY_RULES_AGAIN;
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
		/* What a current librdkafka says of the one record whose time stamp is refused. */
		if (r->stamp_level + 1 == STAMP_LEVELS)
			return RETRY_RULES_NEVER;
		r->nearer_stamps = true;
		return RETRY_RULES_AGAIN;
	case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT: /* the user set message.timeout.ms */
		return RETRY_RULES_NEVER;
	default:
		return RETRY_RULES_AGAIN;
	}
}

static void take_smaller_batches(struct retry_rules *r)
{
	size_t i = 0;

	while (i + 1 < BATCH_SIZES && batch_sizes[i] >= r->batch_size)
		i++;
	if (batch_sizes[i] >= r->batch_size)
		return;
	log_warn("The topic refuses batches of %u bytes (max.message.bytes): sending batches of "
		 "%u",
		 r->batch_size, batch_sizes[i]);
	r->batch_size = r->batch_max = batch_sizes[i];
}

static void take_smaller_blocks(struct retry_rules *r)
{
	if (r->block_next < r->block_max)
		log_warn("The topic refuses blocks of %u bytes (max.message.bytes): sending blocks "
			 "of at most %u",
			 r->block_next * 2, r->block_next);
	if (r->block_next < r->block_max)
		r->block_max = r->block_next;
	r->block_next = UINT32_MAX;
}

bool retry_rules_has_learned(const struct retry_rules *r)
{
	return r->smaller_batches || r->nearer_stamps || r->block_next < r->block_max;
}

void retry_rules_next_round(struct retry_rules *r)
{
	if (r->smaller_batches)
		take_smaller_batches(r);
	take_smaller_blocks(r);
	if (r->nearer_stamps && r->stamp_level + 1 < STAMP_LEVELS) {
		r->stamp_level++;
		log_warn("The topic refuses timestamps so far from now (message.timestamp.*): such "
			 "packets get the current time, and their keys keep the capture time");
	}
	r->smaller_batches = r->nearer_stamps = false;
}

int64_t retry_rules_timestamp(const struct retry_rules *r, const struct packet *pkt, double now)
{
	int64_t stamp = record_timestamp_ms(pkt), present;

	if (r->stamp_level == 0)
		return stamp;
	present = (int64_t)(now * 1000);
	if (stamp - present > stamp_levels[r->stamp_level].ahead_ms ||
	    present - stamp > stamp_levels[r->stamp_level].behind_ms)
		return present;
	return stamp;
}

int retry_rules_configure(struct retry_rules *r, rd_kafka_conf_t *conf)
{
	char errstr[256], value[16];
	size_t size = sizeof(value);
	unsigned long configured = batch_sizes[0];

	if (rd_kafka_conf_get(conf, "batch.size", value, &size) == RD_KAFKA_CONF_OK)
		configured = strtoul(value, NULL, 10);
	r->batch_size = configured < r->batch_max ? (uint32_t)configured : r->batch_max;
	if (r->batch_size == configured)
		return 0;
	snprintf(value, sizeof(value), "%u", r->batch_size);
	if (rd_kafka_conf_set(conf, "batch.size", value, errstr, sizeof(errstr)) ==
	    RD_KAFKA_CONF_OK)
		return 0;
	log_error("batch.size=%s: %s", value, errstr);
	return -EINVAL;
}

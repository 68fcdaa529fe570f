/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time stamps: a broker takes CreateTime up to an hour ahead by default, and any age; it refuses
 * the whole batch for one that is not. The steps narrow what we send to what the strictest take.
 *
 * Batches: librdkafka does not split one that the broker finds too large. The steps make batches
 * smaller; a packet that was larger than the limit was alone in its batch, so it is the packet
 * itself that is too large.
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
		.too_large = UINT32_MAX,
	};
}

static void learn_too_large(struct retry_rules *r, uint32_t caplen, double now)
{
	if (caplen < r->too_large || now >= r->too_large_until)
		r->too_large = caplen;
	r->too_large_until = now + RETRY_RULES_TOO_LARGE_S;
}

enum retry_rules_verdict retry_rules_learn(struct retry_rules *r, rd_kafka_resp_err_t err,
					   uint32_t caplen, double now)
{
	switch (err) {
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		if (caplen + RECORD_OVERHEAD >= r->batch_size || r->batch_size <= 1) {
			learn_too_large(r, caplen, now);
			return RETRY_RULES_NEVER;
		}
		r->smaller_batches = true;
		return RETRY_RULES_AGAIN;
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

bool retry_rules_has_learned(const struct retry_rules *r)
{
	return r->smaller_batches || r->nearer_stamps;
}

void retry_rules_next_round(struct retry_rules *r)
{
	if (r->smaller_batches)
		take_smaller_batches(r);
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

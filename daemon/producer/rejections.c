/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/rejections.h"

#include <inttypes.h>

#include "base/clock.h"
#include "kafka/hints.h"

#define INTERVAL_S   60
#define HOLD_FIRST_S 1.
#define HOLD_MAX_S   30.

void rejections_for_good(struct rejections *r, uint32_t caplen, rd_kafka_resp_err_t err,
			 uint64_t failed)
{
	bool too_large = err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
	uint64_t held;

	r->for_good = err;
	if (log_limit_pass(&r->failed_limit, INTERVAL_S, &held))
		log_error("A packet of %u bytes is refused by Kafka for good: %s%s (%" PRIu64
			  " failed so far)",
			  caplen, rd_kafka_err2str(err),
			  too_large ? "; raise the topic's max.message.bytes (and "
				      "message.max.bytes), or lower the snaplen"
				    : "",
			  failed);
}

void rejections_for_now(struct rejections *r, rd_kafka_resp_err_t err)
{
	if (err != RD_KAFKA_RESP_ERR__PURGE_QUEUE && err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
		r->for_now = err;
}

void rejections_new_round(struct rejections *r, const char *reason, rd_kafka_resp_err_t refusal,
			  bool progressed)
{
	const struct hint hint = hints_behind(reason, "; ");
	uint64_t held;

	if (refusal)
		r->for_now = refusal;
	r->hold = refusal && !progressed ? clock_backoff(r->hold, HOLD_FIRST_S, HOLD_MAX_S) : 0;
	if (!log_limit_pass(&r->again_limit, INTERVAL_S, &held))
		return;
	log_warn("Kafka did not take packets (%s): they are kept and sent again%s%s", reason,
		 hint.mark, hint.advice);
}

void rejections_delivered(struct rejections *r)
{
	r->for_now = RD_KAFKA_RESP_ERR_NO_ERROR;
	r->hold = 0;
}

const char *rejections_words(rd_kafka_resp_err_t err)
{
	return err ? rd_kafka_err2str(err) : "";
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/gaps.h"

#include <inttypes.h>

#include "base/log.h"

static void log_gone(const char *topic, int32_t id, int64_t low, int64_t next)
{
	log_warn("topic %s: partition %" PRId32 " starts at %" PRId64 ": %" PRId64
		 " records are gone; they were deleted before they were read",
		 topic, id, low, low - next);
}

void gaps_log_start(const char *topic, const struct offset_lookup_partition *found, bool group)
{
	if (found->wanted < 0)
		return;
	if (found->wanted < found->low)
		log_gone(topic, found->id, found->low, found->wanted);
	else if (found->wanted > found->high && group)
		log_warn("topic %s: partition %" PRId32 " ends at %" PRId64
			 ", before what the group has committed (%" PRId64
			 "): it was made again, or cut; where it is read from, auto.offset.reset "
			 "says",
			 topic, found->id, found->high, found->wanted);
	else if (found->wanted > found->high)
		log_warn("topic %s: partition %" PRId32 " ends at %" PRId64 ": offset %" PRId64
			 " is not there yet; it is read from its end",
			 topic, found->id, found->high, found->wanted);
}

void gaps_log_jump(rd_kafka_t *rk, const rd_kafka_message_t *msg, int64_t next)
{
	const char *topic = rd_kafka_topic_name(msg->rkt);
	int64_t low, high;

	if (msg->offset < next)
		log_warn("topic %s: partition %" PRId32 " goes on at %" PRId64 ", not at %" PRId64
			 ": it was made again, or cut",
			 topic, msg->partition, msg->offset, next);
	else if (!rd_kafka_get_watermark_offsets(rk, topic, msg->partition, &low, &high) &&
		 low > next)
		log_gone(topic, msg->partition, low, next);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/gaps.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

#define FIRST_TIME 1000000000 /* seconds since the epoch: the years 2001 */
#define LAST_TIME  9999999999 /* and 2286 */

static void log_gone(const char *topic, int32_t id, int64_t low, int64_t gone)
{
	log_warn("topic %s: partition %" PRId32 " starts at %" PRId64 ": %" PRId64
		 " records are gone; they were deleted before they were read",
		 topic, id, low, gone);
}

/* "-o 1545562210": a time without its @, which is an offset as well. */
static void log_ahead(const char *topic, const struct offset_lookup_partition *found)
{
	char hint[64] = "";

	if (found->wanted >= FIRST_TIME && found->wanted <= LAST_TIME)
		snprintf(hint, sizeof(hint), " (a time would be @%" PRId64 ")", found->wanted);
	log_warn("topic %s: partition %" PRId32 " ends at %" PRId64 ": offset %" PRId64
		 " is not there yet; reading from its end%s",
		 topic, found->id, found->high, found->wanted, hint);
}

void gaps_log_start(const char *topic, const struct offset_lookup_partition *found, bool group)
{
	if (found->wanted < 0)
		return;
	if (found->wanted < found->low)
		log_gone(topic, found->id, found->low, found->low - found->wanted);
	else if (found->wanted > found->high && group)
		log_warn("topic %s: partition %" PRId32 " ends at %" PRId64
			 ", before what the group has committed (%" PRId64
			 "): it was recreated or truncated; auto.offset.reset decides where "
			 "reading starts",
			 topic, found->id, found->high, found->wanted);
	else if (found->wanted > found->high)
		log_ahead(topic, found);
}

int64_t gaps_log_jump(rd_kafka_t *rk, const rd_kafka_message_t *msg, int64_t next, int64_t end)
{
	const char *topic = rd_kafka_topic_name(msg->rkt);
	int64_t low, high, gone;

	if (msg->offset < next) {
		log_warn("topic %s: partition %" PRId32 " continues at %" PRId64 ", not at %" PRId64
			 ": it was recreated or truncated",
			 topic, msg->partition, msg->offset, next);
		return 0;
	}
	if (rd_kafka_get_watermark_offsets(rk, topic, msg->partition, &low, &high))
		return 0;
	gone = (low < end ? low : end) - next;
	if (gone <= 0)
		return 0;
	log_gone(topic, msg->partition, low, gone);
	return gone;
}

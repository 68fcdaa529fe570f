/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/gaps.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

#define FIRST_TIME 1000000000 /* seconds since the epoch: the years 2001 */
#define LAST_TIME  9999999999 /* and 2286 */

/* " (2 more partition(s) like it)", or nothing. */
static void describe_more(char *buf, size_t size, const struct gaps_starts *starts)
{
	*buf = '\0';
	if (starts->n > 1)
		snprintf(buf, size, " (%" PRId32 " more partition(s) like it)", starts->n - 1);
}

static void log_gone(const char *topic, int32_t id, int64_t low, int64_t gone, const char *more)
{
	log_warn("topic %s: partition %" PRId32 " starts at %" PRId64 ": %" PRId64
		 " records are gone; they were deleted before they were read%s",
		 topic, id, low, gone, more);
}

/* "-o 1545562210": a time without its @, which is an offset as well; or in milliseconds. */
static void describe_time(char *buf, size_t size, int64_t wanted)
{
	*buf = '\0';
	if (wanted >= FIRST_TIME && wanted <= LAST_TIME)
		snprintf(buf, size, " (a time would be @%" PRId64 ")", wanted);
	else if (wanted / 1000 >= FIRST_TIME && wanted / 1000 <= LAST_TIME)
		snprintf(buf, size, " (a time would be @%" PRId64 ".%03d)", wanted / 1000,
			 (int)(wanted % 1000));
}

static void log_ahead(const char *topic, const struct gaps_starts *ahead)
{
	const struct offset_lookup_partition *found = &ahead->first;
	char hint[64], more[64];

	describe_time(hint, sizeof(hint), found->wanted);
	describe_more(more, sizeof(more), ahead);
	log_warn("topic %s: partition %" PRId32 " ends at %" PRId64 ": offset %" PRId64
		 " is not there yet; reading from its end%s%s",
		 topic, found->id, found->high, found->wanted, hint, more);
}

static void note(struct gaps_starts *starts, const struct offset_lookup_partition *found)
{
	if (starts->n++ == 0)
		starts->first = *found;
	starts->records += found->low - found->wanted;
}

void gaps_note_start(struct gaps *gaps, const char *topic,
		     const struct offset_lookup_partition *found, bool group)
{
	if (found->wanted < 0)
		return;
	if (found->wanted < found->low)
		note(&gaps->gone, found);
	else if (found->wanted > found->high && group)
		log_warn("topic %s: partition %" PRId32 " ends at %" PRId64
			 ", before what the group has committed (%" PRId64
			 "): it was recreated or truncated; auto.offset.reset decides where "
			 "reading starts",
			 topic, found->id, found->high, found->wanted);
	else if (found->wanted > found->high)
		note(&gaps->ahead, found);
}

void gaps_log_starts(const struct gaps *gaps, const char *topic)
{
	const struct gaps_starts *gone = &gaps->gone;
	char more[128] = "";

	if (gone->n > 1)
		snprintf(more, sizeof(more),
			 " (%" PRId32 " more partition(s) like it, %" PRId64 " records in all)",
			 gone->n - 1, gone->records);
	if (gone->n)
		log_gone(topic, gone->first.id, gone->first.low,
			 gone->first.low - gone->first.wanted, more);
	if (gaps->ahead.n)
		log_ahead(topic, &gaps->ahead);
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
	log_gone(topic, msg->partition, low, gone, "");
	return gone;
}

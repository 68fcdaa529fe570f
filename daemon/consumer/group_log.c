/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/group_log.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "kafka/hints.h"

void group_log_trouble(const char *text)
{
	const struct hint hint = hints_behind(text, ": ");

	log_warn("group: %s%s%s", text, hint.mark, hint.advice);
}

void group_log_uncommitted(const char *topic, const char *text)
{
	const struct hint hint = hints_behind(text, ": ");

	log_warn("group: offsets of topic %s are not committed: %s%s%s (pycapa tries again; after "
		 "a crash, these packets are written again)",
		 topic, text, hint.mark, hint.advice);
}

void group_log_rebalance(const char *topic, bool gained,
			 const rd_kafka_topic_partition_list_t *list)
{
	char text[256] = "";
	size_t n = 0;

	for (int i = 0; i < list->cnt && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%" PRId32, i ? ", " : ": ",
				      list->elems[i].partition);
	log_info("group: %s %d partition(s) of topic %s%s", gained ? "reading" : "leaving",
		 list->cnt, topic, text);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/topic_clock.h"

#include <string.h>

#include "kafka/topic_config.h"

static void take_setting(void *ctx, const char *topic, const char *name, const char *value)
{
	enum topic_clock *clock = ctx;

	(void)topic;
	if (strcmp(name, "message.timestamp.type") == 0)
		*clock = strcmp(value, "LogAppendTime") == 0 ? TOPIC_CLOCK_BROKER
							     : TOPIC_CLOCK_SENDER;
}

rd_kafka_resp_err_t topic_clock_ask(rd_kafka_t *rk, const char *topic, int timeout_ms,
				    enum topic_clock *out)
{
	const struct topic_config_question question = {.topics = &topic,
						       .n = 1,
						       .timeout_ms = timeout_ms};

	*out = TOPIC_CLOCK_UNKNOWN;
	return topic_config_ask(rk, &question, take_setting, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/topic_clock.h"

#include <string.h>

#define KEY      "message.timestamp.type"
#define GRACE_MS 500 /* librdkafka's own time-out comes first */

static enum topic_clock read_value(const rd_kafka_ConfigResource_t *resource)
{
	const rd_kafka_ConfigEntry_t **entries;
	size_t n;

	entries = rd_kafka_ConfigResource_configs(resource, &n);
	for (size_t i = 0; i < n; i++) {
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);

		if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), KEY) != 0 || !value)
			continue;
		return strcmp(value, "LogAppendTime") == 0 ? TOPIC_CLOCK_BROKER
							   : TOPIC_CLOCK_SENDER;
	}
	return TOPIC_CLOCK_UNKNOWN;
}

static rd_kafka_resp_err_t read_answer(rd_kafka_event_t *event, enum topic_clock *out)
{
	const rd_kafka_DescribeConfigs_result_t *result;
	const rd_kafka_ConfigResource_t **resources;
	rd_kafka_resp_err_t err = rd_kafka_event_error(event);
	size_t n;

	if (err == RD_KAFKA_RESP_ERR__TIMED_OUT || err == RD_KAFKA_RESP_ERR__TRANSPORT)
		return err;
	result = rd_kafka_event_DescribeConfigs_result(event);
	if (err || !result)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	resources = rd_kafka_DescribeConfigs_result_resources(result, &n);
	if (n == 1 && !rd_kafka_ConfigResource_error(resources[0]))
		*out = read_value(resources[0]);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t topic_clock_ask(rd_kafka_t *rk, const char *topic, int timeout_ms,
				    enum topic_clock *out)
{
	rd_kafka_ConfigResource_t *resource =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	rd_kafka_AdminOptions_t *options =
		rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__TIMED_OUT;
	rd_kafka_event_t *event;
	char why[128];

	*out = TOPIC_CLOCK_UNKNOWN;
	rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof(why));
	rd_kafka_DescribeConfigs(rk, &resource, 1, options, queue);
	event = rd_kafka_queue_poll(queue, timeout_ms + GRACE_MS);
	if (event)
		err = read_answer(event, out);
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_ConfigResource_destroy(resource);
	return err;
}

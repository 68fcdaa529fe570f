/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/topic_config.h"

#include <stdlib.h>
#include <string.h>

#define GRACE_MS 500 /* librdkafka's own time-out comes first */

static void read_resource(const struct topic_config_question *q,
			  const rd_kafka_ConfigResource_t *resource)
{
	const rd_kafka_ConfigEntry_t **entries;
	size_t n;

	if (rd_kafka_ConfigResource_error(resource))
		return;
	entries = rd_kafka_ConfigResource_configs(resource, &n);
	for (size_t i = 0; i < n; i++) {
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);

		if (value && strcmp(rd_kafka_ConfigEntry_name(entries[i]), q->setting) == 0)
			q->told(q->ctx, rd_kafka_ConfigResource_name(resource), value);
	}
}

static rd_kafka_resp_err_t read_answer(const struct topic_config_question *q,
				       rd_kafka_event_t *event)
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
	for (size_t i = 0; i < n; i++)
		read_resource(q, resources[i]);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t ask(rd_kafka_t *rk, const struct topic_config_question *q,
			       rd_kafka_ConfigResource_t **resources)
{
	rd_kafka_AdminOptions_t *options =
		rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__TIMED_OUT;
	rd_kafka_event_t *event;
	char why[128];

	rd_kafka_AdminOptions_set_request_timeout(options, q->timeout_ms, why, sizeof(why));
	rd_kafka_DescribeConfigs(rk, resources, q->n, options, queue);
	event = rd_kafka_queue_poll(queue, q->timeout_ms + GRACE_MS);
	if (event)
		err = read_answer(q, event);
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_AdminOptions_destroy(options);
	return err;
}

rd_kafka_resp_err_t topic_config_ask(rd_kafka_t *rk, const struct topic_config_question *q)
{
	rd_kafka_ConfigResource_t **resources = calloc(q->n, sizeof(*resources));
	rd_kafka_resp_err_t err;

	if (!resources)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	for (size_t i = 0; i < q->n; i++)
		resources[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, q->topics[i]);
	err = ask(rk, q, resources);
	rd_kafka_ConfigResource_destroy_array(resources, q->n);
	free(resources);
	return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/topic_config.h"

#include <errno.h>
#include <stdlib.h>

#define GRACE_MS 500 /* librdkafka's own time-out comes first */

static void ask(rd_kafka_t *rk, rd_kafka_ConfigResource_t **resources,
		const struct topic_config_question *q, rd_kafka_queue_t *queue)
{
	rd_kafka_AdminOptions_t *options =
		rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	char why[128];

	rd_kafka_AdminOptions_set_request_timeout(options, q->timeout_ms, why, sizeof(why));
	rd_kafka_DescribeConfigs(rk, resources, q->n, options, queue);
	rd_kafka_AdminOptions_destroy(options);
}

int topic_config_begin(rd_kafka_t *rk, const struct topic_config_question *q,
		       rd_kafka_queue_t *queue)
{
	rd_kafka_ConfigResource_t **resources = calloc(q->n, sizeof(*resources));

	if (!resources)
		return -ENOMEM;
	for (size_t i = 0; i < q->n; i++)
		resources[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, q->topics[i]);
	ask(rk, resources, q, queue);
	rd_kafka_ConfigResource_destroy_array(resources, q->n);
	free(resources);
	return 0;
}

static rd_kafka_resp_err_t read_resource(const rd_kafka_ConfigResource_t *resource,
					 topic_config_fn told, void *ctx)
{
	const rd_kafka_ConfigEntry_t **entries;
	rd_kafka_resp_err_t err = rd_kafka_ConfigResource_error(resource);
	size_t n;

	if (err)
		return err;
	entries = rd_kafka_ConfigResource_configs(resource, &n);
	for (size_t i = 0; i < n; i++) {
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);

		if (value)
			told(ctx, rd_kafka_ConfigResource_name(resource),
			     rd_kafka_ConfigEntry_name(entries[i]), value);
	}
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t topic_config_read(rd_kafka_event_t *answer, topic_config_fn told, void *ctx)
{
	const rd_kafka_DescribeConfigs_result_t *result =
		rd_kafka_event_DescribeConfigs_result(answer);
	rd_kafka_resp_err_t err = rd_kafka_event_error(answer);
	const rd_kafka_ConfigResource_t **resources;
	size_t n;

	if (err || !result)
		return err;
	resources = rd_kafka_DescribeConfigs_result_resources(result, &n);
	for (size_t i = 0; i < n; i++) {
		rd_kafka_resp_err_t one = read_resource(resources[i], told, ctx);

		err = err ? err : one;
	}
	return err;
}

rd_kafka_resp_err_t topic_config_ask(rd_kafka_t *rk, const struct topic_config_question *q,
				     topic_config_fn told, void *ctx)
{
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__TIMED_OUT;
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_event_t *answer = NULL;

	if (topic_config_begin(rk, q, queue) == 0)
		answer = rd_kafka_queue_poll(queue, q->timeout_ms + GRACE_MS);
	if (answer)
		err = topic_config_read(answer, told, ctx);
	rd_kafka_event_destroy(answer);
	rd_kafka_queue_destroy(queue);
	return err == RD_KAFKA_RESP_ERR__TIMED_OUT || err == RD_KAFKA_RESP_ERR__TRANSPORT
		       ? err
		       : RD_KAFKA_RESP_ERR_NO_ERROR;
}

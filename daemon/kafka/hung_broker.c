/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/hung_broker.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define BROKERS   64 /* that lead partitions of ours; of more, some are not watched */
#define HANGS_MS  2000
#define IN_FLIGHT 5 /* the most that librdkafka allows with idempotence */

/* Written by the thread of its broker, read by the loop. */
struct debt {
	_Atomic int64_t broker; /* its id + 1; 0: the row is free */
	atomic_uint owed;
	_Atomic uint64_t since_ms; /* the last change */
	uint64_t told_ms;          /* of the loop: since_ms as hung_broker_next() told of it */
};

struct hung_broker {
	struct debt debts[BROKERS];
};

struct hung_broker *hung_broker_new(void)
{
	return calloc(1, sizeof(struct hung_broker));
}

void hung_broker_free(struct hung_broker *b)
{
	free(b);
}

/* ---- decisions ---- */

static struct debt *find(struct hung_broker *b, int32_t broker)
{
	for (size_t i = 0; i < BROKERS; i++) {
		struct debt *d = &b->debts[i];
		int64_t free_row = 0, id = (int64_t)broker + 1;

		if (atomic_load_explicit(&d->broker, memory_order_relaxed) == id ||
		    atomic_compare_exchange_strong(&d->broker, &free_row, id) || free_row == id)
			return d;
	}
	return NULL;
}

void hung_broker_sent(struct hung_broker *b, int32_t broker, uint64_t now_ms)
{
	struct debt *d = find(b, broker);

	if (!d)
		return;
	if (atomic_load(&d->owed) == 0)
		atomic_store(&d->since_ms, now_ms);
	atomic_fetch_add(&d->owed, 1);
}

void hung_broker_ended(struct hung_broker *b, int32_t broker, uint64_t now_ms)
{
	struct debt *d = find(b, broker);

	if (!d)
		return;
	atomic_store(&d->since_ms, now_ms);
	/* Those that a lost connection ends were not all sent. */
	if (atomic_load(&d->owed) > 0)
		atomic_fetch_sub(&d->owed, 1);
}

int32_t hung_broker_next(struct hung_broker *b, uint64_t now_ms)
{
	for (size_t i = 0; i < BROKERS && atomic_load(&b->debts[i].broker); i++) {
		struct debt *d = &b->debts[i];
		uint64_t since_ms = atomic_load(&d->since_ms);

		if (atomic_load(&d->owed) == 0 || now_ms < since_ms + HANGS_MS ||
		    d->told_ms == since_ms)
			continue;
		d->told_ms = since_ms;
		return (int32_t)(atomic_load(&d->broker) - 1);
	}
	return -1;
}

/* ---- librdkafka ---- */

static uint64_t clock_ms(void)
{
	return (uint64_t)clock_ns(CLOCK_MONOTONIC_COARSE) / 1000000;
}

/* kafka.apache.org/protocol: API keys */
static bool is_produce(int16_t api_key)
{
	return api_key == 0;
}

static rd_kafka_resp_err_t on_sent(rd_kafka_t *rk, int sockfd, const char *name, int32_t broker,
				   int16_t api_key, int16_t api_version, int32_t corr_id,
				   size_t size, void *opaque)
{
	if (is_produce(api_key))
		hung_broker_sent(opaque, broker, clock_ms());
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Called for requests that failed too. */
static rd_kafka_resp_err_t on_ended(rd_kafka_t *rk, int sockfd, const char *name, int32_t broker,
				    int16_t api_key, int16_t api_version, int32_t corr_id,
				    size_t size, int64_t rtt, rd_kafka_resp_err_t err, void *opaque)
{
	if (is_produce(api_key))
		hung_broker_ended(opaque, broker, clock_ms());
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void hung_broker_watch(struct hung_broker *b, rd_kafka_t *rk)
{
	char value[16] = "";
	size_t size = sizeof(value);

	rd_kafka_conf_get(rd_kafka_conf(rk), "enable.idempotence", value, &size);
	if (!b || strcmp(value, "true") != 0)
		return;
	rd_kafka_interceptor_add_on_request_sent(rk, "brake", on_sent, b);
	rd_kafka_interceptor_add_on_response_received(rk, "brake", on_ended, b);
}

/*
 * The setting is one that every topic has. Who may not read it is refused, which is an answer as
 * good as any. Queued for librdkafka's main thread: this does not block.
 */
static void fill(rd_kafka_t *rk, int32_t broker, const char *topic, rd_kafka_queue_t *answers)
{
	rd_kafka_AdminOptions_t *options =
		rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_ConfigResource_t *what =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	char why[64];

	rd_kafka_ConfigResource_set_config(what, "cleanup.policy", NULL);
	if (!rd_kafka_AdminOptions_set_broker(options, broker, why, sizeof(why)))
		for (int i = 0; i < IN_FLIGHT; i++)
			rd_kafka_DescribeConfigs(rk, &what, 1, options, answers);
	rd_kafka_ConfigResource_destroy(what);
	rd_kafka_AdminOptions_destroy(options);
}

void hung_broker_apply(struct hung_broker *b, rd_kafka_t *rk, const char *topic,
		       rd_kafka_queue_t *answers)
{
	int32_t broker;

	if (!b)
		return;
	while ((broker = hung_broker_next(b, clock_ms())) >= 0)
		fill(rk, broker, topic, answers);
}

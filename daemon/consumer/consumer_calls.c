/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/consumer_calls.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NUDGE_MS 1000 /* at most */

static rd_kafka_error_t *error_of(rd_kafka_resp_err_t err)
{
	return err ? rd_kafka_error_new(err, "%s", rd_kafka_err2str(err)) : NULL;
}

/* What is wrong with the older protocol's call, librdkafka logs itself. */
static rd_kafka_error_t *rebalance(const struct consumer_calls *call, bool gained)
{
	const char *protocol = rd_kafka_rebalance_protocol(call->rk);

	if (!protocol || strcmp(protocol, "COOPERATIVE") != 0) {
		rd_kafka_assign(call->rk, gained ? call->list : NULL);
		return NULL;
	}
	return gained ? rd_kafka_incremental_assign(call->rk, call->list)
		      : rd_kafka_incremental_unassign(call->rk, call->list);
}

static rd_kafka_error_t *make(const struct consumer_calls *call)
{
	switch (call->kind) {
	case CONSUMER_CALLS_PAUSE:
		return error_of(rd_kafka_pause_partitions(call->rk, call->list));
	case CONSUMER_CALLS_RESUME:
		return error_of(rd_kafka_resume_partitions(call->rk, call->list));
	case CONSUMER_CALLS_SUBSCRIBE:
		return error_of(rd_kafka_subscribe(call->rk, call->list));
	case CONSUMER_CALLS_ASSIGN:
		return rd_kafka_incremental_assign(call->rk, call->list);
	case CONSUMER_CALLS_GAIN:
	case CONSUMER_CALLS_LOSE:
		return rebalance(call, call->kind == CONSUMER_CALLS_GAIN);
	case CONSUMER_CALLS_COMMIT:
		return error_of(rd_kafka_commit(call->rk, call->list, 0));
	case CONSUMER_CALLS_NUDGE:
		rd_kafka_offsets_for_times(call->rk, call->list, NUDGE_MS);
		break;
	}
	return NULL;
}

static void on_run(void *arg)
{
	struct consumer_calls *call = arg;

	call->error = make(call);
}

static void on_done(void *ctx, void *arg)
{
	const struct consumer_calls *call = arg;

	call->done(call->ctx, call);
}

static void on_drop(void *arg)
{
	struct consumer_calls *call = arg;

	rd_kafka_error_destroy(call->error);
	rd_kafka_topic_partition_list_destroy(call->list);
	free(call);
}

int consumer_calls_give(struct worker *worker, const struct consumer_calls *call)
{
	struct worker_job worker_job = {.run = on_run, .done = on_done, .drop = on_drop};
	struct consumer_calls *copy = malloc(sizeof(*copy));

	if (!copy) {
		rd_kafka_topic_partition_list_destroy(call->list);
		return -ENOMEM;
	}
	*copy = *call;
	worker_job.arg = copy;
	return worker_add(worker, &worker_job);
}

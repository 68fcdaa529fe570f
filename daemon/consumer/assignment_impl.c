/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/assignment_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

void assignment_fail(struct assignment *a, const char *what, const char *why)
{
	char text[512];

	snprintf(text, sizeof(text), "cannot %s topic %s: %s", what, a->topic, why);
	log_error("%s", text);
	a->opt.on_failed(a->opt.ctx, text);
}

void assignment_not_given(void *ctx, int r)
{
	assignment_fail(ctx, "read", strerror(-r));
}

void assignment_give(struct assignment *a, enum consumer_calls_kind kind,
		     rd_kafka_topic_partition_list_t *list,
		     void (*done)(void *ctx, const struct consumer_calls *call))
{
	const struct consumer_calls call = {
		.kind = kind, .rk = a->opt.rk, .list = list, .done = done, .ctx = a};
	int r = consumer_calls_give(a->worker, &call);

	if (r < 0)
		assignment_not_given(a, r);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "app/consumer_role_impl.h"

#include <stdio.h>

#include "kafka/kafka.h"

static enum metrics_state state_of(const struct role *s)
{
	static const enum metrics_state states[] = {
		[CONSUMER_READING] = METRICS_READING,
		[CONSUMER_NO_BROKER] = METRICS_NO_BROKER,
		[CONSUMER_NO_TOPIC] = METRICS_NO_TOPIC,
		[CONSUMER_STARTING] = METRICS_STARTING,
	};

	return s->stopping ? METRICS_STOPPING : states[consumer_condition(s->consumer)];
}

void consumer_metrics_read(struct role *s, struct metrics *out)
{
	char what[448];

	out->state = state_of(s);
	consumer_report_read(s, &out->counters);
	out->counted = true;
	out->kafka = kafka_stats(consumer_kafka(s->consumer));
	out->connected = kafka_connected(consumer_kafka(s->consumer));
	if (consumer_condition(s->consumer) == CONSUMER_READING)
		return;
	consumer_waiting_for(s->consumer, what, sizeof(what));
	snprintf(out->trouble, sizeof(out->trouble), "waiting for %s", what);
}

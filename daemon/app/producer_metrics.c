/* SPDX-License-Identifier: Apache-2.0 */
#include "app/producer_role_impl.h"

#include <stdio.h>

#include "capture/live_capture.h"
#include "kafka/kafka.h"
#include "producer/delivery.h"
#include "producer/outclient.h"
#include "producer/producer.h"
#include "producer/relay.h"

static enum metrics_state state_of(const struct role *s)
{
	if (s->ending)
		return METRICS_STOPPING;
	if (!s->delivery)
		return METRICS_STARTING;
	if (s->live && !live_capture_is_capturing(s->live))
		return METRICS_NO_INTERFACE;
	switch (delivery_trouble(s->delivery)) {
	case DELIVERY_NO_BROKER:
		return METRICS_NO_BROKER;
	case DELIVERY_NO_TOPIC:
		return METRICS_NO_TOPIC;
	default:
		return s->live ? METRICS_CAPTURING : METRICS_READING;
	}
}

/* What Kafka does not take may go to the spool. */
static void describe_trouble(const struct role *s, const struct relay_counters *r,
			     struct metrics *out)
{
	bool spools = relay_has_spool(s->relay);
	char what[400];

	if (delivery_trouble(s->delivery) == DELIVERY_WELL || (spools && !r->usage.full))
		return;
	delivery_waiting_for(s->delivery, what, sizeof(what));
	snprintf(out->trouble, sizeof(out->trouble), "waiting for %s; %s", what,
		 spools ? "the spool or its disk is full" : "there is no spool");
}

void producer_metrics_read(struct role *s, struct metrics *out)
{
	struct relay_counters r;

	out->state = state_of(s);
	if (!s->delivery) {
		snprintf(out->trouble, sizeof(out->trouble), "the capture is being opened");
		return;
	}
	producer_report_read(s, &out->counters);
	out->counted = true;
	out->kafka = kafka_stats(outclient_kafka(producer_client(s->producer)));
	out->connected = producer_is_connected(s->producer);
	out->ages = producer_ages(s->producer);
	relay_read_counters(s->relay, &r);
	describe_trouble(s, &r, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/consumer_words.h"

#include <stdio.h>

#include "kafka/hints.h"

void consumer_words_state(char *buf, size_t size, const struct consumer_view *view)
{
	const struct config *cfg = view->cfg;
	bool settled = assignment_is_known(view->assignment);

	if (view->disconnected)
		snprintf(buf, size, "waiting for broker %s", cfg->brokers);
	else if (view->trouble)
		snprintf(buf, size, "waiting for topic %s: %s", cfg->topic,
			 rd_kafka_err2str(view->trouble));
	else if (assignment_has_subscribed(view->assignment) && !settled)
		snprintf(buf, size, "waiting for partitions from the group");
	else if (!settled)
		snprintf(buf, size, "connecting to %s", cfg->brokers);
	else
		snprintf(buf, size, "reading %d partition(s) of topic %s",
			 assignment_count(view->assignment), cfg->topic);
}

/* "topic pcap: what is wrong with it: what to do". */
static void describe_trouble(char *buf, size_t size, const struct consumer_view *view)
{
	const char *error = kafka_last_error(view->k);
	bool known = view->trouble == RD_KAFKA_RESP_ERR__TRANSPORT && *error;
	const char *text = known ? error : rd_kafka_err2str(view->trouble);
	const struct hint hint = hints_behind(text, ": ");

	snprintf(buf, size, "topic %s: %s%s%s", view->cfg->topic, text, hint.mark, hint.advice);
}

void consumer_words_waiting(char *buf, size_t size, const struct consumer_view *view)
{
	const char *topic = view->cfg->topic;
	const char *error = kafka_last_error(view->k);
	const struct hint hint = hints_behind(error, ": ");

	if (view->blocked)
		snprintf(buf, size, "the reader of the output");
	else if (!kafka_connected(view->k))
		snprintf(buf, size, "broker %s%s%s%s%s", view->cfg->brokers, *error ? ": " : "",
			 error, hint.mark, hint.advice);
	else if (view->trouble)
		describe_trouble(buf, size, view);
	else if (view->group && !assignment_is_known(view->assignment))
		snprintf(buf, size, "partitions of topic %s from the group", topic);
	else
		snprintf(buf, size, "packets of topic %s", topic);
}

void consumer_words_absent(char *buf, size_t size, const struct consumer_view *view)
{
	char what[448];

	consumer_words_waiting(what, sizeof(what), view);
	snprintf(buf, size, "%s; --stall-timeout TIME waits longer", what);
}

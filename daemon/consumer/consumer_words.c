/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/consumer_words.h"

#include <stdio.h>
#include <string.h>

#include "consumer/range_timers.h"
#include "kafka/hints.h"

/* The look-ups of the topic fail as no broker answers: that is not the topic's. */
static bool lacks_broker(const struct consumer_view *view)
{
	rd_kafka_resp_err_t err = view->trouble;

	return view->disconnected ||
	       (!kafka_connected(view->k) &&
		(err == RD_KAFKA_RESP_ERR__TRANSPORT || err == RD_KAFKA_RESP_ERR__TIMED_OUT ||
		 err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN));
}

enum consumer_condition consumer_words_condition(const struct consumer_view *view)
{
	if (lacks_broker(view))
		return CONSUMER_NO_BROKER;
	if (view->trouble)
		return CONSUMER_NO_TOPIC;
	return assignment_is_known(view->assignment) ? CONSUMER_READING : CONSUMER_STARTING;
}

void consumer_words_state(char *buf, size_t size, const struct consumer_view *view)
{
	const struct config *cfg = view->cfg;

	switch (consumer_words_condition(view)) {
	case CONSUMER_NO_BROKER:
		snprintf(buf, size, "waiting for broker %s", cfg->brokers);
		break;
	case CONSUMER_NO_TOPIC:
		snprintf(buf, size, "waiting for topic %s: %s", cfg->topic,
			 rd_kafka_err2str(view->trouble));
		break;
	case CONSUMER_STARTING:
		if (assignment_has_subscribed(view->assignment))
			snprintf(buf, size, "waiting for partitions from the group");
		else
			snprintf(buf, size, "connecting to %s", cfg->brokers);
		break;
	case CONSUMER_READING:
		snprintf(buf, size, "reading %d partition(s) of topic %s",
			 assignment_count(view->assignment), cfg->topic);
		break;
	}
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

/* "HOST:PORT/bootstrap: Connect to ADDRESS failed: REASON" has the address twice: the reason. */
static const char *reason_of(const char *error)
{
	const char *connect = strstr(error, ": Connect to ");
	const char *failed = connect ? strstr(connect, " failed: ") : NULL;

	return failed ? failed + strlen(" failed: ") : error;
}

static void describe_broker(char *buf, size_t size, const struct consumer_view *view)
{
	const char *brokers = view->cfg->brokers, *error = kafka_last_error(view->k);
	const char *reason = strchr(brokers, ',') ? error : reason_of(error); /* which of them */
	const struct hint hint = hints_behind(error, ": ");

	snprintf(buf, size, "broker %s%s%s%s%s", brokers, *error ? ": " : "", reason, hint.mark,
		 hint.advice);
}

void consumer_words_waiting(char *buf, size_t size, const struct consumer_view *view)
{
	const char *topic = view->cfg->topic;

	if (view->blocked)
		snprintf(buf, size, "the reader of the output");
	else if (!kafka_connected(view->k))
		describe_broker(buf, size, view);
	else if (view->trouble)
		describe_trouble(buf, size, view);
	else if (view->group && !assignment_is_known(view->assignment))
		snprintf(buf, size, "partitions of topic %s from the group", topic);
	else
		snprintf(buf, size, "packets of topic %s", topic);
}

void consumer_words_absent(char *buf, size_t size, const struct consumer_view *view)
{
	const char *longer = view->cfg->attended ? "" : "; --stall-timeout TIME waits longer";
	char what[448];

	consumer_words_waiting(what, sizeof(what), view);
	if (!kafka_connected(view->k) && !*kafka_last_error(view->k))
		snprintf(buf, size, "%s: no answer within %d s%s", what, RANGE_TIMERS_ABSENT_SEC,
			 longer);
	else
		snprintf(buf, size, "%s%s", what, longer);
}

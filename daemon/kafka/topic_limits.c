/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/topic_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/units.h"
#include "kafka/topic_config.h"

#define ASK_MS 10000

const struct topic_limits topic_limits_none = {
	.retention = INT64_MAX,
	.before = INT64_MAX,
	.after = INT64_MAX,
	.difference = INT64_MAX,
};

/* ---- what they are ---- */

/* Negative: without a limit. */
static int64_t read_ms(const char *value)
{
	int64_t ms;

	return units_parse_integer(value, &ms) && ms >= 0 ? ms : INT64_MAX;
}

void topic_limits_put(struct topic_limits *l, const char *name, const char *value)
{
	if (!strcmp(name, "cleanup.policy"))
		l->deletes = strstr(value, "delete") != NULL;
	else if (!strcmp(name, "message.timestamp.type"))
		l->append_time = !strcmp(value, "LogAppendTime");
	else if (!strcmp(name, "retention.ms"))
		l->retention = read_ms(value);
	else if (!strcmp(name, "message.timestamp.before.max.ms"))
		l->before = read_ms(value);
	else if (!strcmp(name, "message.timestamp.after.max.ms"))
		l->after = read_ms(value);
	else if (!strcmp(name, "message.timestamp.difference.max.ms"))
		l->difference = read_ms(value);
}

/* ---- what they mean ---- */

static void format_time(char *buf, size_t size, int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	if (!gmtime_r(&s, &tm) || strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(buf, size, "@%lld", (long long)s);
}

/* How far from now a time stamp may lie, and by which property. */
static int64_t nearest_limit(const struct topic_limits *l, bool old, const char **property)
{
	int64_t limit = old ? l->before : l->after;

	*property = old ? "message.timestamp.before.max.ms" : "message.timestamp.after.max.ms";
	if (limit <= l->difference)
		return limit;
	*property = "message.timestamp.difference.max.ms";
	return l->difference;
}

static void explain_refusal(const struct topic_limits *l, const char *topic, const char *file,
			    int64_t time, int64_t now, char *buf, size_t size)
{
	char begin[40], far[32];
	const char *property;

	units_format_time(far, sizeof(far), (uint64_t)nearest_limit(l, time < now, &property));
	format_time(begin, sizeof(begin), time);
	snprintf(buf, size,
		 "Topic %s refuses time stamps more than %s %s now (%s), and %s begins at %s: such "
		 "packets get the current time, and only their keys keep the capture time. To "
		 "avoid that, set a larger %s for the topic (kafka-configs.sh)",
		 topic, far, time < now ? "before" : "after", property, file, begin, property);
}

static void explain_retention(const struct topic_limits *l, const char *topic, const char *file,
			      int64_t time, char *buf, size_t size)
{
	char begin[40], kept[32];

	format_time(begin, sizeof(begin), time);
	units_format_time(kept, sizeof(kept), (uint64_t)l->retention);
	snprintf(buf, size,
		 "Topic %s deletes records that are older than %s (retention.ms), and %s begins at "
		 "%s: Kafka may delete its packets at once. To keep them, set retention.ms=-1 for "
		 "the topic (kafka-configs.sh)",
		 topic, kept, file, begin);
}

bool topic_limits_explain(const struct topic_limits *l, const char *topic, const char *file,
			  int64_t time, int64_t now, char *buf, size_t size)
{
	const char *property;

	if (l->append_time)
		return false;
	/* What is refused is sent again with the present, so that it is not old any more. */
	if (llabs(now - time) > nearest_limit(l, time < now, &property)) {
		explain_refusal(l, topic, file, time, now, buf, size);
		return true;
	}
	if (!l->deletes || now - time <= l->retention)
		return false;
	explain_retention(l, topic, file, time, buf, size);
	return true;
}

/* ---- the question ---- */

int topic_limits_ask(struct topic_limits_question *q, rd_kafka_t *rk, const char *topic,
		     rd_kafka_queue_t *queue, topic_limits_fn fn, void *ctx)
{
	const struct topic_config_question question = {.topics = &topic,
						       .n = 1,
						       .timeout_ms = ASK_MS};

	*q = (struct topic_limits_question){fn, ctx};
	return topic_config_begin(rk, &question, queue);
}

static void take_setting(void *ctx, const char *topic, const char *name, const char *value)
{
	(void)topic;
	topic_limits_put(ctx, name, value);
}

void topic_limits_answer(struct topic_limits_question *q, rd_kafka_event_t *event)
{
	struct topic_limits limits = topic_limits_none;
	topic_limits_fn fn = q->fn;
	rd_kafka_resp_err_t err;

	if (!fn)
		return;
	q->fn = NULL;
	err = topic_config_read(event, take_setting, &limits);
	if (err)
		log_debug("The settings of the topic cannot be read: %s", rd_kafka_err2str(err));
	fn(q->ctx, err ? NULL : &limits, err);
}

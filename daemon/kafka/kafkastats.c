/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/kafkastats.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of an object's member: a number that is not negative, or -1. `object` may be NULL or no object.
 */
static int64_t number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value)
									: -1;
}

static int64_t longest_rtt(json_t *brokers)
{
	int64_t longest = -1;
	const char *name;
	json_t *broker;

	json_object_foreach(brokers, name, broker)
	{
		const json_t *rtt = json_object_get(broker, "rtt");

		/* Without an answer librdkafka says 0. */
		if (number(rtt, "cnt") > 0 && number(rtt, "max") > longest)
			longest = number(rtt, "max");
	}
	return longest;
}

/* A logical one only names another, e.g. the coordinator of a group. */
static bool has_none(json_t *brokers)
{
	const char *name, *source;
	json_t *broker;

	json_object_foreach(brokers, name, broker)
	{
		source = json_string_value(json_object_get(broker, "source"));
		if (!source || strcmp(source, "logical") != 0)
			return false;
	}
	return json_is_object(brokers);
}

/* One number of a window of librdkafka's; -1: nothing was measured in it. */
static int64_t of_window(const json_t *broker, const char *window, const char *name)
{
	const json_t *object = json_object_get(broker, window);

	return number(object, "cnt") > 0 ? number(object, name) : -1;
}

/* Not a bootstrap address, nor one of the cluster that it had no need to call on. */
static bool is_called_on(const json_t *broker)
{
	const char *source = json_string_value(json_object_get(broker, "source"));

	return number(broker, "nodeid") >= 0 && number(broker, "connects") != 0 && source &&
	       strcmp(source, "logical") != 0 &&
	       json_is_string(json_object_get(broker, "nodename"));
}

static struct kafkastats_broker *find_broker(struct kafkastats *s, const char *name)
{
	for (size_t i = 0; i < s->n_brokers; i++)
		if (!strcmp(s->brokers[i].name, name))
			return &s->brokers[i];
	return NULL;
}

/* A broker that has got another number is there twice, as are those behind one address: of these
 * the first that is up counts. */
static int add_broker(struct kafkastats *out, const json_t *broker)
{
	const char *state = json_string_value(json_object_get(broker, "state"));
	const char *nodename = json_string_value(json_object_get(broker, "nodename"));
	struct kafkastats_broker *place = find_broker(out, nodename);
	bool up = state && (!strcmp(state, "UP") || !strcmp(state, "UPDATE"));
	char *name = place ? place->name : strdup(nodename);

	if (!name)
		return -ENOMEM;
	if (place && (place->up || !up))
		return 0;
	if (!place)
		place = &out->brokers[out->n_brokers++];
	*place = (struct kafkastats_broker){
		.name = name,
		.up = up,
		.rtt_us = of_window(broker, "rtt", "avg"),
		.rtt_max_us = of_window(broker, "rtt", "max"),
		.outbuf_us = of_window(broker, "outbuf_latency", "avg"),
		.outbuf_max_us = of_window(broker, "outbuf_latency", "max"),
	};
	return 0;
}

static int read_brokers(struct kafkastats *out, json_t *brokers)
{
	size_t n = json_object_size(brokers);
	const char *key;
	json_t *broker;
	int r = 0;

	if (n == 0)
		return 0;
	out->brokers = calloc(n, sizeof(*out->brokers));
	if (!out->brokers)
		return -ENOMEM;
	json_object_foreach(brokers, key, broker)
	{
		if (r == 0 && is_called_on(broker))
			r = add_broker(out, broker);
	}
	return r;
}

/* librdkafka numbers them from 0 on, and adds one, -1, for messages that have none yet. */
static int read_partitions(struct kafkastats *out, const json_t *partitions)
{
	size_t n = json_object_size(partitions);
	char id[16];

	if (n == 0 || n > INT32_MAX)
		return 0;
	out->partitions = calloc(n, sizeof(*out->partitions));
	if (!out->partitions)
		return -ENOMEM;
	out->n = (int32_t)n;
	for (int32_t i = 0; i < out->n; i++) {
		const json_t *p;

		snprintf(id, sizeof(id), "%d", i);
		p = json_object_get(partitions, id);
		out->partitions[i] = (struct kafkastats_partition){
			.high = number(p, "hi_offset"),
			.end = number(p, "ls_offset"),
			.lag = number(p, "consumer_lag"),
		};
	}
	return 0;
}

int kafkastats_parse(struct kafkastats *out, const char *text, size_t len, const char *topic)
{
	json_t *root, *topics, *brokers;
	int r = 0;

	*out = (struct kafkastats){.rtt_us = -1};
	root = json_loadb(text, len, 0, NULL);
	if (!root)
		return -EINVAL;
	brokers = json_object_get(root, "brokers");
	out->rtt_us = longest_rtt(brokers);
	out->no_broker = has_none(brokers);
	topics = json_object_get(root, "topics");
	r = read_brokers(out, brokers);
	if (r == 0 && topic)
		r = read_partitions(out,
				    json_object_get(json_object_get(topics, topic), "partitions"));
	json_decref(root);
	if (r < 0)
		kafkastats_clear(out);
	return r;
}

int kafkastats_update(struct kafkastats *s, const char *text, const char *topic)
{
	struct kafkastats now;
	int r = kafkastats_parse(&now, text, strlen(text), *topic ? topic : NULL);

	if (!s->rtt_ended && s->rtt_us > now.rtt_us)
		now.rtt_us = s->rtt_us;
	kafkastats_clear(s);
	*s = now;
	return r;
}

void kafkastats_begin_rtt(struct kafkastats *s)
{
	s->rtt_ended = true;
}

const struct kafkastats_partition *kafkastats_find(const struct kafkastats *s, int32_t id)
{
	return id >= 0 && id < s->n ? &s->partitions[id] : NULL;
}

void kafkastats_clear(struct kafkastats *s)
{
	for (size_t i = 0; i < s->n_brokers; i++)
		free(s->brokers[i].name);
	free(s->brokers);
	free(s->partitions);
	*s = (struct kafkastats){.rtt_us = -1};
}

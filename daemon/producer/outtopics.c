/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/outtopics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kafka/kafka.h"
#include "producer/first_batch.h"
#include "producer/packet_message.h"

struct topic {
	char *name;
	rd_kafka_topic_t *handle;   /* NULL: not open */
	struct first_batch *firsts; /* of the client; NULL: not yet */
	struct log_limit refused;
	bool replaced, given_up; /* by a reload of this run; Kafka refused it since */
};

struct outtopics {
	struct topic *list;
	int n, room;
};

int outtopics_new(struct outtopics **out)
{
	struct outtopics *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	*out = t;
	return 0;
}

void outtopics_close(struct outtopics *t)
{
	if (!t)
		return;
	for (int i = 0; i < t->n; i++) {
		if (t->list[i].handle)
			rd_kafka_topic_destroy(t->list[i].handle);
		t->list[i].handle = NULL;
		t->list[i].firsts = NULL;
	}
}

void outtopics_free(struct outtopics *t)
{
	if (!t)
		return;
	for (int i = 0; i < t->n; i++)
		free(t->list[i].name);
	free(t->list);
	free(t);
}

int outtopics_find(const struct outtopics *t, const char *name)
{
	for (int i = 0; i < t->n; i++)
		if (!strcmp(t->list[i].name, name))
			return i;
	return -1;
}

static int make_room(struct outtopics *t)
{
	int room = t->room ? t->room * 2 : 4;
	struct topic *list;

	if (t->n < t->room)
		return 0;
	list = realloc(t->list, (size_t)room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	t->list = list;
	t->room = room;
	return 0;
}

int outtopics_add(struct outtopics *t, const char *name)
{
	int i = outtopics_find(t, name);
	struct topic topic;

	if (i >= 0)
		return i;
	topic = (struct topic){.name = strdup(name)};
	if (!topic.name || make_room(t) < 0) {
		free(topic.name);
		return -ENOMEM;
	}
	t->list[t->n] = topic;
	return t->n++;
}

const char *outtopics_name(const struct outtopics *t, int index)
{
	return t->list[index].name;
}

void outtopics_replace(struct outtopics *t, int from, int to)
{
	t->list[from].replaced = true;
	t->list[to].replaced = t->list[to].given_up = false;
}

bool outtopics_give_up(struct outtopics *t, int index)
{
	struct topic *topic = &t->list[index];

	if (!topic->replaced || topic->given_up)
		return false;
	topic->given_up = true;
	return true;
}

bool outtopics_is_given_up(const struct outtopics *t, int index)
{
	return t->list[index].given_up;
}

static rd_kafka_topic_t *open_handle(struct topic *topic, struct kafka *k)
{
	const char *why = strerror(ENOMEM);
	uint64_t held;

	if (!topic->firsts)
		topic->firsts = kafka_alloc(k, sizeof(*topic->firsts));
	if (topic->firsts) {
		topic->handle =
			packet_message_open_topic(kafka_client(k), topic->name, topic->firsts);
		why = rd_kafka_err2str(rd_kafka_last_error());
	}
	if (!topic->handle && log_limit_pass(&topic->refused, 60, &held))
		log_error("Topic %s: %s", topic->name, why);
	return topic->handle;
}

rd_kafka_topic_t *outtopics_handle(struct outtopics *t, int index, struct kafka *k)
{
	struct topic *topic = &t->list[index];

	return topic->handle ? topic->handle : open_handle(topic, k);
}

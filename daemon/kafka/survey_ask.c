/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four steps: metadata of everything in one request; first offset and end of all partitions, a
 * request for each of their leaders; records; what of the topics with packets is compacted.
 */
#include "kafka/survey_ask.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/thread.h"
#include "kafka/survey_reader.h"
#include "kafka/topic_config.h"

#define METADATA_MS 6000 /* an inquiry gives up before, and knows why */
#define OFFSETS_MS  2000 /* a broker that answered a moment ago takes no longer, or is gone */
#define POLICY_MS   1000 /* there must be so much left for it */
#define ROUNDS      4
#define ROUND_US    250000

/* Partitions that have one leader. */
struct group {
	struct survey_topic **topics; /* of each */
	struct survey_partition **partitions;
	size_t n;
};

static int time_left(uint64_t until_ms, int most_ms)
{
	uint64_t now = thread_now_ms();
	uint64_t left = until_ms > now ? until_ms - now : 1;

	return left < (uint64_t)most_ms ? (int)left : most_ms;
}

/* What librdkafka 2.0.2 says of a request that got no answer. */
static rd_kafka_resp_err_t judge(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR__BAD_MSG || err == RD_KAFKA_RESP_ERR__RESOLVE
		       ? RD_KAFKA_RESP_ERR__TRANSPORT
		       : err;
}

/* ---- offsets ---- */

static rd_kafka_topic_partition_list_t *list_of(const struct group *g)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)g->n);

	for (size_t i = 0; i < g->n; i++)
		rd_kafka_topic_partition_list_add(list, g->topics[i]->name, g->partitions[i]->id);
	return list;
}

/* Asks for one offset of each: RD_KAFKA_OFFSET_BEGINNING or _END. */
static rd_kafka_resp_err_t ask_offsets(rd_kafka_t *rk, const struct group *g, int64_t which,
				       uint64_t until_ms)
{
	rd_kafka_topic_partition_list_t *list = list_of(g);
	rd_kafka_resp_err_t err;

	for (int i = 0; i < list->cnt; i++)
		list->elems[i].offset = which;
	err = rd_kafka_offsets_for_times(rk, list, time_left(until_ms, OFFSETS_MS));
	for (size_t i = 0; i < g->n && !err; i++) {
		struct survey_partition *p = g->partitions[i];

		*(which == RD_KAFKA_OFFSET_END ? &p->end : &p->begin) = list->elems[i].offset;
		p->err = list->elems[i].err;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return judge(err);
}

static bool is_broker_gone(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR__TIMED_OUT || err == RD_KAFKA_RESP_ERR__TRANSPORT;
}

/* One that is refused fails all that were asked about with it: they are asked by halves then. */
static void look_up(rd_kafka_t *rk, const struct group *g, uint64_t until_ms)
{
	const struct group first = {g->topics, g->partitions, g->n / 2};
	const struct group second = {g->topics + first.n, g->partitions + first.n, g->n - first.n};
	rd_kafka_resp_err_t err = ask_offsets(rk, g, RD_KAFKA_OFFSET_BEGINNING, until_ms);

	if (!err)
		err = ask_offsets(rk, g, RD_KAFKA_OFFSET_END, until_ms);
	if (!err)
		return;
	if (g->n > 1 && !is_broker_gone(err)) {
		look_up(rk, &first, until_ms);
		look_up(rk, &second, until_ms);
		return;
	}
	for (size_t i = 0; i < g->n; i++)
		g->partitions[i]->err = err;
}

static size_t count_partitions(const struct survey *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->topics[i].n;
	return n;
}

/* Gathers those that `leader` leads and that are to be asked about. */
static void take_group(struct group *g, struct survey *s, int32_t leader)
{
	g->n = 0;
	for (size_t i = 0; i < s->n; i++) {
		for (size_t j = 0; j < s->topics[i].n; j++) {
			struct survey_partition *p = &s->topics[i].partitions[j];

			if (!p->again || p->leader != leader)
				continue;
			p->again = false;
			g->topics[g->n] = &s->topics[i];
			g->partitions[g->n++] = p;
		}
	}
}

/* Has those asked about again that have just been made, or got another leader. */
static bool forgive(struct survey *s)
{
	bool any = false;

	for (size_t i = 0; i < s->n; i++) {
		for (size_t j = 0; j < s->topics[i].n; j++) {
			struct survey_partition *p = &s->topics[i].partitions[j];

			if (p->err != RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION &&
			    p->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
				continue;
			p->err = RD_KAFKA_RESP_ERR_NO_ERROR;
			p->again = any = true;
		}
	}
	return any;
}

static void look_up_all(struct survey *s, rd_kafka_t *rk, const rd_kafka_metadata_t *md,
			uint64_t until_ms)
{
	size_t n = count_partitions(s);
	struct group g = {calloc(n + 1, sizeof(*g.topics)), calloc(n + 1, sizeof(*g.partitions)),
			  0};
	int round = 0;

	if (!g.topics || !g.partitions)
		s->err = RD_KAFKA_RESP_ERR__FAIL;
	do {
		for (int i = 0; i < md->broker_cnt && !s->err; i++) {
			take_group(&g, s, md->brokers[i].id);
			if (g.n > 0)
				look_up(rk, &g, until_ms);
		}
	} while (++round < ROUNDS && forgive(s) && usleep(ROUND_US) == 0);
	free(g.topics);
	free(g.partitions);
}

/* ---- topics ---- */

static bool is_known(const rd_kafka_metadata_t *md, int32_t broker)
{
	for (int i = 0; i < md->broker_cnt; i++)
		if (md->brokers[i].id == broker)
			return true;
	return false;
}

static int compare_ids(const void *a, const void *b)
{
	int32_t x = ((const struct survey_partition *)a)->id;
	int32_t y = ((const struct survey_partition *)b)->id;

	return (x > y) - (x < y);
}

static bool take_topic(struct survey_topic *t, const rd_kafka_metadata_t *md,
		       const rd_kafka_metadata_topic_t *told)
{
	t->name = strdup(told->topic);
	t->err = told->err;
	t->partitions = calloc((size_t)told->partition_cnt + 1, sizeof(*t->partitions));
	if (!t->name || !t->partitions)
		return false;
	t->n = (size_t)told->partition_cnt;
	for (size_t i = 0; i < t->n; i++) {
		struct survey_partition *p = &t->partitions[i];

		p->id = told->partitions[i].id;
		p->leader = told->partitions[i].leader;
		p->again = is_known(md, p->leader);
		if (!p->again)
			p->err = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
	}
	qsort(t->partitions, t->n, sizeof(*t->partitions), compare_ids);
	return true;
}

/* Kafka's own topics, and those of what is built on it, begin so. */
static bool is_internal(const char *name)
{
	return strncmp(name, "__", 2) == 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct survey_topic *)a)->name,
		      ((const struct survey_topic *)b)->name);
}

static void take_topics(struct survey *s, const rd_kafka_metadata_t *md)
{
	s->topics = calloc((size_t)md->topic_cnt + 1, sizeof(*s->topics));
	for (int i = 0; i < md->topic_cnt && s->topics; i++) {
		if (!s->topic && is_internal(md->topics[i].topic))
			continue;
		if (!take_topic(&s->topics[s->n++], md, &md->topics[i])) {
			s->err = RD_KAFKA_RESP_ERR__FAIL;
			return;
		}
	}
	if (!s->topics)
		s->err = RD_KAFKA_RESP_ERR__FAIL;
	else
		qsort(s->topics, s->n, sizeof(*s->topics), compare);
}

static rd_kafka_resp_err_t ask_metadata(const struct survey *s, rd_kafka_t *rk,
					const rd_kafka_metadata_t **md, uint64_t until_ms)
{
	rd_kafka_topic_t *rkt = s->topic ? rd_kafka_topic_new(rk, s->topic, NULL) : NULL;
	rd_kafka_resp_err_t err;

	if (s->topic && !rkt)
		return rd_kafka_last_error();
	err = rd_kafka_metadata(rk, !rkt, rkt, md, time_left(until_ms, METADATA_MS));
	if (rkt)
		rd_kafka_topic_destroy(rkt);
	return judge(err);
}

/* ---- compaction ---- */

static bool has_packets(const struct survey_topic *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->partitions[i].sample.ours > 0)
			return true;
	return false;
}

/* In a compacted topic there can be gaps wherever no sample is. */
static void take_policy(void *ctx, const char *topic, const char *name, const char *value)
{
	const struct survey_topic key = {.name = (char *)topic};
	const struct survey *s = ctx;
	struct survey_topic *t = bsearch(&key, s->topics, s->n, sizeof(key), compare);
	bool compacted = !strcmp(name, "cleanup.policy") && strstr(value, "compact");

	for (size_t i = 0; t && compacted && i < t->n; i++)
		t->partitions[i].gaps = true;
}

/* A broker that does not tell is none that says no: the samples have told already. */
static void ask_policies(struct survey *s, rd_kafka_t *rk, uint64_t until_ms)
{
	const char **topics = calloc(s->n + 1, sizeof(*topics));
	struct topic_config_question question = {.topics = topics,
						 .timeout_ms = time_left(until_ms, POLICY_MS)};

	for (size_t i = 0; topics && i < s->n; i++)
		if (has_packets(&s->topics[i]))
			topics[question.n++] = s->topics[i].name;
	if (question.n > 0 && question.timeout_ms == POLICY_MS)
		topic_config_ask(rk, &question, take_policy, s);
	free(topics);
}

/* ---- all of it ---- */

void survey_ask(struct survey *s, rd_kafka_t *rk)
{
	uint64_t until_ms = thread_now_ms() + s->most_ms;
	const rd_kafka_metadata_t *md = NULL;

	s->err = ask_metadata(s, rk, &md, until_ms);
	if (!s->err && !md)
		s->err = RD_KAFKA_RESP_ERR__FAIL;
	if (s->err)
		return;
	take_topics(s, md);
	if (!s->err)
		look_up_all(s, rk, md, until_ms);
	rd_kafka_metadata_destroy(md);
	if (!s->err)
		survey_reader_run(s, rk, until_ms);
	if (!s->err)
		ask_policies(s, rk, until_ms);
}

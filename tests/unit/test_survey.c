/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of a cluster, and what is made of its answers. The cluster is the test's: topics
 * "a", "b", ... of some partitions, whose records lie at the offsets that a test says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/topic_facts.h"
#include "kafka/record_decode.h"
#include "kafka/survey_ask.h"
#include "kafka/topic_config.h"

#define TOPICS     8
#define PARTITIONS 8
#define T0         UINT64_C(1700000000000000)
#define BLOCK      40 /* packets of one */

struct fake_partition {
	int64_t begin, end;
	int64_t step; /* records lie at each so many offsets; 0: 1 */
	int64_t turn; /* from here on they are blocks, up to it packets; 0: all are packets */
	int64_t back; /* and from here on again what they were; 0: nowhere */
	bool turned;  /* the other way round */
	bool marker;  /* the last offset is no record: a transaction ended */
	bool deleted; /* what was at the beginning, before it could be read */
	int32_t leader;
	rd_kafka_resp_err_t offsets_err, read_err;
	int refusals; /* how often offsets_err is given; 0: always */

	bool active, told_end;
	int64_t position;
	int reads, starts, seeks;
};

struct fake_topic {
	char name[16];
	struct fake_partition p[PARTITIONS];
	int n;
	const char *policy;
};

static struct {
	struct fake_topic topics[TOPICS];
	int n;
	rd_kafka_resp_err_t metadata_err;
	bool all;        /* were asked for */
	int calls;       /* for offsets */
	size_t policies; /* asked for */
	int most_active; /* partitions at a time */
	bool silent;     /* no record comes */
	struct survey survey;
} world;

/* ---- in place of librdkafka's ---- */

struct rd_kafka_topic_s {
	int unused;
};
struct rd_kafka_queue_s {
	int unused;
};
static struct rd_kafka_queue_s queue;

rd_kafka_queue_t *rd_kafka_queue_new(rd_kafka_t *rk)
{
	return &queue;
}

void rd_kafka_queue_destroy(rd_kafka_queue_t *q)
{
}

rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *rk, const char *name, rd_kafka_topic_conf_t *conf)
{
	for (int i = 0; i < world.n; i++)
		if (!strcmp(world.topics[i].name, name))
			return (rd_kafka_topic_t *)&world.topics[i];
	fail();
	return NULL;
}

void rd_kafka_topic_destroy(rd_kafka_topic_t *rkt)
{
}

const char *rd_kafka_topic_name(const rd_kafka_topic_t *rkt)
{
	return ((const struct fake_topic *)rkt)->name;
}

rd_kafka_resp_err_t rd_kafka_metadata(rd_kafka_t *rk, int all, rd_kafka_topic_t *only,
				      const struct rd_kafka_metadata **out, int timeout_ms)
{
	rd_kafka_metadata_t *md = calloc(1, sizeof(*md));
	const struct fake_topic *one = (const struct fake_topic *)only;

	world.all = all;
	md->brokers = calloc(3, sizeof(*md->brokers));
	md->broker_cnt = 3;
	for (int i = 0; i < 3; i++)
		md->brokers[i].id = i + 1;
	md->topics = calloc((size_t)world.n + 1, sizeof(*md->topics));
	for (int i = 0; i < world.n; i++) {
		struct fake_topic *t = &world.topics[world.n - 1 - i];
		rd_kafka_metadata_topic_t *told = &md->topics[md->topic_cnt];

		if (one && one != t)
			continue;
		md->topic_cnt++;
		told->topic = t->name;
		told->partition_cnt = t->n;
		told->partitions = calloc((size_t)t->n + 1, sizeof(*told->partitions));
		for (int j = 0; j < t->n; j++)
			told->partitions[j] =
				(rd_kafka_metadata_partition_t){.id = t->n - 1 - j,
								.leader =
									t->p[t->n - 1 - j].leader};
	}
	*out = md;
	if (world.metadata_err)
		rd_kafka_metadata_destroy(md);
	return world.metadata_err;
}

void rd_kafka_metadata_destroy(const struct rd_kafka_metadata *md)
{
	for (int i = 0; i < md->topic_cnt; i++)
		free(md->topics[i].partitions);
	free(md->topics);
	free(md->brokers);
	free((void *)md);
}

static struct fake_partition *partition_of(const char *topic, int32_t id)
{
	return &((struct fake_topic *)rd_kafka_topic_new(NULL, topic, NULL))->p[id];
}

/* As librdkafka does, one that is refused fails them all. */
rd_kafka_resp_err_t rd_kafka_offsets_for_times(rd_kafka_t *rk,
					       rd_kafka_topic_partition_list_t *list,
					       int timeout_ms)
{
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;

	world.calls++;
	for (int i = 0; i < list->cnt; i++) {
		rd_kafka_topic_partition_t *e = &list->elems[i];
		struct fake_partition *p = partition_of(e->topic, e->partition);

		if (p->offsets_err) {
			err = p->offsets_err;
			if (p->refusals > 0 && --p->refusals == 0)
				p->offsets_err = RD_KAFKA_RESP_ERR_NO_ERROR;
		}
		e->offset = e->offset == RD_KAFKA_OFFSET_END ? p->end : p->begin;
	}
	return err;
}

int rd_kafka_consume_start_queue(rd_kafka_topic_t *rkt, int32_t id, int64_t offset,
				 rd_kafka_queue_t *q)
{
	struct fake_partition *p = &((struct fake_topic *)rkt)->p[id];
	int active = 1;

	for (int i = 0; i < world.n; i++)
		for (int j = 0; j < world.topics[i].n; j++)
			active += world.topics[i].p[j].active;
	if (active > world.most_active)
		world.most_active = active;
	p->active = true;
	p->starts++;
	p->position = offset;
	if (p->deleted) /* auto.offset.reset */
		p->position = p->begin = p->end;
	return 0;
}

int rd_kafka_consume_stop(rd_kafka_topic_t *rkt, int32_t id)
{
	struct fake_partition *p = &((struct fake_topic *)rkt)->p[id];

	assert_true(p->active);
	p->active = false;
	return 0;
}

rd_kafka_resp_err_t rd_kafka_seek(rd_kafka_topic_t *rkt, int32_t id, int64_t offset, int timeout_ms)
{
	struct fake_partition *p = &((struct fake_topic *)rkt)->p[id];

	assert_int_equal(timeout_ms, 0);
	p->position = offset;
	p->told_end = false;
	p->seeks++;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_message_t *make_message(struct fake_topic *t, int id)
{
	rd_kafka_message_t *msg = calloc(1, sizeof(*msg) + 16);
	struct fake_partition *p = &t->p[id];
	int64_t step = p->step ? p->step : 1;

	msg->rkt = (rd_kafka_topic_t *)t;
	msg->partition = id;
	while (p->position % step)
		p->position++;
	msg->offset = p->position;
	if (p->read_err) {
		msg->err = p->read_err;
	} else if (p->position >= p->end - p->marker) {
		msg->offset = p->end;
		msg->err = RD_KAFKA_RESP_ERR__PARTITION_EOF;
		p->told_end = true;
	} else {
		msg->key = msg + 1;
		msg->key_len = 8;
		bytes_put_be64((uint8_t *)msg->key, T0 + (uint64_t)p->position);
		msg->payload = msg->key;
		msg->len = 92;
		p->position++;
		p->reads++;
	}
	return msg;
}

rd_kafka_message_t *rd_kafka_consume_queue(rd_kafka_queue_t *q, int timeout_ms)
{
	for (int i = 0; i < world.n && !world.silent; i++)
		for (int j = 0; j < world.topics[i].n; j++)
			if (world.topics[i].p[j].active && !world.topics[i].p[j].told_end)
				return make_message(&world.topics[i], j);
	return NULL;
}

ssize_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *q, int timeout_ms,
				     rd_kafka_message_t **batch, size_t size)
{
	size_t n = 0;

	while (n < size && n < 5 && (batch[n] = rd_kafka_consume_queue(q, 0)))
		n++;
	return (ssize_t)n;
}

void rd_kafka_message_destroy(rd_kafka_message_t *msg)
{
	free(msg);
}

/* In place of record_decode.c. */
int record_decode(const rd_kafka_message_t *msg, packet_fn take, void *ctx,
		  char why[RECORD_DECODE_WHY_SIZE])
{
	const struct fake_partition *p = &((struct fake_topic *)msg->rkt)->p[msg->partition];
	const struct packet pkt = {.time_us = T0 + (uint64_t)msg->offset};
	bool between = msg->offset >= p->turn && (!p->back || msg->offset < p->back);
	bool block = p->turn && between != p->turned;

	*why = '\0';
	for (int i = 0; i < (block ? BLOCK : 1); i++)
		take(ctx, &pkt);
	return 0;
}

int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *msg, rd_kafka_timestamp_type_t *type)
{
	*type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
	return -1;
}

/* In place of topic_config.c. */
rd_kafka_resp_err_t topic_config_ask(rd_kafka_t *rk, const struct topic_config_question *q,
				     topic_config_fn told, void *ctx)
{
	world.policies += q->n;
	for (size_t i = 0; i < q->n; i++) {
		const struct fake_topic *t =
			(const struct fake_topic *)rd_kafka_topic_new(NULL, q->topics[i], NULL);

		told(ctx, t->name, "retention.ms", "compact");
		if (t->policy)
			told(ctx, t->name, "cleanup.policy", t->policy);
	}
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- the tests ---- */

static struct fake_topic *add_topic(const char *name, int n, int64_t records)
{
	struct fake_topic *t = &world.topics[world.n++];

	snprintf(t->name, sizeof(t->name), "%s", name);
	t->n = n;
	for (int i = 0; i < n; i++)
		t->p[i] = (struct fake_partition){.begin = 100, .end = 100 + records, .leader = 1};
	return t;
}

static struct survey_topic *ask(const char *topic)
{
	world.survey.topic = topic;
	world.survey.most_ms = world.silent ? 50 : 20000;
	survey_ask(&world.survey, NULL);
	return world.survey.topics;
}

static int forget(void **state)
{
	for (int i = 0; i < world.n; i++)
		for (int j = 0; j < world.topics[i].n; j++)
			assert_false(world.topics[i].p[j].active); /* all were stopped */
	survey_clear(&world.survey);
	memset(&world, 0, sizeof(world));
	return 0;
}

/* What was written as packets and later as blocks, or the other way round, is found. */
static void test_packets_of_a_mixed_topic_are_reckoned_by_kind(void **state)
{
	static const int64_t turns[] = {50, 1000, 50000, 90000, 99990};

	for (size_t i = 0; i < 2 * sizeof(turns) / sizeof(turns[0]); i++) {
		struct fake_topic *t = add_topic("a", 1, 100000);
		struct topic_facts f;
		uint64_t early = (uint64_t)turns[i / 2], late = 100000 - early, packets;

		t->p[0].turn = 100 + turns[i / 2];
		t->p[0].turned = i % 2;
		packets = i % 2 ? BLOCK * early + late : early + BLOCK * late;
		topic_facts_of_topic(&f, ask(NULL));
		assert_int_equal(f.records, 100000);
		assert_true(f.about_packets);
		assert_int_equal(f.err, 0);
		assert_in_range(f.packets, packets - packets / 5, packets + packets / 5);
		assert_in_range(t->p[0].seeks, 1, 12);
		topic_facts_clear(&f);
		forget(NULL);
	}
}

/* The beginning and the end are of one kind, and what lies between is not. */
static void test_a_topic_that_turned_twice_is_reckoned_by_kind(void **state)
{
	static const struct {
		int64_t turn, back;
	} turns[] = {{40, 99960}, {10000, 30000}, {40000, 60000}, {60000, 99000}};

	for (size_t i = 0; i < 2 * sizeof(turns) / sizeof(turns[0]); i++) {
		struct fake_topic *t = add_topic("a", 1, 100000);
		uint64_t between = (uint64_t)(turns[i / 2].back - turns[i / 2].turn), packets;
		struct topic_facts f;

		t->p[0].turn = 100 + turns[i / 2].turn;
		t->p[0].back = 100 + turns[i / 2].back;
		t->p[0].turned = i % 2;
		packets = i % 2 ? BLOCK * (100000 - between) + between
				: BLOCK * between + (100000 - between);
		topic_facts_of_topic(&f, ask(NULL));
		assert_true(f.about_packets);
		assert_int_equal(f.err, 0);
		assert_in_range(f.packets, packets - packets / 5, packets + packets / 5);
		assert_in_range(t->p[0].seeks, 4, 18);
		topic_facts_clear(&f);
		forget(NULL);
	}
}

static void test_the_first_and_the_last_records_are_read(void **state)
{
	struct fake_topic *t = add_topic("a", 1, 1000000);
	const struct survey_partition *p = ask(NULL)->partitions;

	assert_int_equal(world.survey.err, 0);
	assert_int_equal(p->begin, 100);
	assert_int_equal(p->end, 1000100);
	assert_int_equal(p->err + p->sample_err, 0);
	assert_int_equal(p->sample.first_us, T0 + 100);
	assert_int_equal(p->sample.last_us, T0 + 1000099);
	assert_false(p->gaps);
	assert_int_equal(t->p[0].starts, 1);
	assert_int_equal(t->p[0].seeks, 4);
	assert_in_range(p->sample.records, 10, 100);
}

static void test_a_short_partition_is_read_once(void **state)
{
	struct fake_topic *t = add_topic("a", 2, 60);
	const struct survey_topic *got;

	t->p[1].end = t->p[1].begin; /* empty */
	got = ask(NULL);
	assert_int_equal(got->partitions[0].sample.records, 60);
	assert_int_equal(got->partitions[0].sample.last_us, T0 + 159);
	assert_int_equal(t->p[0].seeks, 0);
	assert_int_equal(got->partitions[1].sample_err, 0);
	assert_int_equal(t->p[1].starts, 0);
}

static void test_gaps_are_seen(void **state)
{
	struct fake_topic *t = add_topic("a", 3, 50);
	const struct survey_topic *got;

	t->p[0].step = 7;
	t->p[0].begin = 105; /* where there is one, */
	t->p[0].end = 148;   /* and behind one */
	t->p[1].marker = true;
	t->p[2].deleted = true;
	got = ask(NULL);
	for (int i = 0; i < 3; i++) {
		assert_true(got->partitions[i].gaps);
		assert_int_equal(got->partitions[i].sample_err, 0);
	}
	assert_int_equal(got->partitions[0].sample.records, 7);
	assert_int_equal(got->partitions[1].sample.records, 49);
	assert_int_equal(got->partitions[2].sample.records, 0);
}

/* Between the samples there may be gaps. Topics of others are not asked about. */
static void test_a_compacted_topic_has_gaps(void **state)
{
	const struct survey_topic *got;

	add_topic("a", 2, 50)->policy = "delete,compact";
	add_topic("b", 2, 50)->policy = "delete";
	add_topic("c", 2, 50);
	add_topic("d", 1, 0)->policy = "compact";
	got = ask(NULL);
	assert_int_equal(world.policies, 3);
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < got[i].n; j++)
			assert_int_equal(got[i].partitions[j].gaps, i == 0);
}

static void test_topics_come_by_name_and_without_kafkas_own(void **state)
{
	const struct survey_topic *got;

	add_topic("b", 1, 1);
	add_topic("__offsets", 1, 1);
	add_topic("a", 3, 1);
	got = ask(NULL);
	assert_true(world.all);
	assert_int_equal(world.survey.n, 2);
	assert_string_equal(got[0].name, "a");
	assert_string_equal(got[1].name, "b");
	for (int i = 0; i < 3; i++)
		assert_int_equal(got[0].partitions[i].id, i);
	survey_clear(&world.survey);
	got = ask("__offsets");
	assert_false(world.all);
	assert_int_equal(world.survey.n, 1);
	assert_int_equal(got[0].partitions[0].sample.records, 1);
}

/* Two calls for each broker, however many partitions there are. */
static void test_offsets_are_asked_for_at_once(void **state)
{
	for (char name[] = "a"; name[0] <= 'h'; name[0]++) {
		struct fake_topic *t = add_topic(name, 8, 3);

		for (int i = 0; i < 8; i++)
			t->p[i].leader = 1 + i % 3;
	}
	ask(NULL);
	assert_int_equal(world.calls, 6);
	for (size_t i = 0; i < 8; i++)
		for (size_t j = 0; j < 8; j++)
			assert_int_equal(world.survey.topics[i].partitions[j].sample.records, 3);
}

static void test_one_that_is_refused_does_not_hold_up_the_others(void **state)
{
	struct fake_topic *t = add_topic("a", 8, 3);
	const struct survey_topic *got;

	t->p[5].offsets_err = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
	t->p[6].leader = -1;
	t->p[7].leader = 9; /* gone */
	t->p[2].read_err = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
	got = ask(NULL);
	for (int i = 0; i < 5; i++)
		assert_int_equal(got->partitions[i].err, 0);
	assert_int_equal(got->partitions[0].sample.records, 3);
	assert_int_equal(got->partitions[2].sample_err,
			 RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_int_equal(got->partitions[5].err, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_int_equal(got->partitions[6].err, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
	assert_int_equal(got->partitions[7].err, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
}

static void test_a_leader_that_moves_is_asked_again(void **state)
{
	struct fake_topic *t = add_topic("a", 2, 3);
	const struct survey_topic *got;

	t->p[1].offsets_err = RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
	t->p[1].refusals = 2; /* with the other one, and alone */
	got = ask(NULL);
	assert_int_equal(got->partitions[1].err, 0);
	assert_int_equal(got->partitions[1].sample.records, 3);
}

/* A broker that is gone is not asked about each of its partitions. */
static void test_a_broker_that_is_gone_costs_one_call(void **state)
{
	struct fake_topic *t = add_topic("a", 8, 3);
	const struct survey_topic *got;

	for (int i = 4; i < 8; i++) {
		t->p[i].leader = 2;
		t->p[i].offsets_err = RD_KAFKA_RESP_ERR__TIMED_OUT;
	}
	got = ask(NULL);
	assert_int_equal(world.calls, 3);
	assert_int_equal(got->partitions[3].sample.records, 3);
	assert_int_equal(got->partitions[4].err, RD_KAFKA_RESP_ERR__TIMED_OUT);
}

static void test_what_is_late_is_told(void **state)
{
	const struct survey_topic *got;

	add_topic("a", 2, 3);
	world.silent = true;
	got = ask(NULL);
	assert_int_equal(world.survey.err, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(got->partitions[i].end, 103);
		assert_int_equal(got->partitions[i].sample_err, RD_KAFKA_RESP_ERR__TIMED_OUT);
	}
}

static void test_without_an_answer_there_is_nothing(void **state)
{
	add_topic("a", 1, 3);
	world.metadata_err = RD_KAFKA_RESP_ERR__BAD_MSG;
	ask(NULL);
	assert_int_equal(world.survey.err, RD_KAFKA_RESP_ERR__TRANSPORT);
	assert_int_equal(world.survey.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_packets_of_a_mixed_topic_are_reckoned_by_kind,
					  forget),
		cmocka_unit_test_teardown(test_a_topic_that_turned_twice_is_reckoned_by_kind,
					  forget),
		cmocka_unit_test_teardown(test_the_first_and_the_last_records_are_read, forget),
		cmocka_unit_test_teardown(test_a_short_partition_is_read_once, forget),
		cmocka_unit_test_teardown(test_gaps_are_seen, forget),
		cmocka_unit_test_teardown(test_a_compacted_topic_has_gaps, forget),
		cmocka_unit_test_teardown(test_topics_come_by_name_and_without_kafkas_own, forget),
		cmocka_unit_test_teardown(test_offsets_are_asked_for_at_once, forget),
		cmocka_unit_test_teardown(test_one_that_is_refused_does_not_hold_up_the_others,
					  forget),
		cmocka_unit_test_teardown(test_a_leader_that_moves_is_asked_again, forget),
		cmocka_unit_test_teardown(test_a_broker_that_is_gone_costs_one_call, forget),
		cmocka_unit_test_teardown(test_what_is_late_is_told, forget),
		cmocka_unit_test_teardown(test_without_an_answer_there_is_nothing, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

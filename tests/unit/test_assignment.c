/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each state and event of assignment.c's table: the look-ups, the group and the calls to librdkafka
 * are the test's; the pauses are real.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/worker.h"
#include "consumer/assignment.h"
#include "consumer/assignment_group.h"
#include "consumer/consumer_calls.h"
#include "consumer/gaps.h"
#include "consumer/offset_lookup.h"
#include "lines.h"

#define CALLS_MAX 16

static struct {
	struct offset_lookup_options lookup;
	int lookups_open;
	bool lookup_closed, lookup_stopped, lookup_hangs, worker_hangs;
	void (*gone[2])(void *arg); /* of the look-up, and of the calls, that hang */
	void *gone_arg[2];
	struct consumer_calls calls[CALLS_MAX]; /* given to the worker, those that ended too */
	size_t n_calls, ended;
	bool unsafe; /* what was taken is in no file yet that has its name */
	bool commits_nothing;
	int committed; /* on_committed() */
	bool lost;     /* what rd_kafka_assignment_lost() says */
	int changes, losing, losts, flows, failures, client_gone;
	int assigning;
	char stored[128]; /* "partition:offset " of the last rd_kafka_offsets_store() */
	char why[256];
} world;

static char topic[] = "pcap", brokers[] = "kafka:9092";

/* ---- what stands around it ---- */

int offset_lookup_new(struct offset_lookup **out, const struct offset_lookup_options *opt)
{
	world.lookup = *opt;
	world.lookups_open++;
	*out = (struct offset_lookup *)&world;
	return 0;
}

void offset_lookup_close(struct offset_lookup *l)
{
	world.lookup_closed = true;
}

void offset_lookup_stop(struct offset_lookup *l)
{
	world.lookup_stopped = true;
}

bool offset_lookup_free(struct offset_lookup *l, unsigned int wait_ms, void (*gone)(void *arg),
			void *arg)
{
	world.lookups_open--;
	world.gone[0] = gone;
	world.gone_arg[0] = arg;
	return !world.lookup_hangs;
}

void offset_lookup_log(const char *name, const char *servers, rd_kafka_resp_err_t err)
{
}

int worker_new(struct worker **out, struct ev_loop *loop, void *ctx)
{
	*out = (struct worker *)&world;
	return 0;
}

size_t worker_pending(const struct worker *e)
{
	return world.n_calls - world.ended;
}

void worker_stop(struct worker *e)
{
}

int worker_add(struct worker *e, const struct worker_job *job)
{
	return 0;
}

bool worker_release(struct worker *e, unsigned int wait_ms, void (*gone)(void *arg), void *arg)
{
	world.gone[1] = gone;
	world.gone_arg[1] = arg;
	return !world.worker_hangs;
}

int consumer_calls_give(struct worker *worker, const struct consumer_calls *call)
{
	assert_true(world.n_calls < CALLS_MAX);
	world.calls[world.n_calls++] = *call;
	return 0;
}

int rd_kafka_assignment_lost(rd_kafka_t *rk)
{
	return world.lost;
}

rd_kafka_resp_err_t rd_kafka_offsets_store(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
	size_t n = 0;

	for (int i = 0; i < list->cnt; i++)
		n += (size_t)snprintf(world.stored + n, sizeof(world.stored) - n, "%d:%lld ",
				      list->elems[i].partition, (long long)list->elems[i].offset);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

const rd_kafka_conf_t *rd_kafka_conf(rd_kafka_t *rk)
{
	return NULL;
}

rd_kafka_conf_res_t rd_kafka_conf_get(const rd_kafka_conf_t *conf, const char *name, char *dest,
				      size_t *size)
{
	assert_string_equal(name, "enable.auto.commit");
	snprintf(dest, *size, "%s", world.commits_nothing ? "false" : "true");
	return RD_KAFKA_CONF_OK;
}

/* A partition that is going to be read, before it is asked for. */
static void on_assigning(void *ctx, int32_t partition)
{
	world.assigning++;
}

static void on_change(void *ctx)
{
	world.changes++;
}

static bool on_losing(void *ctx)
{
	world.losing++;
	if (world.unsafe)
		return true;
	assignment_store(*(struct assignment **)ctx);
	return false;
}

static void on_lost(void *ctx)
{
	world.losts++;
}

static void on_committed(void *ctx)
{
	world.committed++;
}

static void on_flow(void *ctx)
{
	world.flows++;
}

static void on_failed(void *ctx, const char *why)
{
	world.failures++;
	snprintf(world.why, sizeof(world.why), "%s", why);
}

/* ---- what happens to it ---- */

static struct config cfg;
static struct assignment *a;

static void open_with(enum config_offset offset, bool exit_at_end,
		      const struct consumer_position *resume, size_t n_resume)
{
	const struct assignment_options opt = {
		.cfg = &cfg,
		.resume = resume,
		.n_resume = n_resume,
		.on_assigning = on_assigning,
		.on_change = on_change,
		.on_losing = on_losing,
		.on_lost = on_lost,
		.on_committed = on_committed,
		.on_flow = on_flow,
		.on_failed = on_failed,
		.ctx = &a,
	};

	memset(&world, 0, sizeof(world));
	cfg = (struct config){.topic = topic,
			      .brokers = brokers,
			      .start.offset = offset,
			      .exit_at_end = exit_at_end};
	assert_int_equal(assignment_new(&a, &opt), 0);
}

static void on_client_gone(void *arg)
{
	world.client_gone++;
}

static void close_it(void)
{
	assert_true(assignment_free(a, 0, on_client_gone, NULL));
	assert_int_equal(world.lookups_open, 0);
	for (size_t i = world.ended; i < world.n_calls; i++)
		rd_kafka_topic_partition_list_destroy(world.calls[i].list);
}

/* A topic of 3 partitions has these. */
static void find(struct offset_lookup_partition *found, size_t n, bool complete, bool closing)
{
	const struct offset_lookup_result result = {.complete = complete,
						    .closing = closing,
						    .n_topic = 3,
						    .n = n,
						    .partitions = found};

	world.lookup.on_result(world.lookup.ctx, &result);
}

/* Partitions 0 to n - 1, of the offsets 10 to 20, from 12 on. */
static void look_up_from(int first, size_t n, bool added, bool complete, rd_kafka_resp_err_t err)
{
	struct offset_lookup_partition found[4];
	const struct offset_lookup_result result = {.err = err,
						    .complete = complete,
						    .n = n,
						    .partitions = found};

	for (size_t i = 0; i < n; i++)
		found[i] = (struct offset_lookup_partition){.id = first + (int)i,
							    .low = 10,
							    .high = 20,
							    .end = 20,
							    .start = added ? 10 : 12,
							    .wanted = -1,
							    .added = added};
	world.lookup.on_result(world.lookup.ctx, &result);
}

static void look_up(size_t n)
{
	look_up_from(0, n, false, true, RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* The next call that was given ends; it was `kind`, of these partitions and offsets. */
static void end_call_with(enum consumer_calls_kind kind, const char *what, rd_kafka_error_t *error)
{
	struct consumer_calls *call = &world.calls[world.ended];
	char text[128] = "";
	size_t n = 0;

	assert_true(world.ended < world.n_calls);
	assert_int_equal(call->kind, kind);
	for (int i = 0; i < call->list->cnt; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%d:%lld ",
				      call->list->elems[i].partition,
				      (long long)call->list->elems[i].offset);
	assert_string_equal(text, what);
	world.ended++;
	call->error = error;
	call->done(call->ctx, call);
	rd_kafka_topic_partition_list_destroy(call->list);
	if (error)
		rd_kafka_error_destroy(error);
}

static void end_call(enum consumer_calls_kind kind, const char *what)
{
	end_call_with(kind, what, NULL);
}

static void expect_no_call(void)
{
	assert_int_equal(world.ended, world.n_calls);
}

static struct partition *partition(int32_t id)
{
	struct partition *p = partitions_find(assignment_partitions(a), id);

	assert_non_null(p);
	return p;
}

static void rebalance(bool gains, int32_t first, int32_t end)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);

	for (int32_t i = first; i < end; i++)
		rd_kafka_topic_partition_list_add(list, topic, i);
	assignment_rebalance(a,
			     gains ? RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
				   : RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS,
			     list);
	rd_kafka_topic_partition_list_destroy(list);
}

/* ---- without a group ---- */

static void test_what_is_found_is_asked_for(void **state)
{
	open_with(CONFIG_OFFSET_BEGIN, false, NULL, 0);
	assert_false(assignment_is_known(a));
	assert_int_equal(assignment_left(a), -1);
	look_up_from(0, 1, false, false, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
	assert_int_equal(assignment_trouble(a), RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
	assert_false(assignment_is_known(a));
	end_call(CONSUMER_CALLS_ASSIGN, "0:12 ");
	look_up_from(1, 1, false, true, 0);
	end_call(CONSUMER_CALLS_ASSIGN, "1:12 ");
	assert_true(assignment_is_known(a));
	assert_int_equal(assignment_trouble(a), 0);
	look_up_from(2, 1, true, true, 0); /* added later */
	end_call(CONSUMER_CALLS_ASSIGN, "2:10 ");
	look_up_from(0, 0, false, true, 0); /* nothing new */
	expect_no_call();
	assert_int_equal(assignment_count(a), 3);
	assert_int_equal(assignment_progress(a), 3);
	assert_int_equal(world.changes, 3);
	close_it();
}

/* In order of time: the one that is not known yet may have what comes first. */
static void test_a_read_that_ends_begins_when_all_are_known(void **state)
{
	open_with(CONFIG_OFFSET_BEGIN, true, NULL, 0);
	look_up_from(1, 1, false, false, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
	expect_no_call();
	assert_false(partition(1)->assigned);
	look_up_from(0, 1, false, true, 0);
	end_call(CONSUMER_CALLS_ASSIGN, "0:12 1:12 ");
	close_it();
}

static void test_the_end_is_when_each_was_taken(void **state)
{
	open_with(CONFIG_OFFSET_BEGIN, true, NULL, 0);
	assert_false(assignment_ended(a));
	look_up(2);
	end_call(CONSUMER_CALLS_ASSIGN, "0:12 1:12 ");
	assert_int_equal(assignment_left(a), 16);
	look_up_from(2, 1, true, true, 0); /* added: nobody waits for it, nor reads it */
	expect_no_call();
	partition(0)->next = 20;
	assignment_done(a, partition(0));
	end_call(CONSUMER_CALLS_PAUSE, "0:20 ");
	assignment_done(a, partition(0));
	expect_no_call();
	assert_false(assignment_ended(a));
	assert_int_equal(assignment_left(a), 8);
	assignment_done(a, partition(1));
	assert_true(assignment_ended(a));
	assert_int_equal(assignment_left(a), 0);
	close_it();
}

static void test_what_is_empty_is_not_asked_for(void **state)
{
	struct offset_lookup_partition empty = {
		.low = 7, .high = 7, .end = 7, .start = 7, .wanted = -1};
	const struct offset_lookup_result result = {.complete = true, .n = 1, .partitions = &empty};

	open_with(CONFIG_OFFSET_BEGIN, true, NULL, 0);
	world.lookup.on_result(world.lookup.ctx, &result);
	expect_no_call();
	assert_true(assignment_ended(a));
	close_it();
}

static void test_a_pause_holds_all_and_its_end_those_that_are_left(void **state)
{
	open_with(CONFIG_OFFSET_BEGIN, true, NULL, 0);
	look_up(2);
	end_call(CONSUMER_CALLS_ASSIGN, "0:12 1:12 ");
	assignment_pause(a, true);
	assert_true(assignment_is_paused(a));
	assert_true(assignment_is_pausing(a)); /* nobody may fetch */
	assert_true(assignment_is_busy(a));
	end_call(CONSUMER_CALLS_PAUSE, "0:12 1:12 ");
	assert_false(assignment_is_pausing(a));
	assert_int_equal(world.flows, 1);
	assignment_done(a, partition(0)); /* it is stopped already */
	expect_no_call();
	assignment_pause(a, false);
	end_call(CONSUMER_CALLS_RESUME, "1:12 ");
	expect_no_call();
	close_it();
}

static void test_what_comes_during_a_pause_is_stopped_too(void **state)
{
	open_with(CONFIG_OFFSET_BEGIN, false, NULL, 0);
	assignment_pause(a, true);
	expect_no_call();
	look_up(1);
	end_call(CONSUMER_CALLS_ASSIGN, "0:12 ");
	end_call(CONSUMER_CALLS_PAUSE, "0:12 ");
	close_it();
}

static void test_a_stop_asks_for_no_pause(void **state)
{
	open_with(CONFIG_OFFSET_BEGIN, false, NULL, 0);
	look_up(1);
	end_call(CONSUMER_CALLS_ASSIGN, "0:12 ");
	assignment_stop(a);
	assert_true(world.lookup_stopped);
	assignment_pause(a, true);
	expect_no_call();
	close_it();
}

static void test_an_assign_that_fails_is_told(void **state)
{
	open_with(CONFIG_OFFSET_BEGIN, false, NULL, 0);
	look_up(1);
	end_call_with(CONSUMER_CALLS_ASSIGN, "0:12 ",
		      rd_kafka_error_new(RD_KAFKA_RESP_ERR__STATE, "no %s", "way"));
	assert_int_equal(world.failures, 1);
	assert_string_equal(world.why, "cannot read topic pcap: no way");
	close_it();
}

static void test_who_goes_on_for_another_starts_where_that_stopped(void **state)
{
	const struct consumer_position resume = {.partition = 0, .offset = 17};
	struct consumer_position *after = NULL;

	open_with(CONFIG_OFFSET_END, false, &resume, 1);
	assert_int_equal(assignment_positions(a, &after), 1);
	assert_int_equal(after[0].offset, 17);
	free(after);
	look_up(2);
	end_call(CONSUMER_CALLS_ASSIGN, "0:17 1:10 "); /* 1 is from its beginning */
	partition(0)->next = 19;
	assert_int_equal(assignment_positions(a, &after), 2);
	assert_int_equal(after[0].offset, 19);
	free(after);
	close_it();
}

/* ---- a range of time ---- */

static char a_time[] = "@1";

static void open_range(bool exit_at_end)
{
	open_with(CONFIG_OFFSET_BEGIN, exit_at_end, NULL, 0);
	cfg.from = cfg.to = (struct config_time){.us = 1000000, .text = a_time};
}

/* Each has another end, and one that was added meanwhile has one too. */
static void test_a_range_that_is_over_gets_its_ends(void **state)
{
	struct offset_lookup_partition ends[] = {
		{.id = 0, .low = 10, .high = 40, .start = 12, .end = 30, .wanted = -1},
		{.id = 1, .low = 10, .high = 40, .start = 12, .end = 16, .wanted = -1},
		{.id = 2, .low = 0, .high = 4, .start = 0, .end = 4, .wanted = -1, .added = true},
	};

	open_range(false);
	look_up(2);
	end_call(CONSUMER_CALLS_ASSIGN, "0:12 1:12 ");
	assert_int_equal(assignment_left(a), -1);
	assert_false(assignment_ended(a));
	partition(1)->next = 17;
	assignment_close(a);
	assert_true(world.lookup_closed);
	find(&ends[0], 1, false, true); /* the others do not answer */
	expect_no_call();
	assert_false(assignment_ended(a));
	find(&ends[1], 2, true, true);
	end_call(CONSUMER_CALLS_PAUSE, "1:17 ");
	end_call(CONSUMER_CALLS_ASSIGN, "2:0 ");
	assert_int_equal(assignment_left(a), 18 + 4);
	assignment_done(a, partition(0));
	assert_false(assignment_ended(a));
	end_call(CONSUMER_CALLS_PAUSE, "0:12 ");
	assignment_done(a, partition(2));
	assert_true(assignment_ended(a));
	assert_int_equal(assignment_left(a), 0);
	close_it();
}

/* All that is gone by then is none of its. */
static void test_a_range_that_is_over_before_anything_is_known(void **state)
{
	struct offset_lookup_partition ends[] = {
		{.id = 0, .low = 10, .high = 40, .start = 12, .end = 12, .wanted = -1},
		{.id = 1, .low = 10, .high = 40, .start = 12, .end = 16, .wanted = -1},
	};

	open_range(false);
	assignment_close(a);
	assert_false(assignment_ended(a));
	find(ends, 2, true, true);
	end_call(CONSUMER_CALLS_ASSIGN, "1:12 ");
	assert_false(assignment_ended(a));
	assert_int_equal(assignment_left(a), 4);
	close_it();
}

static void test_what_is_to_be_read_is_counted_from_the_start(void **state)
{
	struct offset_lookup_partition found = {
		.id = 1, .low = 10, .high = 20, .start = 12, .end = 20, .wanted = -1};

	open_range(true);
	look_up_from(0, 1, false, false, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
	partition(0)->next = 19; /* it does not wait for the others */
	lines_catch();
	find(&found, 1, true, false);
	assert_int_equal(lines_with(": 16 record(s) from 2 of 3 partition(s)"), 1);
	lines_release();
	close_it();
}

/* One that is stamped past the range is where both look-ups end. */
static void test_a_record_that_hides_a_range_is_read(void **state)
{
	struct offset_lookup_partition found[] = {
		{.id = 0, .low = 10, .high = 20, .start = 12, .end = 20, .wanted = -1},
		{.id = 1,
		 .low = 10,
		 .high = 20,
		 .start = 17,
		 .end = 18,
		 .late_end = true,
		 .wanted = -1},
		{.id = 2,
		 .low = 10,
		 .high = 20,
		 .start = 18,
		 .end = 19,
		 .late_end = true,
		 .wanted = -1},
	};

	open_range(true);
	lines_catch();
	find(found, 3, true, false);
	assert_int_equal(lines_with("WARN"), 0); /* it is read, and tells its time */
	lines_release();
	assert_true(partition(1)->passed && partition(2)->passed && !partition(0)->passed);
	close_it();
	open_range(true);
	lines_catch();
	find(&found[1], 1, true, false);
	assert_int_equal(lines_with("has no records"), 0); /* there may be some */
	lines_release();
	close_it();
}

static void test_a_range_that_is_not_there_is_said(void **state)
{
	struct offset_lookup_partition found = {
		.id = 0, .low = 10, .high = 20, .start = 20, .end = 20, .wanted = -1};

	open_range(true);
	lines_catch();
	find(&found, 1, true, false);
	assert_int_equal(lines_with("topic pcap has no records from that time"), 1);
	lines_release();
	close_it();
}

/* ---- a choice of partitions ---- */

static void test_partitions_that_are_not_there_are_no_end(void **state)
{
	static char chosen[] = "3,9";
	struct offset_lookup_partition found = {
		.id = 3, .low = 10, .high = 20, .start = 12, .end = 20, .wanted = -1};

	open_with(CONFIG_OFFSET_BEGIN, true, NULL, 0);
	cfg.partitions = chosen;
	find(NULL, 0, true, false);
	assert_int_equal(world.failures, 1);
	assert_string_equal(world.why, "topic pcap has 3 partition(s), numbered from 0: none of "
				       "--partitions 3,9 exists");
	close_it();
	open_with(CONFIG_OFFSET_END, false, NULL, 0); /* it may be added */
	cfg.partitions = chosen;
	lines_catch();
	find(NULL, 0, true, false);
	assert_int_equal(lines_with("none of --partitions 3,9 exists; waiting until one is added"),
			 1);
	assert_int_equal(lines_with("not all of"), 0);
	lines_release();
	assert_int_equal(world.failures, 0);
	find(&found, 1, true, false);
	end_call(CONSUMER_CALLS_ASSIGN, "3:12 ");
	close_it();
}

/* ---- with a group ---- */

static void open_group(bool exit_at_end)
{
	open_with(CONFIG_OFFSET_STORED, exit_at_end, NULL, 0);
	look_up_from(0, 1, false, false, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
	expect_no_call();
	assert_false(assignment_has_subscribed(a));
	look_up_from(1, 1, false, true, 0);
	end_call(CONSUMER_CALLS_SUBSCRIBE, "-1:-1001 ");
	assert_true(world.lookup_stopped);
	assert_true(assignment_has_subscribed(a));
	assert_false(assignment_is_known(a));
}

static void test_a_group_gives_and_takes(void **state)
{
	open_group(false);
	rebalance(true, 0, 2);
	end_call(CONSUMER_CALLS_GAIN, "0:-1001 1:-1001 ");
	assert_true(assignment_is_known(a));
	assert_int_equal(assignment_count(a), 2);
	partition(0)->next = 15;
	rebalance(false, 0, 1);
	assert_int_equal(world.losing, 1);
	assert_string_equal(world.stored, "0:15 "); /* before it is gone */
	assert_int_equal(world.losts, 1);
	assert_int_equal(assignment_count(a), 1);
	end_call(CONSUMER_CALLS_LOSE, "0:-1001 ");
	close_it();
}

static void test_a_group_that_gives_nothing_is_joined_too(void **state)
{
	open_group(true);
	rebalance(true, 0, 0);
	end_call(CONSUMER_CALLS_GAIN, "");
	assert_true(assignment_is_known(a));
	assert_true(assignment_ended(a));
	close_it();
}

static void test_what_was_lost_for_good_is_not_stored(void **state)
{
	open_group(false);
	rebalance(true, 0, 1);
	end_call(CONSUMER_CALLS_GAIN, "0:-1001 ");
	partition(0)->next = 15;
	world.lost = true;
	rebalance(false, 0, 1);
	assert_int_equal(world.losing, 0);
	assert_int_equal(world.losts, 1);
	end_call(CONSUMER_CALLS_LOSE, "0:-1001 ");
	close_it();
}

static void test_one_that_was_paused_when_it_was_lost_flows_when_it_comes_again(void **state)
{
	open_group(false);
	rebalance(true, 0, 1);
	end_call(CONSUMER_CALLS_GAIN, "0:-1001 ");
	assignment_pause(a, true);
	end_call(CONSUMER_CALLS_PAUSE, "0:-1 ");
	rebalance(false, 0, 1);
	end_call(CONSUMER_CALLS_LOSE, "0:-1001 ");
	assignment_pause(a, false);
	expect_no_call();
	rebalance(true, 0, 1);
	end_call(CONSUMER_CALLS_GAIN, "0:-1001 ");
	end_call(CONSUMER_CALLS_RESUME, "0:-1 ");
	close_it();
}

static void test_only_what_is_new_is_stored(void **state)
{
	open_group(false);
	rebalance(true, 0, 2);
	end_call(CONSUMER_CALLS_GAIN, "0:-1001 1:-1001 ");
	partition(1)->next = 14;
	assignment_store(a);
	assert_string_equal(world.stored, "1:14 ");
	world.stored[0] = '\0';
	assignment_store(a);
	assert_string_equal(world.stored, "");
	close_it();
}

/* ---- what is committed when it is safe ---- */

/* It was given partitions 0 to n - 1, and has taken them up to 5, 6, … */
static void open_member(int32_t n)
{
	open_group(false);
	rebalance(true, 0, n);
	end_call(CONSUMER_CALLS_GAIN, n == 1 ? "0:-1001 " : "0:-1001 1:-1001 ");
	for (int32_t i = 0; i < n; i++)
		partition(i)->next = 5 + i;
}

static void test_what_is_marked_is_committed_once_and_nothing_behind_it(void **state)
{
	open_member(2);
	assert_false(assignment_commit(a));
	partition(1)->waits = true;
	partition(1)->waits_from = 4;
	assignment_mark(a);
	partition(0)->next = 7;
	assert_true(assignment_commit(a));
	assert_int_equal(world.committed, 0);
	end_call(CONSUMER_CALLS_COMMIT, "0:5 1:4 ");
	assert_int_equal(world.committed, 1);
	assert_false(assignment_commit(a));
	assignment_mark(a);
	assert_true(assignment_commit(a));
	end_call(CONSUMER_CALLS_COMMIT, "0:7 ");
	assert_string_equal(world.stored, "");
	close_it();
}

static void test_a_commit_that_is_refused_is_given_again(void **state)
{
	open_member(1);
	lines_catch();
	for (int i = 0; i < 2; i++) {
		assignment_mark(a);
		assert_true(assignment_commit(a));
		end_call_with(CONSUMER_CALLS_COMMIT, "0:5 ",
			      rd_kafka_error_new(RD_KAFKA_RESP_ERR__TIMED_OUT, "too late"));
	}
	assert_int_equal(lines_with("offsets of topic pcap are not committed: too late"), 1);
	lines_release();
	assert_int_equal(world.committed, 2);
	assert_true(assignment_commit(a));
	end_call(CONSUMER_CALLS_COMMIT, "0:5 ");
	close_it();
}

/* Both ways: one is not asked for while another call is on its way. */
static void test_a_pause_comes_behind_a_commit(void **state)
{
	open_member(1);
	assignment_mark(a);
	assignment_commit(a);
	assignment_pause(a, true);
	end_call(CONSUMER_CALLS_COMMIT, "0:5 ");
	end_call(CONSUMER_CALLS_PAUSE, "0:5 ");
	partition(0)->next = 6;
	assignment_mark(a);
	assignment_commit(a);
	assignment_pause(a, false);
	end_call(CONSUMER_CALLS_COMMIT, "0:6 ");
	end_call(CONSUMER_CALLS_RESUME, "0:6 ");
	close_it();
}

/* -X enable.auto.commit=false; what is about to go does not wait for what never comes. */
static void test_who_commits_nothing_commits_nothing(void **state)
{
	open_member(1);
	world.commits_nothing = world.unsafe = true;
	rebalance(false, 0, 1);
	assignment_mark(a);
	assert_false(assignment_commit(a));
	end_call(CONSUMER_CALLS_LOSE, "0:-1001 ");
	close_it();
}

/* librdkafka is told behind the commit of all that was taken of them. */
static void test_partitions_go_when_what_was_taken_is_committed(void **state)
{
	open_member(2);
	assignment_mark(a); /* of the file before */
	partition(0)->next = 7;
	world.unsafe = true;
	rebalance(false, 0, 2);
	assert_int_equal(world.losts, 1);
	assert_int_equal(assignment_count(a), 0);
	expect_no_call();
	assignment_commit(a);
	end_call(CONSUMER_CALLS_COMMIT, "0:5 1:6 ");
	expect_no_call();
	assignment_mark(a);
	assignment_commit(a);
	end_call(CONSUMER_CALLS_COMMIT, "0:7 ");
	end_call(CONSUMER_CALLS_LOSE, "0:-1001 1:-1001 ");
	assignment_mark(a);
	assert_false(assignment_commit(a));
	close_it();
}

/* It waited for a place in the order, was not given on, and is somebody else's. */
static void test_what_waited_when_partitions_went_is_not_committed(void **state)
{
	open_member(1);
	partition(0)->waits = true;
	partition(0)->waits_from = 3;
	world.unsafe = true;
	rebalance(false, 0, 1);
	partition(0)->waits = false; /* it is dropped */
	assignment_mark(a);
	assignment_commit(a);
	end_call(CONSUMER_CALLS_COMMIT, "0:3 ");
	end_call(CONSUMER_CALLS_LOSE, "0:-1001 ");
	close_it();
}

/* Whoever has them now may be ahead. */
static void test_who_goes_on_for_a_member_has_what_was_its_own(void **state)
{
	struct consumer_position *after;

	open_with(CONFIG_OFFSET_STORED, false, NULL, 0);
	look_up(2);
	rebalance(true, 0, 2);
	partition(0)->next = 15;
	partition(1)->next = 16;
	rebalance(false, 0, 2);
	rebalance(true, 1, 2);
	partition(1)->next = 17;
	assert_int_equal(assignment_positions(a, &after), 1);
	assert_int_equal(after[0].partition, 1);
	assert_int_equal(after[0].offset, 17);
	free(after);
	close_it();
}

static void test_partitions_that_are_lost_already_are_not_waited_for(void **state)
{
	open_member(1);
	assignment_mark(a);
	world.unsafe = world.lost = true;
	rebalance(false, 0, 1);
	end_call(CONSUMER_CALLS_LOSE, "0:-1001 ");
	assert_false(assignment_commit(a));
	assignment_mark(a);
	assert_false(assignment_commit(a));
	close_it();
}

/* A disk that is full, or the end. */
static void test_what_is_waited_for_no_longer_is_not_committed(void **state)
{
	open_member(1);
	world.unsafe = true;
	rebalance(false, 0, 1);
	assignment_mark(a);
	assignment_let_go(a);
	assignment_let_go(a);
	end_call(CONSUMER_CALLS_LOSE, "0:-1001 ");
	assert_false(assignment_commit(a));
	expect_no_call();
	close_it();
}

/* The group has its way, and librdkafka is told in order. */
static void test_what_comes_while_partitions_go_comes_behind(void **state)
{
	open_member(1);
	world.unsafe = true;
	rebalance(false, 0, 1);
	rebalance(true, 0, 1);
	end_call(CONSUMER_CALLS_LOSE, "0:-1001 ");
	end_call(CONSUMER_CALLS_GAIN, "0:-1001 ");
	assignment_mark(a);
	assert_false(assignment_commit(a));
	close_it();
}

static void test_partitions_that_are_going_end_with_it(void **state)
{
	open_member(1);
	world.unsafe = true;
	rebalance(false, 0, 1);
	close_it();
}

/* ---- the end ---- */

static void test_the_last_call_that_hangs_takes_the_client_along(void **state)
{
	open_with(CONFIG_OFFSET_BEGIN, false, NULL, 0);
	world.lookup_hangs = world.worker_hangs = true;
	assert_false(assignment_free(a, 0, on_client_gone, NULL));
	world.gone[0](world.gone_arg[0]);
	assert_int_equal(world.client_gone, 0);
	world.gone[1](world.gone_arg[1]);
	assert_int_equal(world.client_gone, 1);
}

/* How many lines have `text`, of partitions that are like this one. */
static int start_lines(struct offset_lookup_partition found, int32_t n, const char *text)
{
	struct gaps gaps = {0};
	int count;

	lines_catch();
	for (int32_t i = 0; i < n; i++, found.id++)
		gaps_note_start(&gaps, "pcap", &found, false);
	gaps_log_starts(&gaps, "pcap");
	count = (int)lines_with(text);
	assert_int_equal(lines_with("WARNING"), count);
	lines_release();
	return count;
}

static void test_an_offset_that_looks_like_a_time_gets_a_hint(void **state)
{
	struct offset_lookup_partition found = {.id = 3, .high = 17, .wanted = 1545562210};

	assert_int_equal(start_lines(found, 1,
				     "topic pcap: partition 3 ends at 17: offset 1545562210 is not "
				     "there yet; reading from its end (a time would be "
				     "@1545562210)\n"),
			 1);
	found.wanted = 1545562210007;
	assert_int_equal(start_lines(found, 1, "its end (a time would be @1545562210.007)\n"), 1);
	found.wanted = 1000;
	assert_int_equal(start_lines(found, 1,
				     "offset 1000 is not there yet; reading from its end\n"),
			 1);
}

static void test_partitions_that_start_elsewhere_share_a_line(void **state)
{
	struct offset_lookup_partition found = {.low = 20, .high = 30, .wanted = 1000};

	assert_int_equal(
		start_lines(found, 200,
			    "partition 0 ends at 30: offset 1000 is not there yet; reading "
			    "from its end (199 more partition(s) like it)\n"),
		1);
	found.wanted = 5;
	assert_int_equal(
		start_lines(found, 3,
			    "partition 0 starts at 20: 15 records are gone; they were "
			    "deleted before they were read (2 more partition(s) like it, 45 "
			    "records in all)\n"),
		1);
	assert_int_equal(start_lines(found, 1, "deleted before they were read\n"), 1);
	found.wanted = 25;
	assert_int_equal(start_lines(found, 3, "WARNING"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_found_is_asked_for),
		cmocka_unit_test(test_a_read_that_ends_begins_when_all_are_known),
		cmocka_unit_test(test_the_end_is_when_each_was_taken),
		cmocka_unit_test(test_what_is_empty_is_not_asked_for),
		cmocka_unit_test(test_a_pause_holds_all_and_its_end_those_that_are_left),
		cmocka_unit_test(test_what_comes_during_a_pause_is_stopped_too),
		cmocka_unit_test(test_a_stop_asks_for_no_pause),
		cmocka_unit_test(test_an_assign_that_fails_is_told),
		cmocka_unit_test(test_who_goes_on_for_another_starts_where_that_stopped),
		cmocka_unit_test(test_a_range_that_is_over_gets_its_ends),
		cmocka_unit_test(test_an_offset_that_looks_like_a_time_gets_a_hint),
		cmocka_unit_test(test_partitions_that_start_elsewhere_share_a_line),
		cmocka_unit_test(test_a_range_that_is_over_before_anything_is_known),
		cmocka_unit_test(test_what_is_to_be_read_is_counted_from_the_start),
		cmocka_unit_test(test_a_record_that_hides_a_range_is_read),
		cmocka_unit_test(test_a_range_that_is_not_there_is_said),
		cmocka_unit_test(test_partitions_that_are_not_there_are_no_end),
		cmocka_unit_test(test_a_group_gives_and_takes),
		cmocka_unit_test(test_a_group_that_gives_nothing_is_joined_too),
		cmocka_unit_test(test_what_was_lost_for_good_is_not_stored),
		cmocka_unit_test(
			test_one_that_was_paused_when_it_was_lost_flows_when_it_comes_again),
		cmocka_unit_test(test_only_what_is_new_is_stored),
		cmocka_unit_test(test_what_is_marked_is_committed_once_and_nothing_behind_it),
		cmocka_unit_test(test_a_commit_that_is_refused_is_given_again),
		cmocka_unit_test(test_a_pause_comes_behind_a_commit),
		cmocka_unit_test(test_who_commits_nothing_commits_nothing),
		cmocka_unit_test(test_partitions_go_when_what_was_taken_is_committed),
		cmocka_unit_test(test_what_waited_when_partitions_went_is_not_committed),
		cmocka_unit_test(test_who_goes_on_for_a_member_has_what_was_its_own),
		cmocka_unit_test(test_partitions_that_are_lost_already_are_not_waited_for),
		cmocka_unit_test(test_what_is_waited_for_no_longer_is_not_committed),
		cmocka_unit_test(test_what_comes_while_partitions_go_comes_behind),
		cmocka_unit_test(test_partitions_that_are_going_end_with_it),
		cmocka_unit_test(test_the_last_call_that_hangs_takes_the_client_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

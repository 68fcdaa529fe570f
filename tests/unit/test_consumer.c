/* SPDX-License-Identifier: Apache-2.0 */
/* At whose pace a consumer reads: the client, the reader and the assignment are the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "consumer/assignment.h"
#include "consumer/assignment_group.h"
#include "consumer/consumer.h"
#include "consumer/group_leave.h"
#include "consumer/intake.h"
#include "consumer/lag.h"
#include "kafka/kafka.h"
#include "lines.h"

static struct {
	struct kafka_options kafka;
	struct assignment_options assignment;
	struct group_leave_options leave;
	struct intake_options intake;
	struct intake *in;
	ev_timer *clock;
	bool (*on_ready)(void *ctx);
	void *ready_ctx;
	bool watch_paused;
	/* what the assignment says */
	bool paused, pausing, busy, settled, subscribed, ended, hangs, at_end;
	rd_kafka_resp_err_t trouble;
	const char *error;
	int count, stored, marked, committed, let_go, stopped, closings;
	bool safe, securing; /* what is_safe() and secure() say */
	int secured, answered;
	void (*gone)(void *arg);
	void *gone_arg;
	/* what the intake does */
	int answer; /* of intake_run() and intake_give() */
	bool more, full_inbox;
	uint64_t reads;   /* records, each time */
	uint64_t outside; /* and those of another time */
	int runs, polls, revoked, gives, drains, resumes, marks;
	uint64_t waiting;
	/* what became of the client */
	int abandoned, freed, freed_by_call;
	bool connected, fatal;
	/* downstream */
	bool written; /* what flush() says */
	int flushes, ends, closed, failures, many;
	char state[256], why[256];
} world;

static char topic[] = "pcap", brokers[] = "kafka:9092";
static struct config cfg;
static struct consumer *c;
static struct ev_loop *loop;

/* ---- the clock ---- */

/* How far the clocks that libev reads have gone ahead of the kernel's: the wall's, and both. */
static time_t wall_ahead_s, ahead_s;

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	long r = syscall(SYS_clock_gettime, clock, ts);

	ts->tv_sec += ahead_s + (clock == CLOCK_REALTIME ? wall_ahead_s : 0);
	return (int)r;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;
	int r = clock_gettime(CLOCK_REALTIME, &ts);

	*tv = (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
	return r;
}

void ev_timer_again(struct ev_loop *l, ev_timer *w)
{
	world.clock = w;
	w->at = w->repeat;
	ev_timer_start(l, w);
}

/* A second passes. */
static void tick(struct ev_loop *l)
{
	if (ev_is_active(world.clock))
		ev_invoke(l, world.clock, EV_TIMER);
}

/* ---- the client ---- */

int kafka_new(struct kafka **out, const struct kafka_options *opt)
{
	world.kafka = *opt;
	*out = (struct kafka *)&world;
	return 0;
}

rd_kafka_t *kafka_client(const struct kafka *k)
{
	return NULL;
}

bool kafka_connected(const struct kafka *k)
{
	return world.connected;
}

const char *kafka_last_error(const struct kafka *k)
{
	return world.error ? world.error : "";
}

const struct kafkastats *kafka_stats(const struct kafka *k)
{
	return NULL;
}

int kafka_watch_queue(struct kafka *k, rd_kafka_queue_t *queue, bool (*on_ready)(void *ctx),
		      void *ctx)
{
	world.on_ready = on_ready;
	world.ready_ctx = ctx;
	return 0;
}

void kafka_watch_pause(struct kafka *k, bool paused)
{
	world.watch_paused = paused;
}

void kafka_abandon(struct kafka *k)
{
	world.abandoned++;
}

void kafka_free(struct kafka *k, unsigned int wait_ms)
{
	world.freed++;
}

void kafka_free_abandoned(struct kafka *k)
{
	world.freed_by_call++;
}

rd_kafka_queue_t *rd_kafka_queue_get_consumer(rd_kafka_t *rk)
{
	return NULL;
}

rd_kafka_resp_err_t rd_kafka_fatal_error(rd_kafka_t *rk, char *errstr, size_t size)
{
	snprintf(errstr, size, "fenced");
	return world.fatal ? RD_KAFKA_RESP_ERR__FATAL : RD_KAFKA_RESP_ERR_NO_ERROR;
}

const char *rd_kafka_message_errstr(const rd_kafka_message_t *msg)
{
	return "what is wrong";
}

/* ---- the assignment ---- */

int assignment_new(struct assignment **out, const struct assignment_options *opt)
{
	world.assignment = *opt;
	*out = (struct assignment *)&world;
	return 0;
}

void assignment_close(struct assignment *a)
{
	world.closings++;
}

bool assignment_ended(const struct assignment *a)
{
	return world.ended;
}

int64_t assignment_left(const struct assignment *a)
{
	return 0;
}

void assignment_pause(struct assignment *a, bool pause)
{
	world.paused = pause;
}

bool assignment_is_paused(const struct assignment *a)
{
	return world.paused;
}

bool assignment_is_pausing(const struct assignment *a)
{
	return world.pausing;
}

bool assignment_is_busy(const struct assignment *a)
{
	return world.busy;
}

void assignment_store(struct assignment *a)
{
	world.stored++;
}

void assignment_mark(struct assignment *a)
{
	world.marked++;
}

bool assignment_commit(struct assignment *a)
{
	world.committed++;
	return true;
}

void assignment_let_go(struct assignment *a)
{
	world.let_go++;
}

void assignment_rebalance(struct assignment *a, rd_kafka_resp_err_t err,
			  rd_kafka_topic_partition_list_t *list)
{
}

void assignment_stop(struct assignment *a)
{
	world.stopped++;
}

bool assignment_has_subscribed(const struct assignment *a)
{
	return world.subscribed;
}

bool assignment_is_known(const struct assignment *a)
{
	return world.settled;
}

rd_kafka_resp_err_t assignment_trouble(const struct assignment *a)
{
	return world.trouble;
}

int assignment_count(const struct assignment *a)
{
	return world.count;
}

uint64_t assignment_progress(const struct assignment *a)
{
	return 0;
}

int64_t assignment_lag(const struct assignment *a, const struct kafkastats *stats)
{
	return 0;
}

const struct partitions *assignment_partitions(const struct assignment *a)
{
	return NULL;
}

bool lag_is_none(const struct partitions *ps, rd_kafka_t *rk, const char *name,
		 const struct kafkastats *stats)
{
	assert_string_equal(name, topic);
	return world.at_end;
}

int assignment_positions(const struct assignment *a, struct consumer_position **out)
{
	return 4;
}

bool assignment_free(struct assignment *a, unsigned int wait_ms, void (*gone)(void *arg), void *arg)
{
	world.gone = gone;
	world.gone_arg = arg;
	return !world.hangs;
}

/* ---- the intake, and the end in a group ---- */

bool intake_is_merged(const struct config *config)
{
	return false;
}

int intake_init(struct intake *in, const struct intake_options *opt)
{
	world.intake = *opt;
	world.in = in;
	return 0;
}

void intake_open(struct intake *in, int32_t partition)
{
}

int intake_run(struct intake *in, bool *more)
{
	world.runs++;
	in->reader.read += world.reads;
	in->reader.outside += world.outside;
	*more = world.more;
	return world.answer;
}

int intake_give(struct intake *in)
{
	world.gives++;
	return world.answer;
}

int intake_drain(struct intake *in)
{
	world.drains++;
	return 0;
}

void intake_resume(struct intake *in)
{
	world.resumes++;
}

void intake_poll(struct intake *in)
{
	world.polls++;
}

void intake_stop(struct intake *in)
{
}

void intake_revoke(struct intake *in)
{
	world.revoked++;
}

void intake_mark(struct intake *in)
{
	world.marks++;
}

bool intake_is_empty(const struct intake *in)
{
	return !world.full_inbox;
}

uint64_t intake_waiting(const struct intake *in)
{
	return world.waiting;
}

void intake_counts(const struct intake *in, struct order_counts *out)
{
	*out = (struct order_counts){0};
}

void intake_origin(const struct intake *in, int32_t *partition, int64_t *offset)
{
}

void intake_clear(struct intake *in)
{
}

void group_leave_begin(struct group_leave *l, const struct group_leave_options *opt)
{
	world.leave = *opt;
}

void group_leave_stop(struct group_leave *l)
{
}

void group_leave_clear(struct group_leave *l)
{
}

/* ---- downstream ---- */

static bool flush(void *ctx)
{
	world.flushes++;
	return world.written;
}

static bool is_safe(void *ctx)
{
	return world.safe;
}

static bool secure(void *ctx)
{
	world.secured++;
	return world.securing;
}

static void on_committed(void *ctx)
{
	world.answered++;
}

static void on_end(void *ctx)
{
	world.ends++;
}

static void on_many(void *ctx)
{
	world.many++;
}

static void on_failed(void *ctx, const char *why)
{
	world.failures++;
	snprintf(world.why, sizeof(world.why), "%s", why);
}

static void on_state(void *ctx, const char *text)
{
	snprintf(world.state, sizeof(world.state), "%s", text);
}

static void on_closed(void *ctx, struct consumer *consumer)
{
	world.closed++;
}

/* With what stands in `cfg`. */
static void reopen_consumer(size_t n_resume)
{
	struct consumer_options opt = {
		.loop = loop,
		.cfg = &cfg,
		.flush = flush,
		.on_end = on_end,
		.on_many = on_many,
		.on_failed = on_failed,
		.on_state = on_state,
		.on_closed = on_closed,
		.is_safe = cfg.ring_buffer ? is_safe : NULL,
		.secure = secure,
		.on_committed = on_committed,
	};

	memset(&world, 0, sizeof(world));
	opt.n_resume = n_resume;
	world.settled = world.connected = world.written = true;
	world.count = 4;
	cfg.topic = topic;
	cfg.brokers = brokers;
	assert_int_equal(consumer_new(&c, &opt), 0);
}

static void open_consumer(enum config_offset offset, bool exit_at_end)
{
	cfg = (struct config){.start.offset = offset, .exit_at_end = exit_at_end};
	reopen_consumer(0);
}

/* From the beginning to so many seconds from now. */
static void open_range(double seconds, size_t n_resume)
{
	static char text[] = "@1";

	cfg = (struct config){.start.offset = CONFIG_OFFSET_BEGIN};
	cfg.to = (struct config_time){.us = (int64_t)((ev_time() + seconds) * 1e6), .text = text};
	reopen_consumer(n_resume);
}

/* So many seconds pass. */
static void pass(time_t seconds)
{
	ahead_s += seconds;
	ev_run(loop, EVRUN_NOWAIT);
}

static bool ready(void)
{
	return world.on_ready(world.ready_ctx);
}

static int open_world(void **state)
{
	wall_ahead_s = ahead_s = 0;
	loop = ev_loop_new(0);
	return 0;
}

static int close_world(void **state)
{
	consumer_free(c, 0);
	assert_int_equal(world.freed + world.freed_by_call, 1);
	ev_loop_destroy(loop);
	return 0;
}

/* ---- the flow ---- */

static void test_it_reads_as_long_as_there_is_more(void **state)
{
	open_consumer(CONFIG_OFFSET_END, false);
	world.more = true;
	assert_true(ready());
	world.more = false;
	assert_false(ready());
	assert_int_equal(world.flushes, 2); /* after each batch */
	assert_int_equal(world.ends, 0);
}

static void test_a_reader_that_stalls_pauses_the_partitions(void **state)
{
	open_consumer(CONFIG_OFFSET_END, false);
	world.answer = PACKET_E_FULL;
	world.written = false;
	ready();
	assert_true(world.watch_paused);
	assert_false(world.paused); /* not yet */
	world.busy = true;
	tick(loop);
	assert_true(world.paused);
	assert_int_equal(world.polls,
			 0); /* what is fetched while the pause is on its way is lost */
	world.busy = false;
	tick(loop);
	assert_int_equal(world.polls, 1);
	consumer_resume(c);
	assert_false(world.paused);
	assert_false(world.watch_paused);
}

static void test_a_short_stall_pauses_nothing(void **state)
{
	open_consumer(CONFIG_OFFSET_END, false);
	world.answer = PACKET_E_FULL;
	world.written = false;
	world.at_end = true;
	pass(1);
	ready();
	consumer_resume(c);
	assert_false(world.watch_paused);
	assert_false(ev_run(loop, EVRUN_NOWAIT)); /* nothing ticks on */
	assert_int_equal(world.polls, 0);
}

static void test_a_live_reader_says_once_that_it_waits_at_the_end(void **state)
{
	lines_catch();
	open_consumer(CONFIG_OFFSET_BEGIN, false);
	pass(1);
	assert_int_equal(lines_with("Waiting for packets"), 0);
	world.at_end = true;
	world.connected = false;
	pass(1);
	assert_int_equal(lines_with("Waiting for packets"), 0);
	world.connected = true;
	pass(1);
	pass(1);
	assert_int_equal(lines_with("INFO:root:Waiting for packets at the end of topic pcap, "
				    "4 partition(s)"),
			 1);
	lines_release();
}

/* Nor who goes on for another reader. */
static void test_a_bounded_reader_does_not_say_that_it_waits(void **state)
{
	lines_catch();
	open_consumer(CONFIG_OFFSET_BEGIN, true);
	world.at_end = true;
	pass(1);
	consumer_free(c, 0);
	cfg = (struct config){.start.offset = CONFIG_OFFSET_BEGIN};
	reopen_consumer(1);
	world.at_end = true;
	pass(1);
	assert_int_equal(lines_with("Waiting for packets"), 0);
	lines_release();
}

static void test_room_that_flush_made_needs_no_resume(void **state)
{
	open_consumer(CONFIG_OFFSET_END, false);
	world.answer = PACKET_E_FULL;
	assert_true(ready());
	assert_false(world.watch_paused);
}

static void test_nothing_is_fetched_while_partitions_are_being_paused(void **state)
{
	open_consumer(CONFIG_OFFSET_END, false);
	world.pausing = true;
	world.assignment.on_flow(world.assignment.ctx);
	assert_true(world.watch_paused);
	world.pausing = false;
	world.assignment.on_flow(world.assignment.ctx);
	assert_false(world.watch_paused);
}

/* ---- packets that waited for their turn ---- */

static void test_what_is_due_is_given_and_written(void **state)
{
	open_consumer(CONFIG_OFFSET_END, false);
	world.intake.on_due(world.intake.ctx);
	assert_int_equal(world.gives, 1);
	assert_int_equal(world.flushes, 1);
	assert_int_equal(world.runs, 0);
	assert_false(world.watch_paused);
}

static void test_what_is_due_blocks_when_there_is_no_room(void **state)
{
	open_consumer(CONFIG_OFFSET_END, false);
	world.answer = PACKET_E_FULL;
	world.written = false;
	world.intake.on_due(world.intake.ctx);
	assert_true(world.watch_paused);
	world.intake.on_due(world.intake.ctx);
	assert_int_equal(world.gives, 1); /* not while it is blocked */
	consumer_resume(c);
	assert_false(world.watch_paused);
	assert_int_equal(world.resumes, 1);
}

/* What a rebalance gave away in a hurry may have stopped in its midst: nobody was blocked then. */
static void test_room_is_told_to_what_waits(void **state)
{
	open_consumer(CONFIG_OFFSET_END, false);
	consumer_resume(c);
	assert_int_equal(world.resumes, 1);
}

static void test_the_end_is_told_when_nothing_waits_any_more(void **state)
{
	open_consumer(CONFIG_OFFSET_STORED, true);
	world.ended = world.full_inbox = true;
	ready();
	assert_int_equal(world.ends, 0);
	world.full_inbox = false;
	world.intake.on_due(world.intake.ctx);
	assert_int_equal(world.ends, 1);
}

static void test_what_waits_is_given_before_partitions_go(void **state)
{
	open_consumer(CONFIG_OFFSET_STORED, false);
	world.assignment.on_losing(world.assignment.ctx);
	assert_int_equal(world.drains, 1);
	assert_int_equal(world.flushes, 1);
	assert_int_equal(world.marks, 1);
	assert_int_equal(world.stored, 1);
}

static void test_what_waits_is_not_read_yet(void **state)
{
	open_consumer(CONFIG_OFFSET_BEGIN, true);
	world.waiting = 7;
	assert_int_equal(consumer_left(c), 7);
}

/* ---- the end ---- */

static void test_the_end_is_told_once_when_the_inbox_is_empty(void **state)
{
	open_consumer(CONFIG_OFFSET_BEGIN, true);
	ready();
	assert_int_equal(world.ends, 0);
	world.ended = world.full_inbox = true;
	ready();
	assert_int_equal(world.ends, 0);
	world.full_inbox = false;
	ready();
	world.assignment.on_change(world.assignment.ctx);
	assert_int_equal(world.ends, 1);
}

/* Between two batches the inbox is empty, and much may be on its way. */
static void test_a_range_that_ends_ahead_is_closed_by_the_clock_and_read_to_its_ends(void **state)
{
	open_range(10, 0);
	world.reads = 1;
	pass(9);
	ready();
	assert_int_equal(world.closings, 0);
	pass(2);
	assert_int_equal(world.closings, 1);
	ready();
	world.assignment.on_change(world.assignment.ctx);
	assert_int_equal(world.ends, 0);
	world.ended = world.full_inbox = true;
	ready();
	assert_int_equal(world.ends, 0); /* what is here is taken first */
	world.full_inbox = false;
	ready();
	assert_int_equal(world.ends, 1);
}

/* Until then a quiet topic is well; from then on it must get on, or is cut short. */
static void test_a_range_that_is_over_can_stall(void **state)
{
	uint64_t before;

	open_range(10, 0);
	before = consumer_progress(c);
	pass(5);
	assert_true(consumer_progress(c) > before);
	pass(6);
	before = consumer_progress(c);
	pass(5);
	assert_true(consumer_progress(c) == before);
}

static void test_a_range_that_ends_ahead_goes_by_the_wall_clock(void **state)
{
	open_range(3600, 0);
	pass(1);
	assert_int_equal(world.closings, 0);
	wall_ahead_s = 7200; /* it is set, or the machine has slept */
	pass(1);
	assert_int_equal(world.closings, 1);
}

/* One that is paused where its end was told may miss its next record. */
static void test_a_range_that_ends_ahead_is_never_paused(void **state)
{
	open_range(3600, 0);
	world.answer = PACKET_E_FULL;
	world.written = false;
	ready();
	assert_true(world.watch_paused);
	tick(loop);
	assert_false(world.paused);
	assert_int_equal(world.polls, 1);
	consumer_resume(c);
	assert_false(world.watch_paused);
}

/* ---- what is not there ---- */

static void test_a_broker_that_is_not_there_is_not_waited_for(void **state)
{
	open_range(3600, 0);
	world.settled = world.connected = false;
	pass(2);
	assert_int_equal(world.failures, 0);
	pass(2);
	pass(2);
	assert_int_equal(world.failures, 1);
	assert_string_equal(world.why,
			    "broker kafka:9092: no answer within 3 s; --stall-timeout TIME waits "
			    "longer");
}

static void test_a_broker_that_refuses_is_named_once(void **state)
{
	char text[256];

	open_range(3600, 0);
	world.settled = world.connected = false;
	world.error = "kafka:9092/bootstrap: Connect to ipv4#10.0.0.1:9092 failed: Connection "
		      "refused (after 0ms in state CONNECT)";
	world.trouble = RD_KAFKA_RESP_ERR__TRANSPORT;
	world.assignment.on_change(world.assignment.ctx);
	assert_string_equal(world.state, "waiting for broker kafka:9092");
	consumer_waiting_for(c, text, sizeof(text));
	assert_string_equal(text, "broker kafka:9092: Connection refused (after 0ms in state "
				  "CONNECT)");
	world.error = "kafka:9092/bootstrap: Disconnected";
	consumer_waiting_for(c, text, sizeof(text));
	assert_string_equal(text, "broker kafka:9092: kafka:9092/bootstrap: Disconnected");
}

static void test_a_read_to_the_end_does_not_wait_for_it_either(void **state)
{
	open_consumer(CONFIG_OFFSET_BEGIN, true);
	world.settled = world.connected = false;
	pass(4);
	assert_int_equal(world.failures, 1);
}

/* It is a service: it may start before the broker does. */
static void test_an_instance_with_a_file_waits_for_the_broker(void **state)
{
	static char file[] = "archive.cfg";

	cfg = (struct config){.start.offset = CONFIG_OFFSET_BEGIN,
			      .exit_at_end = true,
			      .file = file};
	reopen_consumer(0);
	world.settled = world.connected = false;
	pass(4);
	assert_int_equal(world.failures, 0);
}

static void test_one_that_is_there_and_slow_is_waited_for(void **state)
{
	open_range(3600, 0);
	world.settled = false;
	world.trouble = RD_KAFKA_RESP_ERR__TIMED_OUT;
	for (int i = 0; i < 8; i++)
		pass(2);
	assert_int_equal(world.failures, 0);
	world.trouble = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART; /* its first answer */
	pass(2);
	pass(2);
	assert_int_equal(world.failures, 1);
}

/* The one before it has found all. */
static void test_who_goes_on_for_another_waits_for_the_broker(void **state)
{
	open_range(3600, 4);
	world.settled = world.connected = false;
	pass(5);
	assert_int_equal(world.failures, 0);
}

static void test_a_topic_without_packets_ends_when_that_is_known(void **state)
{
	open_consumer(CONFIG_OFFSET_BEGIN, true);
	world.ended = true;
	world.assignment.on_change(world.assignment.ctx);
	assert_int_equal(world.ends, 1);
}

static void test_a_stop_reads_and_tells_no_more(void **state)
{
	open_consumer(CONFIG_OFFSET_BEGIN, true);
	consumer_stop(c);
	consumer_stop(c);
	assert_int_equal(world.stopped, 1);
	assert_true(world.watch_paused);
	world.ended = true;
	assert_false(ready());
	assert_int_equal(world.runs, 0);
	assert_int_equal(world.ends, 0);
	world.assignment.on_failed(world.assignment.ctx, "late");
	assert_int_equal(world.failures, 0);
}

static void test_a_close_writes_stores_and_leaves(void **state)
{
	open_consumer(CONFIG_OFFSET_STORED, false);
	world.subscribed = true;
	consumer_close(c);
	assert_int_equal(world.flushes, 1);
	assert_int_equal(world.stored, 1);
	assert_true(world.leave.member);
	world.busy = true;
	assert_true(world.leave.is_busy(world.leave.ctx));
	world.leave.on_left(world.leave.ctx);
	assert_int_equal(world.closed, 1);
}

static void test_a_close_does_not_store_what_is_not_written(void **state)
{
	open_consumer(CONFIG_OFFSET_STORED, false);
	world.written = false;
	consumer_close(c);
	assert_int_equal(world.stored, 0);
	assert_false(world.leave.member);
}

static void test_a_call_that_hangs_takes_the_client_along_when_it_ends(void **state)
{
	open_consumer(CONFIG_OFFSET_END, false);
	world.hangs = true;
	consumer_free(c, 0);
	assert_int_equal(world.abandoned, 1); /* the loop may go */
	assert_int_equal(world.freed + world.freed_by_call, 0);
	world.gone(world.gone_arg);
	assert_int_equal(world.freed_by_call, 1);
	c = NULL;
}

/* ---- a group ---- */

static void test_a_member_polls_and_stores_by_the_clock(void **state)
{
	open_consumer(CONFIG_OFFSET_STORED, false);
	world.subscribed = true;
	world.assignment.on_change(world.assignment.ctx);
	tick(loop);
	assert_int_equal(world.runs, 1);
	assert_int_equal(world.stored, 1);
	world.written = false;
	tick(loop);
	assert_int_equal(world.stored, 1); /* what is not written is not stored */
	world.pausing = true;
	tick(loop);
	assert_int_equal(world.runs, 2);
}

static void test_what_is_to_be_read_again_is_not_stored(void **state)
{
	struct consumer_position *positions;

	open_consumer(CONFIG_OFFSET_STORED, false);
	world.subscribed = true;
	world.assignment.on_change(world.assignment.ctx);
	consumer_withhold(c);
	tick(loop);
	assert_int_equal(consumer_positions(c, &positions), 4); /* the group does not know them */
	world.assignment.on_losing(world.assignment.ctx);
	consumer_close(c);
	assert_int_equal(world.stored, 0);
}

static void test_what_the_group_takes_is_written_and_stored_first(void **state)
{
	open_consumer(CONFIG_OFFSET_STORED, false);
	world.assignment.on_losing(world.assignment.ctx);
	assert_int_equal(world.stored, 1);
	world.assignment.on_lost(world.assignment.ctx);
	assert_int_equal(world.revoked, 1);
	world.written = false;
	world.assignment.on_losing(world.assignment.ctx);
	assert_int_equal(world.stored, 1);
}

/* ---- that it is written does not make it safe ---- */

static void open_recorder(void)
{
	cfg = (struct config){.start.offset = CONFIG_OFFSET_STORED, .ring_buffer = topic};
	reopen_consumer(0);
	world.subscribed = true;
	world.assignment.on_change(world.assignment.ctx);
}

static void test_what_is_not_safe_is_committed_when_it_is(void **state)
{
	struct consumer_position *positions;

	open_recorder();
	tick(loop);
	assert_int_equal(consumer_positions(c, &positions), 4);
	assert_int_equal(world.marked + world.committed, 0);
	consumer_mark(c);
	assert_int_equal(world.marked, 1);
	assert_true(consumer_kept(c));
	assert_int_equal(world.marked, 1); /* behind it, something else is unsafe */
	assert_int_equal(world.committed, 1);
	world.assignment.on_committed(world.assignment.ctx);
	assert_int_equal(world.answered, 1);
	assert_int_equal(world.stored, 0);
}

/* Such as packets that the filter does not let through. */
static void test_what_is_nothing_to_write_is_safe(void **state)
{
	open_recorder();
	world.safe = true;
	tick(loop);
	assert_int_equal(world.marked, 1);
	assert_int_equal(world.committed, 1);
	consumer_kept(c);
	assert_int_equal(world.marked, 2);
	assert_int_equal(world.committed, 2);
	assert_int_equal(world.stored, 0);
}

static void test_what_the_group_takes_is_made_safe_first(void **state)
{
	open_recorder();
	world.securing = true;
	assert_true(world.assignment.on_losing(world.assignment.ctx));
	world.securing = false;
	assert_false(world.assignment.on_losing(world.assignment.ctx));
	assert_int_equal(world.secured, 2);
	world.securing = true;
	consumer_withhold(c);
	assert_int_equal(world.let_go, 1);
	assert_false(world.assignment.on_losing(world.assignment.ctx));
	assert_false(consumer_kept(c));
	assert_int_equal(world.secured, 2);
	assert_int_equal(world.committed, 0);
}

/* Its files have ended before, or never will. */
static void test_the_end_waits_for_no_file(void **state)
{
	open_recorder();
	world.securing = true;
	consumer_close(c);
	assert_int_equal(world.secured, 0);
	assert_int_equal(world.let_go, 1);
}

/* ---- what it says ---- */

static void expect_state(const char *text)
{
	world.assignment.on_change(world.assignment.ctx);
	assert_string_equal(world.state, text);
}

static void test_its_state_in_words(void **state)
{
	open_consumer(CONFIG_OFFSET_STORED, false);
	world.settled = false;
	expect_state("connecting to kafka:9092");
	world.subscribed = true;
	expect_state("waiting for partitions from the group");
	world.settled = true;
	expect_state("reading 4 partition(s) of topic pcap");
	world.trouble = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
	expect_state("waiting for topic pcap: Broker: Leader not available");
	world.kafka.on_connection(world.kafka.ctx, false);
	assert_string_equal(world.state, "waiting for broker kafka:9092");
	consumer_stop(c);
	world.kafka.on_connection(world.kafka.ctx, true);
	assert_string_equal(world.state, "waiting for broker kafka:9092");
}

/* ---- messages that are none ---- */

static void send_error(rd_kafka_resp_err_t err)
{
	const rd_kafka_message_t msg = {.err = err};

	world.intake.on_error(world.intake.ctx, &msg);
}

static void test_an_error_instead_of_messages_shows_until_some_come(void **state)
{
	open_consumer(CONFIG_OFFSET_END, false);
	send_error(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_string_equal(world.state,
			    "waiting for topic pcap: Broker: Topic authorization failed");
	world.reads = 1;
	ready();
	assert_string_equal(world.state, "reading 4 partition(s) of topic pcap");
}

static void test_records_of_another_time_end_an_error_too(void **state)
{
	open_consumer(CONFIG_OFFSET_END, false);
	send_error(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	world.outside = 1;
	ready();
	assert_string_equal(world.state, "reading 4 partition(s) of topic pcap");
}

static void test_the_end_of_a_partition_ends_an_error_too(void **state)
{
	open_consumer(CONFIG_OFFSET_END, false);
	send_error(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	send_error(RD_KAFKA_RESP_ERR__PARTITION_EOF);
	assert_string_equal(world.state, "reading 4 partition(s) of topic pcap");
}

/* As where one partition cannot be read, and the others can. */
static void test_errors_that_come_and_go_do_not_fill_the_log(void **state)
{
	open_consumer(CONFIG_OFFSET_END, false);
	lines_catch();
	for (int i = 0; i < 20; i++) {
		send_error(RD_KAFKA_RESP_ERR__BAD_MSG);
		send_error(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
		send_error(RD_KAFKA_RESP_ERR__PARTITION_EOF);
	}
	assert_int_equal(lines_with("reading topic pcap: "), 2);
	lines_release();
}

static void test_what_the_coordinator_says_concerns_a_group_alone(void **state)
{
	open_consumer(CONFIG_OFFSET_END, false);
	send_error(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
	assert_string_equal(world.state, "");
}

static void change(int partitions)
{
	world.count = partitions;
	world.assignment.on_change(world.assignment.ctx);
}

/* Another takes its place, which knows: once, and never where something is read already. */
static void test_a_client_for_few_partitions_that_finds_many(void **state)
{
	open_consumer(CONFIG_OFFSET_BEGIN, true);
	change(200);
	assert_int_equal(world.many, 0); /* all of them have one queue */
	world.in->merged = true;
	change(8);
	assert_int_equal(world.many, 0);
	change(9);
	assert_int_equal(world.many, 1);
	assert_int_equal(world.stopped, 1);
	ready();
	assert_int_equal(world.runs, 0);
	change(9);
	assert_int_equal(world.many, 1);
	consumer_free(c, 0);

	open_consumer(CONFIG_OFFSET_BEGIN, true);
	world.in->merged = true;
	change(8);
	world.reads = 1;
	ready();
	change(9);
	assert_int_equal(world.many, 0);
}

static void test_a_fatal_error_is_the_end(void **state)
{
	open_consumer(CONFIG_OFFSET_STORED, false);
	send_error(RD_KAFKA_RESP_ERR__FATAL);
	assert_int_equal(world.failures, 0); /* the client says otherwise */
	world.fatal = true;
	send_error(RD_KAFKA_RESP_ERR__FATAL);
	assert_int_equal(world.failures, 1);
	assert_string_equal(world.why, "fenced");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(test_it_reads_as_long_as_there_is_more),
		TEST(test_a_reader_that_stalls_pauses_the_partitions),
		TEST(test_a_short_stall_pauses_nothing),
		TEST(test_a_live_reader_says_once_that_it_waits_at_the_end),
		TEST(test_a_bounded_reader_does_not_say_that_it_waits),
		TEST(test_room_that_flush_made_needs_no_resume),
		TEST(test_what_is_due_is_given_and_written),
		TEST(test_what_is_due_blocks_when_there_is_no_room),
		TEST(test_room_is_told_to_what_waits),
		TEST(test_the_end_is_told_when_nothing_waits_any_more),
		TEST(test_what_waits_is_given_before_partitions_go),
		TEST(test_what_waits_is_not_read_yet),
		TEST(test_nothing_is_fetched_while_partitions_are_being_paused),
		TEST(test_the_end_is_told_once_when_the_inbox_is_empty),
		TEST(test_a_topic_without_packets_ends_when_that_is_known),
		TEST(test_a_range_that_ends_ahead_is_closed_by_the_clock_and_read_to_its_ends),
		TEST(test_a_range_that_is_over_can_stall),
		TEST(test_a_range_that_ends_ahead_goes_by_the_wall_clock),
		TEST(test_a_range_that_ends_ahead_is_never_paused),
		TEST(test_a_broker_that_is_not_there_is_not_waited_for),
		TEST(test_a_broker_that_refuses_is_named_once),
		TEST(test_a_read_to_the_end_does_not_wait_for_it_either),
		TEST(test_an_instance_with_a_file_waits_for_the_broker),
		TEST(test_one_that_is_there_and_slow_is_waited_for),
		TEST(test_who_goes_on_for_another_waits_for_the_broker),
		TEST(test_records_of_another_time_end_an_error_too),
		TEST(test_a_stop_reads_and_tells_no_more),
		TEST(test_a_close_writes_stores_and_leaves),
		TEST(test_a_close_does_not_store_what_is_not_written),
		TEST(test_a_call_that_hangs_takes_the_client_along_when_it_ends),
		TEST(test_a_member_polls_and_stores_by_the_clock),
		TEST(test_what_is_to_be_read_again_is_not_stored),
		TEST(test_what_the_group_takes_is_written_and_stored_first),
		TEST(test_what_is_not_safe_is_committed_when_it_is),
		TEST(test_what_is_nothing_to_write_is_safe),
		TEST(test_what_the_group_takes_is_made_safe_first),
		TEST(test_the_end_waits_for_no_file),
		TEST(test_its_state_in_words),
		TEST(test_an_error_instead_of_messages_shows_until_some_come),
		TEST(test_the_end_of_a_partition_ends_an_error_too),
		TEST(test_errors_that_come_and_go_do_not_fill_the_log),
		TEST(test_what_the_coordinator_says_concerns_a_group_alone),
		TEST(test_a_client_for_few_partitions_that_finds_many),
		TEST(test_a_fatal_error_is_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

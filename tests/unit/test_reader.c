/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader makes of offsets: the messages are the test's, librdkafka only gives them out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "consumer/assignment.h"
#include "consumer/reader.h"
#include "kafka/record_decode.h"

#define MAX 32

/* What stands around it: one partition, and what comes of it. */
static struct {
	rd_kafka_message_t messages[MAX];
	size_t given, end;
	int64_t low;
	struct partition partition;
	struct partitions partitions;
	int64_t taken[MAX];
	size_t n_taken;
	size_t room;           /* packets that downstream takes before it is full */
	size_t stop;           /* the reader is stopped with this one */
	size_t blocks;         /* that downstream was asked to take whole */
	const char *faults[4]; /* of its records, by turns; NULL: they have none */
	char line[512];
	size_t lines;
} world;

ssize_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *queue, int timeout_ms,
				     rd_kafka_message_t **out, size_t size)
{
	ssize_t n = 0;

	while (world.given < world.end)
		out[n++] = &world.messages[world.given++];
	return n;
}

void rd_kafka_message_destroy(rd_kafka_message_t *msg)
{
}

int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *msg, rd_kafka_timestamp_type_t *type)
{
	return 1795428900000 + msg->offset * 1000;
}

const char *rd_kafka_topic_name(const rd_kafka_topic_t *topic)
{
	return "pcap";
}

rd_kafka_resp_err_t rd_kafka_get_watermark_offsets(rd_kafka_t *rk, const char *topic,
						   int32_t partition, int64_t *low, int64_t *high)
{
	*low = world.low;
	*high = INT64_MAX;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* A record holds as many packets as its value has bytes, each a little older than the one before,
 * and one when it has none: no block then. */
int record_decode_whole(const rd_kafka_message_t *msg, packet_fn take_packet, block_fn take_block,
			void *ctx, char why[RECORD_DECODE_WHY_SIZE])
{
	struct packet pkt = {.time_us = (uint64_t)msg->offset};
	int err = msg->len ? take_block(ctx, &(struct block){.packets = msg->len}) : BLOCK_E_EACH;

	*why = '\0';
	if (err != BLOCK_E_EACH)
		return err;
	err = 0;
	if (world.faults[0]) {
		snprintf(why, RECORD_DECODE_WHY_SIZE, "%s", world.faults[msg->offset % 4]);
		return 0;
	}
	for (size_t i = 0; i < (msg->len ? msg->len : 1) && !err; i++, pkt.time_us--)
		err = take_packet(ctx, &pkt);
	return err;
}

const struct partitions *assignment_partitions(const struct assignment *a)
{
	return &world.partitions;
}

void assignment_done(struct assignment *a, struct partition *p)
{
	p->done = true;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(world.line, sizeof(world.line), fmt, ap);
	va_end(ap);
	world.lines++;
}

bool log_limit_pass(struct log_limit *limit, unsigned int interval_s, uint64_t *suppressed)
{
	*suppressed = limit->suppressed++;
	return *suppressed == 0;
}

static struct reader reader;

static int take(void *ctx, const struct packet *pkt)
{
	const struct reader *r = ctx;
	int32_t partition;

	if (world.n_taken == world.room)
		return PACKET_E_FULL;
	reader_origin(r, &partition, &world.taken[world.n_taken++]);
	if (world.n_taken == world.stop)
		reader_stop(&reader);
	return 0;
}

/* Blocks of more than two packets are wanted one by one. */
static int take_block(void *ctx, const struct block *b)
{
	world.blocks++;
	if (b->packets > MAX)
		return 0;
	if (b->packets > 2)
		return BLOCK_E_EACH;
	if (world.n_taken + b->packets > world.room)
		return PACKET_E_FULL;
	for (uint64_t i = 0; i < b->packets; i++)
		take(ctx, NULL);
	return 0;
}

static void on_error(void *ctx, const rd_kafka_message_t *msg)
{
}

static int open_world(void **state)
{
	const struct reader_options opt = {.take = take,
					   .take_ctx = &reader,
					   .on_error = on_error,
					   .range = {INT64_MIN, INT64_MAX}};

	memset(&world, 0, sizeof(world));
	memset(&reader, 0, sizeof(reader));
	world.partition = (struct partition){.assigned = true, .end = PARTITION_NO_END};
	world.partitions = (struct partitions){.all = &world.partition, .n = 1};
	world.room = MAX;
	reader_init(&reader, &opt);
	return 0;
}

static void come(int64_t from, int64_t to)
{
	for (int64_t i = from; i < to; i++)
		world.messages[world.end++] = (rd_kafka_message_t){.offset = i};
}

/* What was taken is from..to-1, after `before` others. */
static void assert_taken(size_t before, int64_t from, int64_t to)
{
	assert_int_equal(world.n_taken, before + (size_t)(to - from));
	for (size_t i = before; i < world.n_taken; i++)
		assert_int_equal(world.taken[i], from + (int64_t)(i - before));
}

static void test_each_kind_of_fault_is_explained(void **state)
{
	bool more;

	world.faults[0] = "it has no key";
	world.faults[1] = "its key is not 8 bytes long";
	world.faults[2] = "a damaged block: its end is missing (at byte 7 of 9)";
	world.faults[3] = "a damaged block: its end is missing (at byte 8 of 9)";
	come(0, 20);
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_int_equal(reader.skipped, 20);
	assert_int_equal(world.lines, 3);
}

static void test_a_topic_made_again_after_a_stall_is_taken_whole(void **state)
{
	bool more;

	come(0, 8);
	world.room = 3;
	assert_int_equal(reader_run(&reader, &more), PACKET_E_FULL);
	world.room = MAX;
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_taken(0, 0, 8);
	assert_int_equal(world.lines, 0);

	come(0, 5);
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_taken(8, 0, 5);
	assert_int_equal(world.partition.next, 5);
	assert_int_equal(world.lines, 1);
	assert_string_equal(world.line, "topic pcap: partition 0 continues at 0, not at 8: it was "
					"recreated or truncated");
}

static void test_what_retention_deleted_is_counted(void **state)
{
	bool more;

	come(0, 10);
	come(60, 62);
	world.low = 60;
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_taken(10, 60, 62);
	assert_int_equal(world.lines, 1);
	assert_non_null(strstr(world.line, "partition 0 starts at 60: 50 records are gone"));
}

/* A record of 1970 + 17 us is past the range, but a block may begin within it. */
static void test_a_record_that_hides_a_range_is_named(void **state)
{
	bool more;

	for (int inside = 0; inside < 2; inside++) {
		open_world(NULL);
		world.partition.passed = world.partition.late_end = true;
		world.partition.start = world.partition.next = 17;
		world.partition.end = 18;
		reader.opt.range.to_us = inside ? 18 : 16;
		come(17, 18);
		assert_int_equal(reader_run(&reader, &more), 0);
		assert_true(world.partition.done);
		assert_int_equal(world.n_taken, inside);
		assert_int_equal(world.lines, !inside);
	}
	open_world(NULL);
	world.partition.passed = true;
	world.partition.start = world.partition.next = 17;
	world.partition.end = 18;
	reader.opt.range.to_us = 16;
	come(17, 18);
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_non_null(strstr(world.line, "nothing is read from partition 0: its first record "
					   "that is late enough, at offset 17, is of 2026-11-23 "));
	assert_non_null(strstr(world.line, "--slack all"));
}

/* Three partitions with a record of 17 us each, one of them a block that begins a microsecond
 * sooner. */
static void test_a_block_that_begins_in_the_range_is_none_like_it(void **state)
{
	struct partition all[3];
	bool more;

	world.partitions = (struct partitions){.all = all, .n = 3};
	reader.opt.range.to_us = 17;
	for (int32_t id = 2; id >= 0; id--) {
		all[id] = (struct partition){.assigned = true,
					     .passed = true,
					     .late_end = true,
					     .start = 17,
					     .next = 17,
					     .end = 18};
		world.messages[world.end++] =
			(rd_kafka_message_t){.partition = id, .offset = 17, .len = id == 1 ? 2 : 1};
	}
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_int_equal(world.n_taken, 1);
	assert_int_equal(world.lines, 1);
	assert_non_null(strstr(world.line, "nothing is read from partition 0: "));
	assert_non_null(strstr(world.line, "(1 more partition(s) like it)"));
}

/* The first record that is left is past the range, or there is none at all. */
static void come_past_the_end(bool any)
{
	world.messages[world.end++] =
		(rd_kafka_message_t){.offset = 6000,
				     .err = any ? 0 : RD_KAFKA_RESP_ERR__PARTITION_EOF};
	world.low = 6000;
	world.partition.next = 1000;
	world.partition.end = 5000;
}

static void test_retention_that_passes_the_end_of_a_range_is_said(void **state)
{
	bool more;

	for (int any = 0; any < 2; any++) {
		open_world(NULL);
		come_past_the_end(any);
		assert_int_equal(reader_run(&reader, &more), 0);
		assert_int_equal(world.n_taken, 0);
		assert_true(world.partition.done);
		assert_int_equal(reader.gone, 4000);
		assert_int_equal(world.lines, 1);
		assert_non_null(strstr(world.line, "starts at 6000: 4000 records are gone"));
	}
}

static void test_what_is_gone_is_counted_once(void **state)
{
	bool more;

	come(60, 62);
	world.low = 60;
	world.partition.next = 10;
	world.room = 0;
	for (int i = 0; i < 3; i++)
		assert_int_equal(reader_run(&reader, &more), PACKET_E_FULL);
	world.room = MAX;
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_int_equal(reader.gone, 50);
	assert_int_equal(world.lines, 1);
}

/* What a transaction left behind the last record is passed, also when the end is not known yet. */
static void test_the_end_of_a_partition_is_where_it_goes_on(void **state)
{
	bool more;

	come(0, 4);
	world.messages[world.end++] =
		(rd_kafka_message_t){.offset = 5, .err = RD_KAFKA_RESP_ERR__PARTITION_EOF};
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_int_equal(world.partition.next, 5);
	assert_false(world.partition.done);
	assert_int_equal(reader.gone + world.lines, 0);
}

static void test_offsets_left_out_by_a_transaction_are_no_news(void **state)
{
	bool more;

	world.low = 3;
	world.partition.next = 3;
	come(3, 5);
	come(6, 8);
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_int_equal(world.n_taken, 4);
	assert_int_equal(world.lines, 0);
}

static void test_the_first_record_of_a_group_is_no_jump(void **state)
{
	bool more;

	world.low = 60;
	world.partition.next = -1;
	come(60, 62);
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_taken(0, 60, 62);
	assert_int_equal(world.lines, 0);
}

/* The key decides: records of another time are passed over, and count as none of the range. */
static void test_packets_of_another_time_are_left_out(void **state)
{
	bool more;

	reader.opt.range = (struct time_range){.from_us = 3, .to_us = 6};
	world.partition.end = 8;
	come(0, 8);
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_taken(0, 3, 6);
	assert_int_equal(reader.read, 3);
	assert_int_equal(reader.outside, 5);
	assert_int_equal(world.partition.next, 8);
	assert_true(world.partition.done);
}

/* A key can hold any number. */
static void test_a_range_without_an_end_has_no_last_time(void **state)
{
	static const uint64_t times[] = {0, INT64_MAX - 1, INT64_MAX, (uint64_t)INT64_MAX + 1,
					 UINT64_MAX};
	const struct time_range open = {INT64_MIN, INT64_MAX}, from = {5, INT64_MAX},
				to = {INT64_MIN, 5};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_true(time_range_has(&open, times[i]));
		assert_int_equal(time_range_has(&from, times[i]), i > 0);
		assert_int_equal(time_range_has(&to, times[i]), i == 0);
	}
}

/* It is read for what it may hold; if that is nothing, it was none of the range. */
static void test_the_record_that_was_found_for_the_end_of_a_range(void **state)
{
	bool more;

	for (size_t packets = 1; packets < 4; packets++) {
		open_world(NULL);
		reader.opt.range = (struct time_range){.from_us = 3, .to_us = 6};
		world.partition.next = 3;
		world.partition.end = 7;
		world.partition.late_end = true;
		come(3, 8);
		world.messages[3].len = packets;
		assert_int_equal(reader_run(&reader, &more), 0);
		assert_int_equal(world.n_taken, 3 + packets - 1);
		assert_int_equal(world.taken[world.n_taken - 1], packets > 1 ? 6 : 5);
		assert_int_equal(reader.read, packets > 1 ? 4 : 3);
		assert_int_equal(reader.outside, 0);
		assert_true(world.partition.done);
	}
}

/* Three records of 2, 3 and 1 packets. */
static void come_blocks(void)
{
	static const size_t packets[] = {2, 3, 1};

	for (size_t i = 0; i < 3; i++)
		world.messages[world.end++] =
			(rd_kafka_message_t){.offset = (int64_t)i, .len = packets[i]};
}

static void assert_offsets(const int64_t *want, size_t n)
{
	assert_int_equal(world.n_taken, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(world.taken[i], want[i]);
}

static void test_a_record_that_stalls_in_its_midst_gives_each_packet_once(void **state)
{
	static const int64_t want[] = {0, 0, 1, 1, 1, 2};
	bool more;

	come_blocks();
	for (world.room = 0; world.room < 6; world.room++) {
		assert_int_equal(reader_run(&reader, &more), PACKET_E_FULL);
		assert_offsets(want, world.room);
		assert_int_equal(world.partition.next, world.room < 2 ? 0 : world.room < 5 ? 1 : 2);
	}
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_offsets(want, 6);
	assert_int_equal(reader.read, 3);
	assert_int_equal(world.partition.next, 3);
}

static void test_a_block_is_taken_whole_or_by_packets(void **state)
{
	static const int64_t want[] = {0, 0, 1, 1, 1, 2};
	bool more;

	reader.opt.take_block = take_block;
	come_blocks();
	world.room = 1;
	for (int i = 0; i < 2; i++)
		assert_int_equal(reader_run(&reader, &more), PACKET_E_FULL);
	assert_int_equal(world.n_taken, 0); /* there is room for a half of it */
	assert_int_equal(world.blocks, 2);
	world.room = 4;
	assert_int_equal(reader_run(&reader, &more), PACKET_E_FULL);
	assert_offsets(want, 4);
	assert_int_equal(world.blocks, 4);
	assert_int_equal(reader.read, 1);
	world.room = 6;
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_offsets(want, 6);
	assert_int_equal(world.blocks, 5); /* of which a part was taken, it was not asked for */
	assert_int_equal(reader.read, 3);
	assert_int_equal(world.partition.next, 3);
}

static void test_large_blocks_leave_the_loop_its_turn(void **state)
{
	bool more;

	reader.opt.take_block = take_block;
	come(0, 3);
	for (size_t i = 0; i < 3; i++)
		world.messages[i].len = 3 << 20;
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_true(more);
	assert_int_equal(world.blocks, 2);
	assert_int_equal(world.partition.next, 2);
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_int_equal(world.blocks, 3);
	assert_true(reader_is_empty(&reader));
}

static void test_a_stop_with_the_last_packet_of_a_block_leaves_it_read(void **state)
{
	static const int64_t want[] = {0, 0};
	bool more;

	reader.opt.take_block = take_block;
	come_blocks();
	world.stop = 2;
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_offsets(want, 2);
	assert_int_equal(world.partition.next, 1);
	assert_int_equal(reader.read, 1);
	assert_int_equal(reader.outside, 0);
}

static void test_a_stop_within_a_record_takes_no_more_of_it(void **state)
{
	static const int64_t want[] = {0, 0, 1};
	bool more;

	come_blocks();
	world.stop = 3;
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_offsets(want, 3);
	assert_int_equal(world.partition.next, 1);
	assert_int_equal(reader.read, 1);
}

static void test_a_revoked_record_takes_what_was_taken_of_it_along(void **state)
{
	static const int64_t want[] = {0, 1, 1, 1, 2};
	bool more;

	come_blocks();
	world.room = 1;
	assert_int_equal(reader_run(&reader, &more), PACKET_E_FULL);
	reader.inbox.messages[reader.inbox.first] = NULL;
	world.partition.next = 1;
	world.room = MAX;
	assert_int_equal(reader_run(&reader, &more), 0);
	assert_offsets(want, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_each_kind_of_fault_is_explained, open_world),
		cmocka_unit_test_setup(test_packets_of_another_time_are_left_out, open_world),
		cmocka_unit_test_setup(test_a_range_without_an_end_has_no_last_time, open_world),
		cmocka_unit_test_setup(test_the_record_that_was_found_for_the_end_of_a_range,
				       open_world),
		cmocka_unit_test_setup(test_a_topic_made_again_after_a_stall_is_taken_whole,
				       open_world),
		cmocka_unit_test_setup(test_what_retention_deleted_is_counted, open_world),
		cmocka_unit_test_setup(test_a_record_that_hides_a_range_is_named, open_world),
		cmocka_unit_test_setup(test_a_block_that_begins_in_the_range_is_none_like_it,
				       open_world),
		cmocka_unit_test(test_retention_that_passes_the_end_of_a_range_is_said),
		cmocka_unit_test_setup(test_what_is_gone_is_counted_once, open_world),
		cmocka_unit_test_setup(test_the_end_of_a_partition_is_where_it_goes_on, open_world),
		cmocka_unit_test_setup(test_offsets_left_out_by_a_transaction_are_no_news,
				       open_world),
		cmocka_unit_test_setup(test_the_first_record_of_a_group_is_no_jump, open_world),
		cmocka_unit_test_setup(
			test_a_record_that_stalls_in_its_midst_gives_each_packet_once, open_world),
		cmocka_unit_test_setup(test_large_blocks_leave_the_loop_its_turn, open_world),
		cmocka_unit_test_setup(test_a_block_is_taken_whole_or_by_packets, open_world),
		cmocka_unit_test_setup(test_a_stop_with_the_last_packet_of_a_block_leaves_it_read,
				       open_world),
		cmocka_unit_test_setup(test_a_stop_within_a_record_takes_no_more_of_it, open_world),
		cmocka_unit_test_setup(test_a_revoked_record_takes_what_was_taken_of_it_along,
				       open_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

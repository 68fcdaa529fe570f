/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks as they fill, with a client that is a list of what it was given, and a clock of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packet/block_reader.h"
#include "producer/openblocks.h"

#define SIZE   8000
#define TIME_S 0.02
#define LEN    100 /* of a packet, bytes */
#define FULL   RD_KAFKA_RESP_ERR__QUEUE_FULL
#define MAX    32768

static struct world {
	struct openblocks *blocks;
	double now;
	ev_timer *timer;
	double fires_in;
	rd_kafka_resp_err_t reply; /* of the client */
	int busy_slot;             /* whose blocks it refuses; -1: none's */
	struct outblock *sent[MAX];
	uint8_t *copies[MAX];
	size_t n_sent, n_copies;
	rd_kafka_resp_err_t told;
	unsigned int called, allocs;
	void *memory[MAX];
	uint64_t seq; /* of the next packet */
} * world;

/* ---- in place of libev's ---- */

ev_tstamp ev_now(EV_P)
{
	return world->now;
}

void ev_timer_start(struct ev_loop *loop, ev_timer *w)
{
	world->timer = w;
	world->fires_in = w->at;
	w->active = 1;
}

void ev_timer_stop(struct ev_loop *loop, ev_timer *w)
{
	world->timer = NULL;
	w->active = 0;
}

static void pass(double s)
{
	ev_timer *w = world->timer;

	world->now += s;
	if (!w || (world->fires_in -= s) > 1e-9)
		return;
	world->timer = NULL;
	w->active = 0;
	w->cb(NULL, w, EV_TIMER);
}

/* ---- what stands around it ---- */

static void *take_memory(void *ctx, size_t size)
{
	assert_true(world->allocs < MAX);
	return world->memory[world->allocs++] = calloc(1, size);
}

static rd_kafka_resp_err_t take_block(void *ctx, struct outblock *b, bool copy)
{
	if (world->reply || (int)b->slot == world->busy_slot)
		return world->reply ? world->reply : FULL;
	assert_true(world->n_sent < MAX);
	world->sent[world->n_sent++] = b;
	if (copy) {
		world->copies[world->n_copies] = malloc(b->len);
		assert_non_null(world->copies[world->n_copies]);
		memcpy(world->copies[world->n_copies], b->bytes, b->len);
		b->bytes = world->copies[world->n_copies++];
	}
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void on_time(void *ctx, rd_kafka_resp_err_t err)
{
	world->told = err;
	world->called++;
}

static int begin(void **state)
{
	const struct openblocks_options opt = {.size = SIZE,
					       .time_s = TIME_S,
					       .alloc = take_memory,
					       .send = take_block,
					       .on_time = on_time};

	world = calloc(1, sizeof(*world));
	if (!world)
		return -1;
	world->now = 1000;
	world->busy_slot = -1;
	return openblocks_new(&world->blocks, &opt);
}

static int end(void **state)
{
	openblocks_free(world->blocks);
	while (world->n_copies)
		free(world->copies[--world->n_copies]);
	while (world->allocs)
		free(world->memory[--world->allocs]);
	free(world);
	return 0;
}

static struct packet numbered(uint64_t seq, uint32_t len, uint8_t bytes[])
{
	memset(bytes, (int)(seq % 251), len);
	return (struct packet){.data = bytes,
			       .caplen = len,
			       .wirelen = len + 7,
			       .time_us = 1700000000000000 + seq * 10,
			       .nanos = seq % 1000,
			       .linktype = PACKET_LINKTYPE_DEFAULT,
			       .dropcount = seq % 3};
}

static rd_kafka_resp_err_t put_len(uint32_t slot, uint32_t len)
{
	static uint8_t bytes[PACKET_MAX_LEN];
	const struct packet pkt = numbered(world->seq, len, bytes);
	const struct openblocks_item item = {.pkt = &pkt,
					     .seq = world->seq,
					     .topic = "pcap",
					     .slot = slot,
					     .hash = slot * 1000,
					     .live = world->seq != 3};
	struct outblock *in = NULL;
	rd_kafka_resp_err_t err = openblocks_put(world->blocks, &item, &in);

	if (err)
		return err;
	assert_int_equal(outblock_seq(in, in->packets - 1), world->seq);
	world->seq++;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void put(uint32_t slot, unsigned int n)
{
	while (n--)
		assert_int_equal(put_len(slot, LEN), 0);
}

/* ---- what is in a block ---- */

struct look {
	uint64_t seq; /* that of the last packet, and one */
	uint64_t n, step;
};

static void see(void *ctx, const struct packet *pkt, uint64_t seq)
{
	static uint8_t bytes[PACKET_MAX_LEN];
	const struct packet want = numbered(seq, pkt->caplen, bytes);
	struct look *look = ctx;

	assert_true(seq >= look->seq);
	look->seq = seq + 1;
	look->n++;
	assert_memory_equal(pkt->data, want.data, pkt->caplen);
	assert_int_equal(pkt->wirelen, want.wirelen);
	assert_int_equal(pkt->time_us, want.time_us);
	assert_int_equal(pkt->nanos, want.nanos);
	assert_int_equal(pkt->dropcount, want.dropcount);
}

static int count_one(void *ctx, const struct packet *pkt)
{
	++*(uint64_t *)ctx;
	return 0;
}

/* Whole by itself, too; returns how many packets it holds. */
static uint64_t look_at(const struct outblock *b)
{
	const struct block block = {.bytes = b->bytes, .len = b->len, .packets = b->packets};
	char why[BLOCK_READER_WHY_SIZE];
	struct look look = {0};
	uint64_t n = 0;

	assert_int_equal(block_reader_give(&block, count_one, &n, why), 0);
	assert_string_equal(why, "");
	outblock_each(b, see, &look);
	assert_int_equal(look.n, n);
	assert_int_equal(look.n, b->packets);
	return n;
}

static void answer_all(void)
{
	for (size_t i = 0; i < world->n_sent; i++)
		openblocks_answered(world->blocks, world->sent[i]);
	world->n_sent = 0;
}

/* ---- when a block goes ---- */

static void a_block_goes_when_the_next_packet_does_not_fit(void **state)
{
	uint64_t n;

	assert_int_equal(openblocks_set_slots(world->blocks, 2), 0);
	while (world->n_sent == 0) {
		put(0, 1);
		put(1, 1);
	}
	n = look_at(world->sent[0]);
	assert_true(n > 10 && world->sent[0]->len <= SIZE);
	assert_true(world->sent[0]->len + LEN + 60 > SIZE);
	assert_int_equal(world->sent[0]->slot, 0);
	assert_int_equal(world->sent[0]->first_us, 1700000000000000);
	assert_int_equal(world->sent[0]->last_us, 1700000000000000 + (n - 1) * 2 * 10);
	assert_int_equal(outblock_seq(world->sent[0], 1), 2);
	assert_int_equal(world->sent[0]->caplen, n * LEN);
	assert_true(world->sent[0]->live);
	put(1, 1);
	assert_int_equal(world->n_sent, 2);
	assert_int_equal(look_at(world->sent[1]), n);
	assert_false(world->sent[1]->live); /* one of its packets is not */
	assert_int_equal(world->sent[1]->hash, 1000);
}

static void a_block_goes_when_it_is_old(void **state)
{
	assert_int_equal(openblocks_set_slots(world->blocks, 3), 0);
	put(2, 3);
	pass(TIME_S / 2);
	put(0, 1);
	put(2, 1);
	assert_int_equal(world->n_sent, 0);
	pass(TIME_S / 2);
	assert_int_equal(world->n_sent, 1);
	assert_int_equal(world->sent[0]->slot, 2);
	assert_int_equal(look_at(world->sent[0]), 4);
	pass(TIME_S / 2);
	assert_int_equal(world->n_sent, 2);
	assert_int_equal(look_at(world->sent[1]), 1);
	assert_null(world->timer); /* nothing to wake for */
	put(1, 1);
	assert_non_null(world->timer);
}

static void all_go_when_they_have_to(void **state)
{
	assert_int_equal(openblocks_set_slots(world->blocks, 3), 0);
	put(1, 1);
	put(0, 1);
	put(2, 1);
	assert_int_equal(openblocks_send_all(world->blocks), 0);
	assert_int_equal(world->n_sent, 3);
	assert_int_equal(world->sent[0]->slot, 1);
	assert_int_equal(world->sent[2]->slot, 2);
	assert_true(openblocks_awaits(world->blocks));
	answer_all();
	assert_false(openblocks_awaits(world->blocks));
}

static void a_client_that_is_full_holds_up_one_slot_alone(void **state)
{
	assert_int_equal(openblocks_set_slots(world->blocks, 2), 0);
	world->busy_slot = 0;
	put(0, 1);
	put(1, 1);
	pass(TIME_S);
	assert_int_equal(world->n_sent, 1);
	assert_int_equal(world->sent[0]->slot, 1);
	/* It is filled on, to its end. */
	while (put_len(0, LEN) == 0)
		;
	assert_int_equal(put_len(0, LEN), FULL);
	assert_int_equal(world->n_sent, 1);
	put(1, 1);
	/* Neither forgotten nor tried without end. */
	assert_non_null(world->timer);
	pass(world->fires_in);
	assert_true(world->fires_in >= 0.01);
	world->busy_slot = -1;
	assert_int_equal(openblocks_send_refused(world->blocks), 0);
	assert_int_equal(world->sent[1]->slot, 0);
	assert_true(look_at(world->sent[1]) > 10);
	put(0, 1);
}

static void what_is_wrong_with_a_client_is_told(void **state)
{
	put(0, 1);
	world->reply = RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
	pass(TIME_S);
	assert_int_equal(world->called, 1);
	assert_int_equal(world->told, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC);
	assert_true(world->fires_in >= 0.01);
	while (put_len(0, LEN) == 0)
		;
	assert_int_equal(put_len(0, LEN), RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC);
	world->reply = 0;
	put(0, 1);
	assert_int_equal(world->n_sent, 1);
}

static void a_packet_that_is_larger_goes_alone_and_in_order(void **state)
{
	put(0, 2);
	world->reply = FULL;
	assert_int_equal(put_len(0, 100000), FULL);
	world->reply = 0;
	assert_int_equal(put_len(0, 100000), 0);
	assert_int_equal(world->n_sent, 2);
	assert_int_equal(look_at(world->sent[0]), 2);
	assert_int_equal(look_at(world->sent[1]), 1);
	assert_true(world->sent[1]->len > 100000);
	world->reply = FULL;
	assert_int_equal(put_len(0, 100000), FULL);
	world->reply = 0;
	put(0, 1);
	assert_int_equal(put_len(0, PACKET_MAX_LEN), 0);
	assert_int_equal(world->n_sent, 4);
	answer_all();
}

/* Of more interfaces than a section of ours may have. */
static void a_block_goes_when_it_has_too_many_interfaces(void **state)
{
	static const uint8_t byte;
	struct outblock *in;

	for (uint64_t i = 0; i < 100; i++) {
		const struct packet pkt = {.data = &byte, .linktype = (uint16_t)(i + 1)};
		const struct openblocks_item item = {.pkt = &pkt, .seq = i, .topic = "pcap"};

		assert_int_equal(openblocks_put(world->blocks, &item, &in), 0);
	}
	assert_int_equal(world->n_sent, 1);
	assert_true(world->sent[0]->packets <= 64);
}

static void not_all_slots_are_open_at_a_time(void **state)
{
	const uint32_t slots = 20000;

	assert_int_equal(openblocks_set_slots(world->blocks, slots), 0);
	for (uint32_t slot = 0; world->n_sent < 10; slot++) {
		assert_true(slot < slots);
		put(slot, 1);
	}
	assert_int_equal(world->sent[0]->slot, 0); /* the oldest */
	assert_int_equal(world->sent[9]->slot, 9);
}

/* ---- memory ---- */

static void buffers_are_used_again(void **state)
{
	unsigned int allocs;

	for (int i = 0; i < 200; i++) {
		while (world->n_sent < 3)
			put(0, 1);
		if (i == 0)
			allocs = world->allocs;
		assert_int_equal(world->allocs, allocs);
		answer_all();
	}
	assert_int_equal(world->n_copies, 0); /* they were full */
}

static void what_holds_little_is_copied_and_leaves_its_buffer(void **state)
{
	for (int i = 0; i < 100; i++) {
		put(0, 2);
		pass(TIME_S);
	}
	assert_int_equal(world->n_copies, 100);
	assert_int_equal(world->allocs, 100 + 1); /* the blocks, and one buffer */
	for (int i = 0; i < 100; i++)
		assert_int_equal(look_at(world->sent[i]), 2);
	answer_all();
}

/* ---- what was not sent ---- */

static void see_block(void *ctx, const struct outblock *b)
{
	*(uint64_t *)ctx += look_at(b);
}

static void what_is_open_is_taken_back(void **state)
{
	uint64_t n = 0;

	assert_int_equal(openblocks_set_slots(world->blocks, 2), 0);
	put(0, 3);
	put(1, 2);
	put(0, 1);
	openblocks_take_back(world->blocks, see_block, &n);
	assert_int_equal(n, 6);
	assert_int_equal(openblocks_send_all(world->blocks), 0);
	assert_int_equal(world->n_sent, 0);
	put(0, 1);
	assert_int_equal(openblocks_send_all(world->blocks), 0);
	assert_int_equal(look_at(world->sent[0]), 1);
}

static void find(struct outblock *b, uint64_t seq)
{
	struct packet pkt;
	struct look look = {0};

	assert_int_equal(outblock_find(b, seq, &pkt), 0);
	see(&look, &pkt, seq);
}

/* While it is filled, after it was copied, and however often. */
static void a_packet_is_found_by_its_number(void **state)
{
	struct outblock *in;

	assert_int_equal(openblocks_set_slots(world->blocks, 2), 0);
	put(0, 1);
	put(1, 1);
	put(0, 2);
	assert_int_equal(openblocks_send_all(world->blocks), 0);
	in = world->sent[0];
	find(in, 0);
	find(in, 2);
	find(in, 2);
	find(in, 3);
	answer_all();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_block_goes_when_the_next_packet_does_not_fit),
		TEST(a_block_goes_when_it_is_old),
		TEST(all_go_when_they_have_to),
		TEST(a_client_that_is_full_holds_up_one_slot_alone),
		TEST(what_is_wrong_with_a_client_is_told),
		TEST(a_packet_that_is_larger_goes_alone_and_in_order),
		TEST(a_block_goes_when_it_has_too_many_interfaces),
		TEST(not_all_slots_are_open_at_a_time),
		TEST(buffers_are_used_again),
		TEST(what_holds_little_is_copied_and_leaves_its_buffer),
		TEST(what_is_open_is_taken_back),
		TEST(a_packet_is_found_by_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With a client of librdkafka that has no broker: its messages stay queued until they are purged.
 * This also holds librdkafka to what inflight relies on: the message of the interceptor is that of
 * the report, whole until the report goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/record_decode.h"
#include "packet/block_writer.h"
#include "producer/inflight.h"
#include "producer/outtopics.h"
#include "producer/packet_message.h"

#define MAX 64

static struct outtopics *topics;
static const union packet_holder nobody;

struct client {
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	const rd_kafka_message_t *last;
	struct packet_message msg;
};

static rd_kafka_resp_err_t on_send(rd_kafka_t *rk, rd_kafka_message_t *m, void *opaque)
{
	struct client *c = opaque;

	c->last = m;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
				  char *errstr, size_t size)
{
	return rd_kafka_interceptor_add_on_send(rk, "test", on_send, opaque);
}

static void open_client(struct client *c)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[256];

	packet_message_init(&c->msg);

	rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
	rd_kafka_conf_interceptor_add_on_new(conf, "test", on_new, c);
	c->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	assert_non_null(c->rk);
	c->topic = rd_kafka_topic_new(c->rk, "t", NULL);
}

static void close_client(struct client *c)
{
	rd_kafka_topic_destroy(c->topic);
	rd_kafka_destroy(c->rk);
}

/* Packet number n: n bytes of n, a length on the wire that needs a header, a time of its own. */
static struct packet numbered(uint64_t n, uint8_t bytes[MAX])
{
	memset(bytes, (int)n, MAX);
	return (struct packet){.data = bytes,
			       .caplen = (uint32_t)n % MAX,
			       .wirelen = 1000,
			       .time_us = 1700000000000000 + n,
			       .linktype = n % 2 ? 1 : 101};
}

static void produce(struct client *c, struct inflight *f, unsigned int n)
{
	uint8_t bytes[MAX];

	for (; n; n--) {
		struct packet pkt = numbered(inflight_next(f), bytes);
		const struct packet_message_options opt = {.topic = c->topic,
							   .seq = (uint32_t)inflight_next(f)};

		assert_true(inflight_has_room(f));
		assert_int_equal(packet_message_send(&c->msg, c->rk, &pkt, &opt),
				 RD_KAFKA_RESP_ERR_NO_ERROR);
		inflight_add(f, (union packet_holder){.message = c->last});
	}
}

struct copies {
	uint64_t seq[256];
	const char *last_topic; /* borrowed */
	size_t n, room;
};

static int take(void *ctx, const struct packet *pkt, uint64_t seq, const char *topic)
{
	struct copies *copies = ctx;
	uint8_t bytes[MAX];
	struct packet want = numbered(seq, bytes);

	if (copies->n == copies->room)
		return PACKET_E_FULL;
	assert_int_equal(pkt->caplen, want.caplen);
	assert_memory_equal(pkt->data, want.data, want.caplen);
	assert_int_equal(pkt->wirelen, want.wirelen);
	assert_int_equal(pkt->time_us, want.time_us);
	assert_int_equal(pkt->linktype, want.linktype);
	copies->seq[copies->n++] = seq;
	copies->last_topic = topic;
	return 0;
}

static void assert_copied(const struct copies *c, size_t n, const uint64_t *seq)
{
	assert_int_equal(c->n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(c->seq[i], seq[i]);
}

#define ASSERT_COPIED(c, ...)                                                                      \
	do {                                                                                       \
		static const uint64_t want[] = {__VA_ARGS__};                                      \
		assert_copied(c, sizeof(want) / sizeof(want[0]), want);                            \
	} while (0)

/* Purges all and keeps it to be sent again, as the producer does. */
static void take_back(struct client *c, struct inflight *f, unsigned int n)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_get_main(c->rk);
	const rd_kafka_message_t *m;

	rd_kafka_purge(c->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	while (n) {
		rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 5000);

		assert_non_null(event);
		while ((m = rd_kafka_event_message_next(event))) {
			struct packet pkt;

			record_decode_one(m, &pkt);
			inflight_answered(f, packet_message_seq(m, inflight_next(f)));
			assert_int_equal(inflight_keep(f, &pkt,
						       packet_message_seq(m, inflight_next(f)), 0),
					 0);
			n--;
		}
		rd_kafka_event_destroy(event);
	}
	rd_kafka_queue_destroy(queue);
}

static void test_copies_are_what_was_sent(void **state)
{
	struct copies copies = {.room = 3};
	struct client c = {0};
	struct inflight *f;

	open_client(&c);
	assert_int_equal(inflight_new(&f, true, topics), 0);
	produce(&c, f, 5);
	inflight_answered(f, 1);
	inflight_settle(f, 1);
	assert_int_equal(inflight_copy(f, take, &copies), PACKET_E_FULL);
	ASSERT_COPIED(&copies, 0, 2, 3);
	copies.room = 10;
	assert_int_equal(inflight_copy(f, take, &copies), 0);
	ASSERT_COPIED(&copies, 0, 2, 3, 4);
	/* Once each; what is on disk needs none. */
	inflight_add_spooled(f);
	produce(&c, f, 1);
	assert_int_equal(inflight_copy(f, take, &copies), 0);
	ASSERT_COPIED(&copies, 0, 2, 3, 4, 6);
	assert_string_equal(copies.last_topic, "t");
	inflight_free(f);
	close_client(&c);
}

static void test_what_is_sent_again_is_copied_too(void **state)
{
	struct copies copies = {.room = 2};
	struct client c = {0};
	struct inflight *f;
	struct packet pkt;
	uint64_t seq;
	int topic;

	open_client(&c);
	assert_int_equal(inflight_new(&f, true, topics), 0);
	produce(&c, f, 4);
	take_back(&c, f, 4);
	produce(&c, f, 2);
	assert_int_equal(inflight_kept(f), 4);
	assert_int_equal(inflight_copy(f, take, &copies), PACKET_E_FULL);
	/* The first goes to librdkafka again, and is not copied twice. */
	assert_true(inflight_first(f, &pkt, &seq, &topic));
	assert_int_equal(seq, 0);
	assert_int_equal(topic, 0);
	inflight_drop_first(f, nobody);
	copies.room = 10;
	assert_int_equal(inflight_copy(f, take, &copies), 0);
	ASSERT_COPIED(&copies, 0, 1, 2, 3, 4, 5);
	inflight_free(f);
	close_client(&c);
}

/* ---- in blocks ---- */

#define BLOCKS 3

/* Three blocks, as packets 0, 3, 6, ... fill the first, 1, 4, ... the second, and so on. */
struct filled {
	struct outblock block[BLOCKS];
	struct block_writer writer[BLOCKS];
	uint8_t bytes[BLOCKS][16384], moved[16384];
	uint32_t seqs[BLOCKS][256];
};

static void begin_blocks(struct filled *w)
{
	memset(w, 0, sizeof(*w));
	for (int i = 0; i < BLOCKS; i++) {
		block_writer_init(&w->writer[i], w->bytes[i], sizeof(w->bytes[i]));
		w->block[i].bytes = w->bytes[i];
		w->block[i].seqs = w->seqs[i];
		w->block[i].topic = "t";
	}
}

static void fill(struct filled *w, struct inflight *f, unsigned int n)
{
	uint8_t bytes[MAX];

	for (; n; n--) {
		uint64_t seq = inflight_next(f);
		struct outblock *b = &w->block[seq % BLOCKS];
		const struct packet pkt = numbered(seq, bytes);

		assert_true(block_writer_put(&w->writer[seq % BLOCKS], &pkt));
		outblock_add(b, &pkt, seq);
		b->len = w->writer[seq % BLOCKS].len;
		inflight_add(f, (union packet_holder){.block = b});
	}
}

/* In the order they were taken, whichever block each is in: one that fills, or was moved. */
static void test_packets_in_blocks_are_copied_in_their_order(void **state)
{
	struct filled *w = malloc(sizeof(*w));
	struct copies copies = {.room = 4};
	struct inflight *f;

	assert_non_null(w);
	begin_blocks(w);
	assert_int_equal(inflight_new(&f, true, topics), 0);
	inflight_set_blocks(f, true);
	fill(w, f, 10);
	assert_int_equal(inflight_copy(f, take, &copies), PACKET_E_FULL);
	ASSERT_COPIED(&copies, 0, 1, 2, 3);
	/* The second block is delivered, the first lies elsewhere, the third grows. */
	for (uint64_t seq = 1; seq < 10; seq += BLOCKS) {
		inflight_answered(f, seq);
		inflight_settle(f, seq);
	}
	outblock_forget(&w->block[1]);
	memcpy(w->moved, w->bytes[0], sizeof(w->moved));
	memset(w->bytes[0], 0, sizeof(w->bytes[0]));
	w->block[0].bytes = w->moved;
	outblock_forget(&w->block[0]);
	w->writer[0].buf = w->moved;
	copies.room = 6;
	assert_int_equal(inflight_copy(f, take, &copies), PACKET_E_FULL);
	fill(w, f, 2);
	copies.room = 200;
	assert_int_equal(inflight_copy(f, take, &copies), 0);
	ASSERT_COPIED(&copies, 0, 1, 2, 3, 5, 6, 8, 9, 10, 11);
	assert_string_equal(copies.last_topic, "t");
	for (int i = 0; i < BLOCKS; i++)
		outblock_forget(&w->block[i]);
	inflight_free(f);
	free(w);
}

/* What came from the disk is there; what a reload left for the old topic keeps its name. */
static void test_what_is_for_another_topic_is_copied_for_it(void **state)
{
	struct copies copies = {.room = 10};
	uint8_t bytes[MAX];
	struct inflight *f;
	struct packet pkt;
	uint64_t seq;
	int topic;

	assert_int_equal(inflight_new(&f, true, topics), 0);
	inflight_add_spooled(f);
	/* Out of order, as a purge reports them. */
	for (uint64_t n = 3; n--;) {
		pkt = numbered(n, bytes);
		assert_int_equal(inflight_keep(f, &pkt, n, n == 1 ? 1 : 0), 0);
	}
	inflight_add(f, nobody);
	copies.room = 1;
	assert_int_equal(inflight_copy(f, take, &copies), 0);
	ASSERT_COPIED(&copies, 1);
	assert_string_equal(copies.last_topic, "other");
	inflight_add(f, nobody);
	copies.room = 2;
	assert_int_equal(inflight_copy(f, take, &copies), 0);
	ASSERT_COPIED(&copies, 1, 2);
	assert_string_equal(copies.last_topic, "t");
	for (uint64_t n = 0; n < 3; n++) {
		assert_true(inflight_first(f, &pkt, &seq, &topic));
		assert_int_equal(seq, n);
		assert_int_equal(topic, n == 1 ? 1 : 0);
		inflight_drop_first(f, nobody);
	}
	inflight_free(f);
}

/* ---- what is settled ---- */

static int open_inflight(void **state)
{
	return inflight_new((struct inflight **)state, true, topics);
}

static int close_inflight(void **state)
{
	inflight_free(*state);
	return 0;
}

static void in_order(void **state)
{
	struct inflight *f = *state;

	assert_int_equal(inflight_settled_below(f), 0);
	for (uint64_t i = 0; i < 200000; i++) { /* several times around */
		inflight_settle(f, i);
		assert_int_equal(inflight_settled_below(f), i + 1);
	}
}

static void a_gap_holds_all_up(void **state)
{
	struct inflight *f = *state;

	for (uint64_t i = 1; i < 100; i++)
		inflight_settle(f, i);
	assert_int_equal(inflight_settled_below(f), 0);
	assert_true(inflight_has_settled(f, 99));
	assert_false(inflight_has_settled(f, 0));
	assert_false(inflight_has_settled(f, 100));
	assert_false(inflight_has_settled(f, 65536 + 99)); /* the same place in the ring */
	inflight_settle(f, 101);
	inflight_settle(f, 0);
	assert_int_equal(inflight_settled_below(f), 100);
	inflight_settle(f, 100);
	assert_int_equal(inflight_settled_below(f), 102);
}

/* A permutation of each stretch of 65543 numbers: the first comes last, and holds all up. */
static void any_order(void **state)
{
	struct inflight *f = *state;
	const uint64_t n = 65543, step = 12345; /* no common divisor: n is prime */

	for (uint64_t base = 0; base < 5 * n; base += n) {
		for (uint64_t i = 0; i < n; i++) {
			assert_int_equal(inflight_settled_below(f), base);
			inflight_settle(f, base + (i + 1) * step % n);
		}
		assert_int_equal(inflight_settled_below(f), base + n);
	}
}

/* More in flight than there is room for at first; what is settled is kept as it grows. */
static void grows(void **state)
{
	struct inflight *f = *state;

	for (uint64_t i = 0; i < 1000; i++)
		inflight_settle(f, i);
	for (uint64_t i = 2000; i < 700000; i += 2)
		inflight_settle(f, i);
	assert_int_equal(inflight_settled_below(f), 1000);
	for (uint64_t i = 1000; i < 2000; i++)
		inflight_settle(f, i);
	assert_int_equal(inflight_settled_below(f), 2001);
	for (uint64_t i = 2001; i < 700000; i += 2)
		inflight_settle(f, i);
	assert_int_equal(inflight_settled_below(f), 700000);
}

static void what_is_below_changes_nothing(void **state)
{
	struct inflight *f = *state;

	inflight_settle(f, 0);
	inflight_settle(f, 1);
	inflight_settle(f, 0);
	assert_int_equal(inflight_settled_below(f), 2);
	inflight_settle(f, 65536); /* the place of number 0 in the ring */
	assert_int_equal(inflight_settled_below(f), 2);
}

/* A place in the ring is not taken for that of a number before, whose message is gone. */
static void test_a_place_is_used_again(void **state)
{
	struct copies copies = {.room = 3};
	struct client c = {0};
	struct inflight *f;

	open_client(&c);
	assert_int_equal(inflight_new(&f, true, topics), 0);
	produce(&c, f, 3);
	assert_int_equal(inflight_copy(f, take, &copies), 0);
	for (int i = 0; i < 20000; i++) {
		assert_true(inflight_has_room(f));
		if (i % 2)
			inflight_add(f, nobody);
		else
			inflight_add_spooled(f);
	}
	produce(&c, f, 3); /* what was copied is not answered: no message of it is cleared */
	copies = (struct copies){.room = 3};
	assert_int_equal(inflight_copy(f, take, &copies), 0);
	ASSERT_COPIED(&copies, 20003, 20004, 20005);
	inflight_free(f);
	close_client(&c);
}

/* One partition that stands still must not cost more and more memory. */
static void test_memory_is_bounded(void **state)
{
	struct copies copies = {.room = 10};
	struct inflight *f;
	uint64_t n = 0;

	assert_int_equal(inflight_new(&f, true, topics), 0);
	for (; inflight_has_room(f); n++) {
		inflight_add(f, nobody);
		if (n > 0)
			inflight_settle(f, n);
	}
	assert_int_equal(n, 524288);
	/* Copied, it need not be remembered. */
	assert_int_equal(inflight_copy(f, take, &copies), 0);
	assert_true(inflight_has_room(f));
	inflight_free(f);
}

static void test_without_a_spool_nothing_is_tracked(void **state)
{
	struct inflight *f;

	assert_int_equal(inflight_new(&f, false, topics), 0);
	for (int i = 0; i < 1000000; i++) {
		assert_true(inflight_has_room(f));
		inflight_add(f, nobody);
	}
	inflight_settle(f, 1);
	assert_int_equal(inflight_settled_below(f), 0);
	inflight_free(f);
	inflight_free(NULL);
}

static int open_topics(void **state)
{
	return outtopics_new(&topics) < 0 || outtopics_add(topics, "t") != 0 ||
	       outtopics_add(topics, "other") != 1;
}

static int close_topics(void **state)
{
	outtopics_free(topics);
	return 0;
}

#define SETTLED(f) cmocka_unit_test_setup_teardown(f, open_inflight, close_inflight)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies_are_what_was_sent),
		cmocka_unit_test(test_what_is_sent_again_is_copied_too),
		cmocka_unit_test(test_packets_in_blocks_are_copied_in_their_order),
		cmocka_unit_test(test_what_is_for_another_topic_is_copied_for_it),
		SETTLED(in_order),
		SETTLED(a_gap_holds_all_up),
		SETTLED(any_order),
		SETTLED(grows),
		SETTLED(what_is_below_changes_nothing),
		cmocka_unit_test(test_a_place_is_used_again),
		cmocka_unit_test(test_memory_is_bounded),
		cmocka_unit_test(test_without_a_spool_nothing_is_tracked),
	};

	return cmocka_run_group_tests(tests, open_topics, close_topics);
}

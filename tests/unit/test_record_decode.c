/* SPDX-License-Identifier: Apache-2.0 */
/* A record as packets; its headers are those that a test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kafka/record_decode.h"
#include "packet/block_writer.h"

static struct {
	rd_kafka_headers_t *headers; /* NULL: the message has none */
	rd_kafka_resp_err_t err;     /* of librdkafka, as it parses them */
	int asked;                   /* for them */
} world;

/* In place of librdkafka's, which parses a message of its own. */
rd_kafka_resp_err_t rd_kafka_message_headers(const rd_kafka_message_t *msg,
					     rd_kafka_headers_t **headers)
{
	world.asked++;
	if (world.err)
		return world.err;
	*headers = world.headers;
	return world.headers ? RD_KAFKA_RESP_ERR_NO_ERROR : RD_KAFKA_RESP_ERR__NOENT;
}

/* 2023-11-14T22:13:20.000001Z */
static uint8_t key[] = {0, 6, 10, 36, 24, 30, 64, 1, 0};
static char value[] = "a packet";

static rd_kafka_message_t good(void)
{
	return (rd_kafka_message_t){.key = key, .key_len = 8, .payload = value, .len = 8};
}

static int forget_headers(void **state)
{
	if (world.headers)
		rd_kafka_headers_destroy(world.headers);
	memset(&world, 0, sizeof(world));
	return 0;
}

static void add_header(const char *name, const char *text)
{
	if (!world.headers)
		world.headers = rd_kafka_headers_new(4);
	assert_int_equal(rd_kafka_header_add(world.headers, name, -1, text, text ? -1 : 0), 0);
}

static void assert_packet(const rd_kafka_message_t *msg, const struct packet *want)
{
	struct packet pkt;

	memset(&pkt, 0xff, sizeof(pkt)); /* nothing of what was there before stays */
	assert_null(record_decode_one(msg, &pkt));
	assert_int_equal(pkt.time_us, want->time_us);
	assert_ptr_equal(pkt.data, msg->payload);
	assert_int_equal(pkt.caplen, want->caplen);
	assert_int_equal(pkt.wirelen, want->wirelen);
	assert_int_equal(pkt.nanos, want->nanos);
	assert_int_equal(pkt.linktype, want->linktype);
}

static void assert_no_packet(const rd_kafka_message_t *msg, const char *why)
{
	struct packet pkt;
	const char *said = record_decode_one(msg, &pkt);

	assert_non_null(said);
	assert_string_equal(said, why);
}

static void test_a_packet_without_headers(void **state)
{
	static uint8_t most[PACKET_MAX_LEN];
	rd_kafka_message_t msg = good();
	struct packet want = {.time_us = 1700000000000001,
			      .caplen = 8,
			      .wirelen = 8,
			      .linktype = 1};

	assert_packet(&msg, &want);
	msg.len = 0; /* an empty value is one */
	want.caplen = want.wirelen = 0;
	assert_packet(&msg, &want);
	msg.payload = most;
	msg.len = want.caplen = want.wirelen = PACKET_MAX_LEN;
	assert_packet(&msg, &want);
	msg.len = want.wirelen = PACKET_MAX_LEN + 1; /* cut; and the last byte is not read */
	assert_packet(&msg, &want);
}

static void test_a_packet_with_each_header(void **state)
{
	rd_kafka_message_t msg = good();
	struct packet want = {.time_us = 1700000000000001,
			      .caplen = 8,
			      .wirelen = 8,
			      .linktype = 1};

	add_header("linktype", "101");
	want.linktype = 101;
	assert_packet(&msg, &want);
	add_header("host", "not ours to judge");
	add_header("wirelen", "1514");
	want.wirelen = 1514;
	assert_packet(&msg, &want);
	add_header("nanos", "999");
	want.nanos = 999;
	assert_packet(&msg, &want);
	add_header("linktype", "1"); /* the last one of a name counts */
	want.linktype = 1;
	assert_packet(&msg, &want);
}

static void test_what_is_no_packet_says_why(void **state)
{
	rd_kafka_message_t msg = good();

	msg.key = NULL;
	assert_no_packet(&msg, "it has no key");
	msg = good();
	msg.key_len = 7;
	assert_no_packet(&msg, "its key is not 8 bytes long");
	msg.key_len = 9;
	assert_no_packet(&msg, "its key is not 8 bytes long");
	msg.key_len = 0;
	assert_no_packet(&msg, "its key is not 8 bytes long");
	msg = good();
	msg.payload = NULL;
	msg.len = 0;
	assert_no_packet(&msg, "it has no value");
}

static void test_a_header_that_is_none_of_ours(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		{"linktype", "65536"}, {"linktype", "-1"}, {"linktype", ""}, {"linktype", NULL},
		{"wirelen", "7x"},     {"nanos", "1000"},  {"nanos", " 1"},
	};
	rd_kafka_message_t msg = good();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		forget_headers(NULL);
		add_header("host", "a");
		add_header(cases[i].name, cases[i].text);
		add_header("nanos", "1");
		assert_no_packet(&msg, "a header has a value out of range");
	}
	forget_headers(NULL);
	world.err = RD_KAFKA_RESP_ERR__BAD_MSG;
	assert_no_packet(&msg, "its headers are damaged");
}

/* ---- blocks ---- */

struct taken {
	size_t n, blocks;
	int answer; /* to a block */
	uint64_t times[4];
	char host[16];
};

static int take(void *ctx, const struct packet *pkt)
{
	struct taken *t = ctx;

	t->times[t->n++] = pkt->time_us;
	memcpy(t->host, pkt->host ? pkt->host : "", pkt->host_len);
	return t->n == 3 ? PACKET_E_FULL : 0;
}

static void test_a_block_and_a_packet_are_told_apart_by_their_headers(void **state)
{
	struct packet pkt = {.time_us = 1700000000000001, .linktype = 1};
	char why[RECORD_DECODE_WHY_SIZE];
	rd_kafka_message_t msg = good();
	struct taken t = {0};
	struct block_writer w;
	uint8_t buf[512];

	block_writer_init(&w, buf, sizeof(buf));
	for (int i = 0; i < 4; i++, pkt.time_us++)
		assert_true(block_writer_put(&w, &pkt));
	msg.payload = buf;
	msg.len = w.len;
	add_header("host", "a");
	assert_int_equal(record_decode(&msg, take, &t, why), 0);
	assert_string_equal(why, "");
	assert_int_equal(t.n, 1); /* the bytes of a section, in a record that is a packet */
	add_header("format", "pcapng");
	add_header("packets", "4");
	t.n = 0;
	assert_int_equal(record_decode(&msg, take, &t, why), PACKET_E_FULL);
	assert_string_equal(why, "");
	assert_int_equal(t.n, 3);
	assert_int_equal(t.times[2], 1700000000000003);
	assert_string_equal(t.host, "a");
}

/* It is what a packet without headers costs most. */
static void test_headers_are_asked_for_once(void **state)
{
	char why[RECORD_DECODE_WHY_SIZE];
	rd_kafka_message_t msg = good();
	struct taken t = {0};

	assert_int_equal(record_decode(&msg, take, &t, why), 0);
	assert_int_equal(t.n, 1);
	assert_int_equal(world.asked, 1);
	add_header("nanos", "1");
	assert_int_equal(record_decode(&msg, take, &t, why), 0);
	assert_int_equal(world.asked, 2);
}

static int want_each(void *ctx, const struct block *b)
{
	struct taken *t = ctx;

	t->blocks += b->packets == 4 && b->host_len == 1;
	return t->answer;
}

static void test_a_block_may_be_taken_whole(void **state)
{
	struct packet pkt = {.time_us = 1700000000000001, .linktype = 1};
	char why[RECORD_DECODE_WHY_SIZE];
	rd_kafka_message_t msg = good();
	struct taken t = {.answer = PACKET_E_FULL};
	struct block_writer w;
	uint8_t buf[512];

	block_writer_init(&w, buf, sizeof(buf));
	for (int i = 0; i < 4; i++)
		assert_true(block_writer_put(&w, &pkt));
	msg.payload = buf;
	msg.len = w.len;
	assert_int_equal(record_decode_whole(&msg, take, want_each, &t, why), 0);
	assert_int_equal(t.blocks, 0); /* it is none */
	assert_int_equal(t.n, 1);
	add_header("format", "pcapng");
	add_header("packets", "4");
	add_header("host", "a");
	for (t.answer = 0; t.answer < 2; t.answer++)
		assert_int_equal(record_decode_whole(&msg, take, want_each, &t, why), t.answer);
	assert_int_equal(t.blocks, 2);
	assert_int_equal(t.n, 1);
	t.answer = BLOCK_E_EACH;
	assert_int_equal(record_decode_whole(&msg, take, want_each, &t, why), PACKET_E_FULL);
	assert_int_equal(t.n, 3);
	assert_string_equal(why, "");
}

static void test_what_is_no_block_says_why(void **state)
{
	char why[RECORD_DECODE_WHY_SIZE];
	rd_kafka_message_t msg = good();
	struct taken t = {0};

	add_header("format", "pcapng");
	assert_int_equal(record_decode(&msg, take, &t, why), 0);
	assert_string_equal(why, "a damaged block: it is not pcapng (at byte 0 of 8)");
	msg.payload = NULL;
	msg.len = 0;
	assert_int_equal(record_decode(&msg, take, &t, why), 0);
	assert_string_equal(why, "a damaged block: it is not pcapng (at byte 0 of 0)");
	add_header("packets", "four");
	assert_int_equal(record_decode(&msg, take, &t, why), 0);
	assert_string_equal(why, "a header has a value out of range");
	assert_int_equal(t.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_a_packet_without_headers, forget_headers),
		cmocka_unit_test_teardown(test_a_packet_with_each_header, forget_headers),
		cmocka_unit_test_teardown(test_what_is_no_packet_says_why, forget_headers),
		cmocka_unit_test_teardown(test_a_header_that_is_none_of_ours, forget_headers),
		cmocka_unit_test_teardown(test_a_block_and_a_packet_are_told_apart_by_their_headers,
					  forget_headers),
		cmocka_unit_test_teardown(test_headers_are_asked_for_once, forget_headers),
		cmocka_unit_test_teardown(test_a_block_may_be_taken_whole, forget_headers),
		cmocka_unit_test_teardown(test_what_is_no_block_says_why, forget_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

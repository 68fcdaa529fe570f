/* SPDX-License-Identifier: Apache-2.0 */
/* What a few records tell; their headers and time stamps are those that a test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "kafka/record_sample.h"
#include "packet/block_writer.h"
#include "packet/record.h"

#define T0 INT64_C(1700000000000001)

static struct {
	rd_kafka_headers_t *headers; /* NULL: the message has none */
	int64_t stamp_ms;
	rd_kafka_timestamp_type_t stamp;
	struct record_sample sample;
} world;

/* In place of librdkafka's, which parse a message of its own. */
rd_kafka_resp_err_t rd_kafka_message_headers(const rd_kafka_message_t *msg,
					     rd_kafka_headers_t **headers)
{
	*headers = world.headers;
	return world.headers ? RD_KAFKA_RESP_ERR_NO_ERROR : RD_KAFKA_RESP_ERR__NOENT;
}

int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *msg, rd_kafka_timestamp_type_t *type)
{
	*type = world.stamp;
	return world.stamp_ms;
}

static int forget(void **state)
{
	if (world.headers)
		rd_kafka_headers_destroy(world.headers);
	record_sample_clear(&world.sample);
	memset(&world, 0, sizeof(world));
	return 0;
}

static void set_header(const char *name, const char *text)
{
	if (!world.headers)
		world.headers = rd_kafka_headers_new(4);
	rd_kafka_header_remove(world.headers, name);
	assert_int_equal(rd_kafka_header_add(world.headers, name, -1, text, -1), 0);
}

/* A record with a key of `key_len` bytes and a value of 100. */
static void add_keyed(uint64_t time_us, size_t key_len)
{
	static char value[100];
	uint8_t key[16] = {0};
	rd_kafka_message_t msg = {.key = key,
				  .key_len = key_len,
				  .payload = value,
				  .len = sizeof(value)};

	record_put_key(key, time_us);
	record_sample_add(&world.sample, &msg);
}

static void add(uint64_t time_us)
{
	add_keyed(time_us, RECORD_KEY_LEN);
}

static void test_packets_are_counted_with_their_times(void **state)
{
	const struct record_sample *s = &world.sample;

	add(T0 + 5);
	add(T0);
	add(T0 + 7);
	assert_int_equal(s->records, 3);
	assert_int_equal(s->ours, 3);
	assert_int_equal(s->packets, 3);
	assert_int_equal(s->bytes, 3 * 108);
	assert_int_equal(s->first_us, T0);
	assert_int_equal(s->last_us, T0 + 7);
	assert_int_equal(s->n_linktypes, 1);
	assert_int_equal(s->linktypes[0], 1);
	assert_int_equal(s->hosts.n + s->interfaces.n, 0);
}

static void test_what_other_programs_write_is_none_of_ours(void **state)
{
	static const uint64_t keys[] = {
		0,
		12345,               /* a number */
		1700000000,          /* a time in seconds, */
		1700000000000,       /* in ms, */
		1700000000000000000, /* in ns */
		0x6162636465666768,  /* text */
		0xffffffffffffffff,  /* -1 */
		315532800000000 - 1, /* 1979 */
		4102444800000000,    /* 2100 */
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		add(keys[i]);
	add_keyed(T0, 7);
	add_keyed(T0, 9);
	set_header("linktype", "none");
	add(T0);
	assert_int_equal(world.sample.records, 12);
	assert_int_equal(world.sample.ours, 0);
	assert_int_equal(world.sample.bytes, 9 * 108 + 107 + 109 + 108);
}

/* A capture of a device whose clock starts at 1970. */
static void test_a_sender_may_vouch_for_a_time(void **state)
{
	world.stamp = RD_KAFKA_TIMESTAMP_CREATE_TIME;
	world.stamp_ms = 12;
	add(12345);
	assert_int_equal(world.sample.ours, 1);
	add(13345);
	assert_int_equal(world.sample.ours, 1);
	world.stamp = RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
	add(12345);
	assert_int_equal(world.sample.ours, 1);
}

static void test_names_and_link_types_are_sets(void **state)
{
	static const char *const hosts[] = {"b", "a", "b", "c"};
	const struct record_sample *s = &world.sample;

	for (size_t i = 0; i < 4; i++) {
		set_header("host", hosts[i]);
		set_header("interface", "eth0");
		set_header("linktype", i % 2 ? "101" : "276");
		add(T0);
	}
	assert_int_equal(s->hosts.n, 3);
	assert_string_equal(s->hosts.list[0], "a");
	assert_string_equal(s->hosts.list[1], "b");
	assert_string_equal(s->hosts.list[2], "c");
	assert_int_equal(s->interfaces.n, 1);
	assert_string_equal(s->interfaces.list[0], "eth0");
	assert_int_equal(s->n_linktypes, 2);
	assert_int_equal(s->linktypes[0], 101);
	assert_int_equal(s->linktypes[1], 276);
}

/* More than are kept do no harm. */
static void test_sets_are_bounded(void **state)
{
	char text[16];

	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%d", i);
		set_header("host", text);
		set_header("linktype", text);
		add(T0);
	}
	assert_int_equal(world.sample.ours, 100);
	assert_int_equal(world.sample.hosts.n, RECORD_SAMPLE_NAMES);
	assert_int_equal(world.sample.n_linktypes, RECORD_SAMPLE_LINKTYPES);
}

static void add_block(const struct block_writer *w)
{
	uint8_t key[RECORD_KEY_LEN];
	rd_kafka_message_t msg = {.key = key,
				  .key_len = sizeof(key),
				  .payload = w->buf,
				  .len = w->len};

	record_put_key(key, w->first_us);
	record_sample_add(&world.sample, &msg);
}

static void test_of_a_block_each_packet_is_looked_at(void **state)
{
	static const struct packet pkts[] = {
		{.time_us = T0 + 5, .linktype = 276, .interface = "eth1", .interface_len = 4},
		{.time_us = T0, .linktype = 101, .interface = "eth0", .interface_len = 4},
		{.time_us = T0 + 9, .linktype = 101, .interface = "eth0", .interface_len = 4},
	};
	const struct record_sample *s = &world.sample;
	uint8_t buf[1024];
	struct block_writer w;

	block_writer_init(&w, buf, sizeof(buf));
	for (size_t i = 0; i < 3; i++)
		assert_true(block_writer_put(&w, &pkts[i]));
	set_header("format", "pcapng");
	set_header("packets", "3");
	set_header("host", "sensor1");
	add_block(&w);
	assert_int_equal(s->ours, 1);
	assert_int_equal(s->packets, 3);
	assert_int_equal(s->first_us, T0);
	assert_int_equal(s->last_us, T0 + 9);
	assert_int_equal(s->n_linktypes, 2);
	assert_int_equal(s->linktypes[0], 101);
	assert_int_equal(s->interfaces.n, 2);
	assert_string_equal(s->hosts.list[0], "sensor1");
	set_header("packets", "4"); /* damaged: none of ours */
	add_block(&w);
	assert_int_equal(s->records, 2);
	assert_int_equal(s->ours, 1);
	assert_int_equal(s->packets, 3);
}

static void test_samples_are_merged(void **state)
{
	struct record_sample all = {0};

	record_sample_merge(&all, &world.sample); /* of nothing */
	assert_int_equal(all.records, 0);
	set_header("host", "b");
	add(T0);
	record_sample_merge(&all, &world.sample);
	record_sample_clear(&world.sample);
	set_header("host", "a");
	add(T0 - 9);
	add(T0 + 9);
	record_sample_merge(&all, &world.sample);
	assert_int_equal(all.records, 3);
	assert_int_equal(all.packets, 3);
	assert_int_equal(all.first_us, T0 - 9);
	assert_int_equal(all.last_us, T0 + 9);
	assert_int_equal(all.hosts.n, 2);
	assert_int_equal(all.n_linktypes, 1);
	record_sample_clear(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_packets_are_counted_with_their_times, forget),
		cmocka_unit_test_teardown(test_what_other_programs_write_is_none_of_ours, forget),
		cmocka_unit_test_teardown(test_a_sender_may_vouch_for_a_time, forget),
		cmocka_unit_test_teardown(test_names_and_link_types_are_sets, forget),
		cmocka_unit_test_teardown(test_sets_are_bounded, forget),
		cmocka_unit_test_teardown(test_of_a_block_each_packet_is_looked_at, forget),
		cmocka_unit_test_teardown(test_samples_are_merged, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

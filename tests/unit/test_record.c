/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "packet/record.h"

static void key_is_big_endian(void **state)
{
	static const uint8_t want[8] = {0, 5, 0x8d, 0x15, 0xe1, 0x76, 0, 1};
	uint8_t key[RECORD_KEY_LEN];
	uint64_t t;

	record_put_key(key, 0x00058d15e1760001);
	assert_memory_equal(key, want, sizeof(want));
	assert_true(record_get_key(key, sizeof(key), &t));
	assert_int_equal(t, 0x00058d15e1760001);
}

static void strange_keys_are_refused(void **state)
{
	static const uint8_t key[9];
	uint64_t t;

	assert_false(record_get_key(NULL, 0, &t));
	assert_false(record_get_key(NULL, 8, &t));
	assert_false(record_get_key(key, 7, &t));
	assert_false(record_get_key(key, 9, &t));
}

static void timestamp_is_never_zero(void **state)
{
	struct packet pkt = {.time_us = 1700000000123456};

	assert_int_equal(record_timestamp_ms(&pkt), 1700000000123);
	pkt.time_us = 999;
	assert_int_equal(record_timestamp_ms(&pkt), 1);
}

static void plain_packet_has_no_headers(void **state)
{
	struct packet pkt = {.caplen = 60, .wirelen = 60, .linktype = 1};
	struct record_header h[RECORD_MAX_HEADERS];

	assert_false(record_needs_headers(&pkt));
	assert_int_equal(record_put_headers(&pkt, h), 0);
}

static void headers_round_trip(void **state)
{
	struct packet pkt = {.caplen = 60, .wirelen = UINT32_MAX, .linktype = 113, .nanos = 7};
	struct packet back = {.caplen = 60, .wirelen = 60, .linktype = 1};
	struct record_header h[RECORD_MAX_HEADERS];
	size_t n = record_put_headers(&pkt, h);

	assert_int_equal(n, 3);
	assert_string_equal(h[0].name, "linktype");
	assert_int_equal(h[0].len, 3);
	assert_memory_equal(h[0].value, "113", 3);
	for (size_t i = 0; i < n; i++)
		assert_true(record_get_header(&back, h[i].name, h[i].value, h[i].len));
	assert_int_equal(back.wirelen, UINT32_MAX);
	assert_int_equal(back.linktype, 113);
	assert_int_equal(back.nanos, 7);
}

static void what_a_packet_says_of_its_origin_makes_the_round_trip(void **state)
{
	const struct packet plain = {.caplen = 60, .wirelen = 60, .linktype = 1};
	struct packet back = plain, pkts[] = {plain, plain, plain};
	struct record_header h[RECORD_MAX_HEADERS];

	pkts[0].host = "sensor-1, not the end";
	pkts[0].host_len = 8;
	pkts[1].interface = "eth0";
	pkts[1].interface_len = 4;
	pkts[2].dropcount = UINT64_MAX;
	for (size_t i = 0; i < 3; i++) {
		assert_true(record_needs_headers(&pkts[i]));
		assert_int_equal(record_put_headers(&pkts[i], h), 1);
		assert_int_equal(h[0].name_len, strlen(h[0].name));
		assert_true(record_get_header(&back, h[0].name, h[0].value, h[0].len));
	}
	assert_int_equal(back.host_len, 8);
	assert_memory_equal(back.host, "sensor-1", 8);
	assert_int_equal(back.interface_len, 4);
	assert_memory_equal(back.interface, "eth0", 4);
	assert_true(back.dropcount == UINT64_MAX);
}

static void no_packet_needs_more_headers_than_there_is_room_for(void **state)
{
	const struct packet pkt = {.wirelen = 1,
				   .linktype = 276,
				   .nanos = 999,
				   .dropcount = 1,
				   .host = "a",
				   .host_len = 1,
				   .interface = "b",
				   .interface_len = 1};
	struct record_header h[RECORD_MAX_HEADERS];

	assert_int_equal(record_put_headers(&pkt, h), RECORD_MAX_HEADERS);
}

static void a_value_longer_than_any_packet_is_cut(void **state)
{
	static const uint8_t key[8], value[PACKET_MAX_LEN + 100];
	struct packet pkt;

	assert_null(record_get_packet(&pkt, key, 8, value, sizeof(value)));
	assert_int_equal(pkt.caplen, PACKET_MAX_LEN);
	assert_int_equal(pkt.wirelen, sizeof(value));
	assert_true(record_get_header(&pkt, "wirelen", "300000", 6));
	assert_int_equal(pkt.wirelen, 300000);
}

static void what_is_no_packet_is_refused(void **state)
{
	static const uint8_t key[9];
	struct packet pkt;

	assert_string_equal(record_get_packet(&pkt, NULL, 0, key, 1), "it has no key");
	assert_string_equal(record_get_packet(&pkt, key, 9, key, 1), "its key is not 8 bytes long");
	assert_string_equal(record_get_packet(&pkt, key, 8, NULL, 0), "it has no value");
	assert_null(record_get_packet(&pkt, key, 8, key, 0));
	assert_int_equal(pkt.caplen, 0);
}

static void what_a_record_says_of_its_origin_is_taken(void **state)
{
	static const uint8_t key[8];
	char name[300];
	struct packet pkt;

	memset(name, 'x', sizeof(name));
	assert_null(record_get_packet(&pkt, key, 8, key, 8));
	assert_null(pkt.host);
	assert_null(pkt.interface);
	assert_int_equal(pkt.dropcount, 0);
	assert_true(record_get_header(&pkt, "interface", "eth0", 4));
	assert_true(record_get_header(&pkt, "host", name, sizeof(name)));
	assert_true(record_get_header(&pkt, "dropcount", "18446744073709551615", 20));
	assert_int_equal(pkt.interface_len, 4);
	assert_memory_equal(pkt.interface, "eth0", 4);
	assert_int_equal(pkt.host_len, 255);
	assert_true(pkt.dropcount == UINT64_MAX);
	assert_false(record_get_header(&pkt, "dropcount", "18446744073709551616", 20));
	assert_true(pkt.dropcount == UINT64_MAX);
}

static void bad_headers_change_nothing(void **state)
{
	static const struct {
		const char *name, *value;
	} bad[] = {
		{"linktype", ""},           {"linktype", "65536"}, {"linktype", "-1"},
		{"linktype", "1 "},         {"linktype", "1/"},    {"wirelen", "4294967296"},
		{"wirelen", "99999999999"}, {"nanos", "1000"},     {"nanos", "x"},
	};
	struct packet pkt = {.caplen = 60, .wirelen = 60, .linktype = 1};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(
			record_get_header(&pkt, bad[i].name, bad[i].value, strlen(bad[i].value)));
	assert_false(record_get_header(&pkt, "linktype", NULL, 0));
	assert_true(record_get_header(&pkt, "host", "sensor-1", 8));
	assert_int_equal(pkt.linktype, 1);
	assert_int_equal(pkt.wirelen, 60);
	assert_int_equal(pkt.nanos, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_is_big_endian),
		cmocka_unit_test(strange_keys_are_refused),
		cmocka_unit_test(timestamp_is_never_zero),
		cmocka_unit_test(plain_packet_has_no_headers),
		cmocka_unit_test(headers_round_trip),
		cmocka_unit_test(what_a_packet_says_of_its_origin_makes_the_round_trip),
		cmocka_unit_test(no_packet_needs_more_headers_than_there_is_room_for),
		cmocka_unit_test(a_value_longer_than_any_packet_is_cut),
		cmocka_unit_test(what_is_no_packet_is_refused),
		cmocka_unit_test(what_a_record_says_of_its_origin_is_taken),
		cmocka_unit_test(bad_headers_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

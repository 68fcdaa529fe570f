/* SPDX-License-Identifier: Apache-2.0 */
/* The room that pcapng takes, and how many interfaces; tests/kafka/test_pcapng.py has tshark's
 * view. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "output/encoder.h"

#define INTERFACE 1
#define PACKET    6

#define EPB_DROPCOUNT 4
#define ISB_IFDROP    5
#define ISB_USRDELIV  8

/* What `put_last` wrote last. */
static struct {
	uint8_t bytes[512];
	size_t n;
} packet;

static int begin(void **state)
{
	*state = pcapng_encoder_new();
	return *state ? 0 : -1;
}

static int finish(void **state)
{
	struct encoder *e = *state;

	e->ops->free(e);
	return 0;
}

/* Puts a packet into exactly the room that was asked for, so that a sanitizer sees more. Returns
 * how many interfaces came with it; each block is as long as it says. */
static size_t put(struct encoder *e, const struct packet *pkt, const struct pretty_origin *origin)
{
	size_t size = e->ops->size(e, pkt), at = 0, interfaces = 0, n;
	uint8_t *room = malloc(size);
	uint32_t len = 0, type = 0;

	assert_true(size > 0);
	assert_non_null(room);
	n = e->ops->put(e, room, pkt, origin);
	assert_true(n <= size);
	while (at < n) {
		type = bytes_get32(room + at);
		len = bytes_get32(room + at + 4);
		assert_true(len >= 12 && len % 4 == 0 && at + len <= n);
		assert_int_equal(bytes_get32(room + at + len - 4), len);
		interfaces += type == INTERFACE;
		at += len;
	}
	assert_int_equal(at, n);
	assert_int_equal(type, PACKET);
	packet.n = len < sizeof(packet.bytes) ? len : 0;
	memcpy(packet.bytes, room + n - len, packet.n);
	free(room);
	return interfaces;
}

/* The longest names and comment, each padding, a time that has no nanoseconds. */
static void what_was_asked_for_is_enough(void **state)
{
	const struct pretty_origin origin = {.partition = INT32_MIN, .offset = INT64_MIN};
	static uint8_t data[64];
	char name[255];

	memset(name, 'n', sizeof(name));
	for (uint32_t caplen = 0; caplen < 8; caplen++) {
		const struct packet pkt = {.data = data,
					   .caplen = caplen + 40,
					   .wirelen = 1,
					   .time_us = caplen % 2 ? UINT64_MAX : 1,
					   .nanos = 999,
					   .linktype = (uint16_t)(caplen + 113),
					   .host = name,
					   .host_len = 255,
					   .interface = name,
					   .interface_len = 255,
					   .dropcount = UINT64_MAX};

		assert_int_equal(put(*state, &pkt, &origin), 1);
		assert_int_equal(put(*state, &pkt, &origin), 0);
	}
}

/* A packet that was asked for and not put is none; its interface still comes with the next. */
static void a_packet_that_found_no_room_leaves_nothing(void **state)
{
	const struct packet pkt = {.linktype = 1}, other = {.linktype = 101};
	struct encoder *e = *state;

	assert_true(e->ops->size(e, &pkt) > 0);
	assert_int_equal(put(e, &other, NULL), 1);
	assert_int_equal(put(e, &pkt, NULL), 1);
	assert_int_equal(put(e, &pkt, NULL), 0);
	assert_int_equal(put(e, &other, NULL), 0);
}

/* Ever more names do not fill the memory, and the end comes in pieces. */
static void names_have_an_end(void **state)
{
	struct encoder *e = *state;
	uint8_t *room = malloc(ENCODER_END_SIZE);
	size_t interfaces = 0, statistics = 0, n;

	assert_non_null(room);
	for (unsigned int i = 0; i < 6000; i++) {
		char name[16];
		struct packet pkt = {.linktype = 1, .interface = name};

		pkt.interface_len = (uint8_t)snprintf(name, sizeof(name), "eth%u", i);
		interfaces += put(e, &pkt, NULL);
	}
	assert_int_equal(interfaces, 4096 + 1);
	while ((n = e->ops->end(e, room)) > 0) {
		assert_true(n <= ENCODER_END_SIZE);
		for (size_t at = 0; at < n; at += bytes_get32(room + at + 4))
			assert_int_equal(bytes_get32(room + at + 8), statistics++);
	}
	assert_int_equal(statistics, interfaces);
	free(room);
}

/* A number of 8 bytes; 0: it is not there. */
static uint64_t option(const uint8_t *options, const uint8_t *end, uint16_t code)
{
	while (end - options >= 4 && bytes_get16(options) != 0) {
		if (bytes_get16(options) == code)
			return bytes_get64(options + 4);
		options += 4 + (bytes_get16(options + 2) + 3) / 4 * 4;
	}
	return 0;
}

/* What the packet that was put last tells. */
static uint64_t told(void)
{
	uint32_t caplen = bytes_get32(packet.bytes + 20);

	return option(packet.bytes + 28 + (caplen + 3) / 4 * 4, packet.bytes + packet.n - 4,
		      EPB_DROPCOUNT);
}

static void what_was_lost_before_a_packet_that_is_left_out_the_next_one_tells(void **state)
{
	const struct packet pkt = {.linktype = 1, .host = "a", .host_len = 1},
			    other = {.linktype = 1, .host = "b", .host_len = 1};
	struct packet out = pkt, telling = pkt;
	struct encoder *e = *state;

	out.left_out = true;
	put(e, &pkt, NULL);
	e->ops->lost(e, &out);
	put(e, &pkt, NULL);
	assert_int_equal(told(), 0);
	out.dropcount = 3;
	e->ops->lost(e, &out);
	e->ops->lost(e, &out);
	put(e, &other, NULL);
	assert_int_equal(told(), 0);
	telling.dropcount = 4;
	put(e, &telling, NULL);
	assert_int_equal(told(), 10);
	put(e, &pkt, NULL);
	assert_int_equal(told(), 0);
}

/* Of each interface, in order: packets, how many were lost. */
static void assert_statistics(struct encoder *e, const uint64_t (*expected)[2], size_t n)
{
	uint8_t room[ENCODER_END_SIZE];
	size_t interfaces = 0, seen = 0, size;

	while ((size = e->ops->end(e, room)) > 0)
		for (size_t at = 0; at < size; at += bytes_get32(room + at + 4)) {
			const uint8_t *block = room + at, *end = block + bytes_get32(block + 4) - 4;

			if (bytes_get32(block) == INTERFACE) {
				interfaces++;
				continue;
			}
			assert_true(seen < n);
			assert_int_equal(bytes_get32(block + 8), seen);
			assert_int_equal(option(block + 20, end, ISB_USRDELIV), expected[seen][0]);
			assert_int_equal(option(block + 20, end, ISB_IFDROP), expected[seen][1]);
			seen++;
		}
	assert_int_equal(seen, n);
	assert_int_equal(interfaces, 1);
}

/* Also of an interface of which no packet is in the file. */
static void what_no_packet_tells_is_in_the_statistics(void **state)
{
	static const uint64_t expected[][2] = {{2, 9}, {1, 0}, {0, 5}};
	const struct packet pkt = {.linktype = 1, .dropcount = 2}, other = {.linktype = 113},
			    silent = {.linktype = 1,
				      .host = "c",
				      .host_len = 1,
				      .dropcount = 5,
				      .time_us = 7,
				      .left_out = true};
	struct packet out = pkt;
	struct encoder *e = *state;

	out.left_out = true;
	out.dropcount = 3;
	put(e, &pkt, NULL);
	e->ops->lost(e, &silent);
	e->ops->lost(e, &out);
	put(e, &other, NULL);
	put(e, &pkt, NULL);
	assert_int_equal(told(), 5);
	out.dropcount = 2;
	e->ops->lost(e, &out);
	assert_statistics(e, expected, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
	const struct CMUnitTest tests[] = {
		TEST(what_was_asked_for_is_enough),
		TEST(a_packet_that_found_no_room_leaves_nothing),
		TEST(names_have_an_end),
		TEST(what_was_lost_before_a_packet_that_is_left_out_the_next_one_tells),
		TEST(what_no_packet_tells_is_in_the_statistics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

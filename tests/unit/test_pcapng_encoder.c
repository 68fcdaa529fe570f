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
	uint32_t len, type = 0;

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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
	const struct CMUnitTest tests[] = {
		TEST(what_was_asked_for_is_enough),
		TEST(a_packet_that_found_no_room_leaves_nothing),
		TEST(names_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packet/pretty.h"

/* Formats into exactly the room that pretty_size() asks for, so that a sanitizer sees more. */
static char *format(uint64_t count, const struct packet *pkt, const struct pretty_origin *origin)
{
	size_t size = pretty_size(pkt->caplen);
	char *room = malloc(size), *text = malloc(size + 1);
	size_t n;

	assert_non_null(room);
	assert_non_null(text);
	n = pretty_packet(room, count, pkt, origin);
	assert_true(n <= size);
	memcpy(text, room, n);
	text[n] = '\0';
	free(room);
	return text;
}

static void check(uint64_t count, const struct packet *pkt, const struct pretty_origin *origin,
		  const char *want)
{
	char *text = format(count, pkt, origin);

	assert_string_equal(text, want);
	free(text);
}

/* The second packet of the old README's example. */
static const uint8_t mdns[] = {
	0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb, 0xac, 0xbc, 0x32, 0xbf, 0x0d, 0x43, 0x08, 0x00,
	0x45, 0x00, 0x00, 0x44, 0xd2, 0x09, 0x00, 0x00, 0xff, 0x11, 0x47, 0xf8, 0xc0, 0xa8,
	0x00, 0x03, 0xe0, 0x00, 0x00, 0xfb, 0x14, 0xe9, 0x14, 0xe9, 0x00, 0x30, 0x69, 0xfc,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x5f,
	0x67, 0x6f, 0x6f, 0x67, 0x6c, 0x65, 0x63, 0x61, 0x73, 0x74, 0x04, 0x5f, 0x74, 0x63,
	0x70, 0x05, 0x6c, 0x6f, 0x63, 0x61, 0x6c, 0x00, 0x00, 0x0c, 0x80, 0x01,
};

static void dump_is_that_of_the_old_readme(void **state)
{
	const struct packet pkt = {.data = mdns, .caplen = sizeof(mdns)};

	check(20, &pkt, NULL,
	      "20 packet(s) received\n"
	      "01 00 5e 00 00 fb ac bc 32 bf 0d 43 08 00 45 00\n"
	      "00 44 d2 09 00 00 ff 11 47 f8 c0 a8 00 03 e0 00\n"
	      "00 fb 14 e9 14 e9 00 30 69 fc 00 00 00 00 00 01\n"
	      "00 00 00 00 00 00 0b 5f 67 6f 6f 67 6c 65 63 61\n"
	      "73 74 04 5f 74 63 70 05 6c 6f 63 61 6c 00 00 0c\n"
	      "80 01\n");
}

static void full_line_ends_once(void **state)
{
	const struct packet pkt = {.data = mdns, .caplen = 16};

	check(1, &pkt, NULL,
	      "1 packet(s) received\n"
	      "01 00 5e 00 00 fb ac bc 32 bf 0d 43 08 00 45 00\n");
}

static void consumer_says_where_from(void **state)
{
	const struct pretty_origin origin = {.topic = "pcap",
					     .partition = 3,
					     .offset = 1234567890123};
	const struct packet pkt = {.data = mdns, .caplen = 2, .time_us = 1493730245000042};

	check(UINT64_MAX, &pkt, &origin,
	      "18446744073709551615 packet(s) received\n"
	      "Packet: date=2017-05-02T13:04:05.000042Z topic=pcap partition=3 "
	      "offset=1234567890123 length=2\n"
	      "01 00\n");
}

static void empty_packet_has_no_dump(void **state)
{
	const struct packet pkt = {0};

	check(1, &pkt, NULL, "1 packet(s) received\n");
}

static void longest_everything_fits(void **state)
{
	char topic[250];
	const struct pretty_origin origin = {.topic = topic,
					     .partition = INT32_MIN,
					     .offset = INT64_MIN};
	uint8_t *data = malloc(PACKET_MAX_LEN);
	const struct packet pkt = {.data = data, .caplen = PACKET_MAX_LEN, .time_us = UINT64_MAX};
	char *text;

	assert_non_null(data);
	memset(data, 0xab, PACKET_MAX_LEN);
	memset(topic, 't', sizeof(topic) - 1);
	topic[sizeof(topic) - 1] = '\0';
	text = format(UINT64_MAX, &pkt, &origin);
	assert_non_null(strstr(text, "length=262144\n"));
	assert_string_equal(text + strlen(text) - 6, "ab ab\n");
	free(text);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dump_is_that_of_the_old_readme),
		cmocka_unit_test(full_line_ends_once),
		cmocka_unit_test(consumer_says_where_from),
		cmocka_unit_test(empty_packet_has_no_dump),
		cmocka_unit_test(longest_everything_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

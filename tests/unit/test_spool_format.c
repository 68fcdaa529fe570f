/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "packet/pcapng.h"
#include "spool/spool_format.h"

/* The block of `n` bytes at `buf`, which is whole only with its last byte. */
static struct spool_format_block whole(const uint8_t *buf, size_t n)
{
	struct spool_format_block b;

	assert_int_equal(n % 4, 0);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(spool_format_next(buf, cut, &b), SPOOL_FORMAT_E_SHORT);
	assert_int_equal(spool_format_next(buf, n, &b), 0);
	assert_int_equal(b.size, n);
	return b;
}

static void section(void **state)
{
	static const char *const comments[] = {"", "a", "abc", "abcd", "packets for the topic x"};
	uint8_t buf[SPOOL_FORMAT_SECTION_MAX];
	char back[64];
	uint64_t id;

	for (size_t i = 0; i < sizeof(comments) / sizeof(comments[0]); i++) {
		size_t n = spool_format_put_section(buf, "pycapa", comments[i], 77 + i);
		struct spool_format_block b = whole(buf, n);

		assert_true(spool_format_get_section(&b, back, sizeof(back), &id));
		assert_string_equal(back, comments[i]);
		assert_int_equal(id, 77 + i);
		assert_true(
			spool_format_get_section(&b, back, 3, &id)); /* cut to the room there is */
		assert_true(strlen(back) <= 2);
	}
}

static void long_texts_are_cut(void **state)
{
	uint8_t buf[SPOOL_FORMAT_SECTION_MAX];
	char text[SPOOL_FORMAT_COMMENT_MAX * 2], back[sizeof(text)];
	struct spool_format_block b;
	uint64_t id;
	size_t n;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	n = spool_format_put_section(buf, text, text, 1);
	assert_true(n <= sizeof(buf));
	b = whole(buf, n);
	assert_true(spool_format_get_section(&b, back, sizeof(back), &id));
	assert_int_equal(strlen(back), SPOOL_FORMAT_COMMENT_MAX);
}

static void interface(void **state)
{
	static const uint16_t linktypes[] = {0, 1, 101, 113, 147, 276, 300, 32768, 65535};
	uint8_t buf[SPOOL_FORMAT_INTERFACE_SIZE];

	for (size_t i = 0; i < sizeof(linktypes) / sizeof(linktypes[0]); i++) {
		for (uint8_t resolution = 6; resolution <= 9; resolution += 3) {
			size_t n = spool_format_put_interface(buf, linktypes[i], resolution);
			struct spool_format_block b = whole(buf, n);
			uint16_t linktype;
			uint8_t back;

			assert_int_equal(n, SPOOL_FORMAT_INTERFACE_SIZE);
			assert_true(spool_format_get_interface(&b, &linktype, &back));
			assert_int_equal(linktype, linktypes[i]);
			assert_int_equal(back, resolution);
		}
	}
}

static void a_resolution_that_is_not_ours_is_refused(void **state)
{
	uint8_t buf[SPOOL_FORMAT_INTERFACE_SIZE], resolution;
	struct spool_format_block b = whole(buf, spool_format_put_interface(buf, 1, 3));
	uint16_t linktype;

	assert_false(spool_format_get_interface(&b, &linktype, &resolution));
}

static void statistics(void **state)
{
	uint8_t buf[SPOOL_FORMAT_STATISTICS_SIZE];
	uint64_t delivered;
	struct spool_format_block b = whole(buf, spool_format_put_statistics(buf, UINT64_MAX - 5));

	assert_int_equal(b.size, SPOOL_FORMAT_STATISTICS_SIZE);
	assert_true(spool_format_get_statistics(&b, true, &delivered));
	assert_true(delivered == UINT64_MAX - 5);
}

static void round_trip(const struct packet *pkt)
{
	static uint8_t buf[PACKET_MAX_LEN + SPOOL_FORMAT_PACKET_EXTRA + SPOOL_FORMAT_ORIGIN_MAX];
	uint8_t resolution = pcapng_resolution(pkt->time_us);
	size_t n = spool_format_put_packet(buf, 0x12345, resolution, pkt);
	struct spool_format_block b;
	struct packet back;
	uint32_t interface;

	assert_int_equal(n, spool_format_packet_size(pkt));
	assert_true(n <= sizeof(buf));
	assert_int_equal(spool_format_next(buf, n - 1, &b), SPOOL_FORMAT_E_SHORT);
	assert_int_equal(spool_format_next(buf, n, &b), 0);
	assert_true(spool_format_get_packet_interface(&b, &interface));
	assert_int_equal(interface, 0x12345);
	memset(&back, 0xff, sizeof(back));
	assert_true(spool_format_get_packet(&b, pkt->linktype, resolution, true, &back));
	assert_true(spool_format_is_packet(&b));
	assert_true(back.dropcount == pkt->dropcount);
	assert_int_equal(back.host_len, pkt->host_len);
	assert_int_equal(back.interface_len, pkt->interface_len);
	if (pkt->host_len)
		assert_memory_equal(back.host, pkt->host, pkt->host_len);
	else
		assert_null(back.host);
	if (pkt->interface_len)
		assert_memory_equal(back.interface, pkt->interface, pkt->interface_len);
	assert_int_equal(back.caplen, pkt->caplen);
	assert_int_equal(back.wirelen, pkt->wirelen);
	assert_true(back.time_us == pkt->time_us);
	assert_int_equal(back.nanos, resolution == 9 ? pkt->nanos : 0);
	if (pkt->caplen)
		assert_memory_equal(back.data, pkt->data, pkt->caplen);
}

static void packets(void **state)
{
	static const uint32_t lengths[] = {0, 1, 2, 3, 4, 5, 60, 1514, PACKET_MAX_LEN};
	static const uint64_t times[] = {
		0, 1, 1700000000123456, UINT64_MAX / 1000 - 1, UINT64_MAX / 1000, UINT64_MAX};
	static uint8_t data[PACKET_MAX_LEN];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31);
	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		for (size_t t = 0; t < sizeof(times) / sizeof(times[0]); t++) {
			struct packet pkt = {.data = data,
					     .caplen = lengths[l],
					     .wirelen = lengths[l] / 2, /* less than was captured */
					     .time_us = times[t],
					     .nanos = t % 2 ? 999 : 0};

			round_trip(&pkt);
			pkt.wirelen = UINT32_MAX;
			round_trip(&pkt);
		}
	}
}

static void what_a_packet_says_of_its_origin(void **state)
{
	static const uint8_t data[PACKET_MAX_LEN];
	static const uint32_t lengths[] = {0, 3, 60, PACKET_MAX_LEN};
	char name[UINT8_MAX];

	memset(name, 'n', sizeof(name));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (unsigned int len = 0; len <= UINT8_MAX; len += len < 4 ? 1 : 251) {
			struct packet pkt = {.data = data,
					     .caplen = lengths[i],
					     .linktype = 276,
					     .host = name,
					     .host_len = (uint8_t)len};

			round_trip(&pkt);
			pkt.interface = name;
			pkt.interface_len = (uint8_t)(UINT8_MAX - len);
			round_trip(&pkt);
			pkt.dropcount = UINT64_MAX;
			pkt.interface_len = UINT8_MAX;
			round_trip(&pkt);
		}
	}
}

/* Byte for byte: what says nothing is written as it was before there was anything to say. */
static void a_packet_that_says_nothing_is_as_ever(void **state)
{
	const struct packet pkt = {.data = (const uint8_t *)"abcdef", .caplen = 6, .wirelen = 6};

	assert_int_equal(spool_format_packet_size(&pkt), SPOOL_FORMAT_PACKET_EXTRA + 8);
}

static void what_is_no_block_is_refused(void **state)
{
	const struct packet pkt = {.data = (const uint8_t *)"abcdef", .caplen = 6, .wirelen = 6};
	uint8_t good[64], bad[64];
	size_t n = spool_format_put_packet(good, 0, 6, &pkt);
	struct spool_format_block b;
	struct packet back;

	for (size_t at = 4; at < n; at = at == 4 ? n - 4 : n) { /* either length */
		memcpy(bad, good, n);
		bad[at]++;
		assert_int_equal(spool_format_next(bad, n, &b), SPOOL_FORMAT_E_BAD);
	}
	memcpy(bad, good, n);
	bad[7] = 0xff; /* far too large */
	assert_int_equal(spool_format_next(bad, n, &b), SPOOL_FORMAT_E_BAD);
	memcpy(bad, good, n);
	bad[20] = 21; /* more data than the block has room for */
	assert_int_equal(spool_format_next(bad, n, &b), 0);
	assert_false(spool_format_get_packet(&b, 0, 6, false, &back));
}

/* Whatever bits of a block are changed, and whatever interface it is taken to be of. */
static void a_changed_bit_is_found(void **state)
{
	const struct packet pkt = {.data = (const uint8_t *)"abcdef",
				   .caplen = 6,
				   .wirelen = 6,
				   .linktype = 1,
				   .host = "h",
				   .host_len = 1,
				   .dropcount = 3};
	uint8_t buf[SPOOL_FORMAT_SECTION_MAX];
	struct spool_format_block b;
	struct packet back;
	char comment[8];
	uint64_t value;
	size_t n;

	n = spool_format_put_packet(buf, 0, 9, &pkt);
	assert_int_equal(spool_format_next(buf, n, &b), 0);
	assert_true(spool_format_get_packet(&b, 1, 9, true, &back));
	assert_false(spool_format_get_packet(&b, 2, 9, true, &back));
	assert_false(spool_format_get_packet(&b, 1, 6, true, &back));
	for (size_t bit = 0; bit < n * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		/* All but the end of the options, which says nothing. */
		assert_true(spool_format_next(buf, n, &b) || b.type != SPOOL_FORMAT_PACKET ||
			    !spool_format_get_packet(&b, 1, 9, true, &back) ||
			    bit / 32 == n / 4 - 2);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	n = spool_format_put_statistics(buf, 5);
	for (size_t bit = 0; bit < n * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(spool_format_next(buf, n, &b) ||
			    !spool_format_get_statistics(&b, true, &value) ||
			    bit / 32 == n / 4 - 2);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	n = spool_format_put_section(buf, "pycapa", "x", 6);
	for (size_t bit = 0; bit < n * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(spool_format_next(buf, n, &b) ||
			    !spool_format_get_section(&b, comment, sizeof(comment), &value) ||
			    bit / 32 == n / 4 - 2);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(section),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(interface),
		cmocka_unit_test(a_resolution_that_is_not_ours_is_refused),
		cmocka_unit_test(statistics),
		cmocka_unit_test(packets),
		cmocka_unit_test(what_a_packet_says_of_its_origin),
		cmocka_unit_test(a_packet_that_says_nothing_is_as_ever),
		cmocka_unit_test(what_is_no_block_is_refused),
		cmocka_unit_test(a_changed_bit_is_found),
	};

	return cmocka_run_group_tests_name("spool_format", tests, NULL, NULL);
}

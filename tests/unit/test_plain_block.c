/* SPDX-License-Identifier: Apache-2.0 */
/* Which blocks are plain, what is found in them, and what a copy of their packets holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "file_bytes.h"
#include "packet/block_writer.h"
#include "packet/plain_block.h"

#define T0_NS UINT64_C(1700000000123456789)

static struct file_bytes file;
static struct plain_block plain;
static struct block block;

static int begin(void **state)
{
	file.n = 0;
	file.swapped = false;
	return 0;
}

static int end(void **state)
{
	plain_block_close(&plain);
	free((void *)(uintptr_t)block.bytes);
	memset(&block, 0, sizeof(block));
	return 0;
}

/* From memory of just that size, so that a sanitizer sees what is read beyond it. */
static bool open_block(uint64_t packets)
{
	uint8_t *copy = malloc(file.n);

	end(NULL);
	assert_non_null(copy);
	memcpy(copy, file.bytes, file.n);
	block = (struct block){.bytes = copy, .len = file.n, .packets = packets};
	return plain_block_open(&plain, &block);
}

/* A packet block with options, `fill` in its data. */
static void put_with_options(uint32_t interface, uint64_t ns, uint32_t caplen, char fill)
{
	const uint64_t dropcount = 77;
	const uint32_t flags = 2;

	begin_block(&file, 6);
	put32(&file, interface);
	put32(&file, (uint32_t)(ns >> 32));
	put32(&file, (uint32_t)ns);
	put32(&file, caplen);
	put32(&file, 1514);
	put_fill(&file, fill, caplen);
	put_fill(&file, '\0', (4 - caplen % 4) % 4);
	put_option(&file, 1, "hello", 5);
	put_option(&file, 2, &flags, sizeof(flags));
	put_option(&file, 4, &dropcount, sizeof(dropcount));
	put_option(&file, 0, NULL, 0);
	end_block(&file);
}

/* Two interfaces; something else lies between the packets of the second. */
static void put_section_of_five(void)
{
	put_section(&file);
	put_interface(&file, 1, 65535, 9, 0);
	put_packet(&file, 0, T0_NS, 60, 61);
	put_with_options(0, T0_NS - 5, 33, 'b');
	put_interface(&file, 101, 0, 9, 0);
	put_packet(&file, 1, T0_NS + 1000, 20, 20);
	begin_block(&file, 0xbad);
	put_fill(&file, 'z', 9);
	end_block(&file);
	put_packet(&file, 1, T0_NS + 2, 0, 0);
	put_packet(&file, 0, T0_NS + 7, 4, 4);
}

static void what_is_in_a_plain_block(void **state)
{
	static const struct {
		uint64_t ns;
		uint32_t caplen, wirelen;
		uint16_t linktype;
		uint64_t dropcount;
	} want[] = {
		{T0_NS, 60, 61, 1, 0},          {T0_NS - 5, 33, 1514, 1, 77},
		{T0_NS + 1000, 20, 20, 101, 0}, {T0_NS + 2, 0, 0, 101, 0},
		{T0_NS + 7, 4, 4, 1, 0},
	};
	struct packet pkt;

	put_section_of_five();
	assert_true(open_block(5));
	assert_int_equal(plain.packets, 5);
	assert_int_equal(plain.bytes, 117);
	assert_int_equal(plain.last_us, (T0_NS + 7) / 1000);
	assert_int_equal(plain.n_interfaces, 2);
	assert_int_equal(plain.interfaces[0].packets, 3);
	assert_int_equal(plain.interfaces[0].dropped, 77);
	assert_int_equal(plain.interfaces[0].first_ns, T0_NS - 5);
	assert_int_equal(plain.interfaces[0].last_ns, T0_NS + 7);
	assert_int_equal(plain.interfaces[1].packets, 2);
	assert_int_equal(plain.interfaces[1].dropped, 0);
	for (size_t i = 0; i < 5; i++) {
		assert_true(plain_block_next(&plain, &pkt));
		assert_int_equal(pkt.time_us * 1000 + pkt.nanos, want[i].ns);
		assert_int_equal(pkt.caplen, want[i].caplen);
		assert_int_equal(pkt.wirelen, want[i].wirelen);
		assert_int_equal(pkt.linktype, want[i].linktype);
		assert_int_equal(pkt.dropcount, want[i].dropcount);
		assert_int_equal(pkt.interface_len, 4);
		assert_memory_equal(pkt.interface, "eth0", 4);
	}
	assert_false(plain_block_next(&plain, &pkt));
}

static void the_host_of_the_header_is_for_interfaces_without_one(void **state)
{
	put_section_of_five();
	open_block(5);
	plain_block_close(&plain);
	block.host = "sensor2 and more";
	block.host_len = 7;
	assert_true(plain_block_open(&plain, &block));
	assert_int_equal(plain.interfaces[1].origin.host_len, 7);
	assert_memory_equal(plain.interfaces[1].origin.host, "sensor2", 7);
}

static void what_our_writer_makes_is_plain(void **state)
{
	static uint8_t buf[8192];
	struct packet pkt = {.data = buf + 4096,
			     .caplen = 61,
			     .wirelen = 70,
			     .dropcount = 3,
			     .time_us = T0_NS / 1000,
			     .interface = "eth0",
			     .interface_len = 4,
			     .host = "sensor1",
			     .host_len = 7,
			     .nanos = 5};
	struct block_writer w;

	block_writer_init(&w, buf, 4096);
	for (pkt.linktype = 1; pkt.linktype < 12; pkt.linktype++)
		assert_true(block_writer_put(&w, &pkt));
	put_bytes(&file, w.buf, w.len);
	assert_true(open_block(11));
	assert_int_equal(plain.n_interfaces, 11);
	assert_int_equal(plain.interfaces[10].dropped, 3);
	assert_memory_equal(plain.interfaces[10].origin.host, "sensor1", 7);
}

/* ---- copies ---- */

static void add_length(void *ctx, size_t len)
{
	*(size_t *)ctx += len;
}

/* All of a packet block but its interface, which is another one here. */
static const uint8_t *assert_same(const uint8_t *copy, uint32_t id, const uint8_t *from)
{
	uint32_t size = bytes_get32(from + 4);

	assert_int_equal(bytes_get32(from), 6);
	assert_int_equal(bytes_get32(copy + 8), id);
	assert_memory_equal(copy, from, 8);
	assert_memory_equal(copy + 12, from + 12, size - 12);
	return copy + size;
}

static void a_copy_differs_in_the_interfaces_alone(void **state)
{
	static const uint32_t numbers[] = {300, 5};
	size_t at[5], told = 0;
	const uint8_t *copy;
	uint8_t *out;

	put_section(&file);
	put_interface(&file, 1, 0, 9, 0);
	at[0] = file.n;
	put_with_options(0, T0_NS, 33, 'a');
	put_interface(&file, 101, 0, 9, 0);
	at[1] = file.n;
	put_packet(&file, 1, T0_NS, 61, 61);
	at[2] = file.n;
	put_packet(&file, 0, T0_NS, 20, 20);
	begin_block(&file, 0xbad);
	end_block(&file);
	at[3] = file.n;
	put_packet(&file, 1, T0_NS, 0, 9);
	assert_true(open_block(4));
	out = malloc(plain.size);
	assert_non_null(out);
	plain_block_copy(&plain, numbers, out, add_length, &told);
	assert_int_equal(told, plain.size);
	copy = out;
	for (size_t i = 0; i < 4; i++)
		copy = assert_same(copy, numbers[i % 2], block.bytes + at[i]);
	assert_ptr_equal(copy, out + plain.size);
	free(out);
}

/* ---- what is not plain ---- */

static void other_byte_orders_and_times_are_not_plain(void **state)
{
	static const struct {
		bool swapped;
		uint8_t resolution;
		int64_t offset;
		uint64_t ticks;
		bool is_plain;
	} cases[] = {
		{false, 9, 0, T0_NS, true},
		{true, 9, 0, T0_NS, false},
		{false, 0, 0, T0_NS, false},
		{false, 6, 0, T0_NS, false},
		{false, 12, 0, T0_NS, false},
		{false, 0x9e, 0, T0_NS, false},
		{false, 9, 3600, T0_NS, false},
		{false, 9, 0, 0, true},
		{false, 9, 0, UINT64_MAX, false},
		{false, 9, 0, UINT64_MAX / 1000 * 1000, false},
		{false, 9, 0, UINT64_MAX / 1000 * 1000 - 1, true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		file.n = 0;
		file.swapped = cases[i].swapped;
		put_section(&file);
		put_interface(&file, 1, 0, cases[i].resolution, cases[i].offset);
		put_packet(&file, 0, cases[i].ticks, 60, 60);
		assert_int_equal(open_block(1), cases[i].is_plain);
	}
}

static void put_start(void)
{
	file.n = 0;
	put_section(&file);
	put_interface(&file, 1, 0, 9, 0);
	put_packet(&file, 0, T0_NS, 60, 60);
}

static void what_stands_in_its_way(void **state)
{
	put_start();
	put_section(&file); /* whose interfaces are others */
	assert_false(open_block(1));
	put_start();
	begin_block(&file, 3); /* a packet that has no time */
	put32(&file, 4);
	put_fill(&file, 'x', 4);
	end_block(&file);
	assert_false(open_block(0));
	put_start();
	put_packet(&file, 0, T0_NS, PACKET_MAX_LEN + 1, PACKET_MAX_LEN + 1); /* it is to be cut */
	assert_false(open_block(2));
	put_start();
	for (int i = 1; i < PLAIN_BLOCK_INTERFACES_MAX; i++)
		put_interface(&file, 1, 0, 9, 0);
	assert_true(open_block(1));
	put_interface(&file, 1, 0, 9, 0);
	assert_false(open_block(1));
	file.n = 0;
	put_section(&file);
	assert_false(open_block(0));
}

/* Each option by itself, behind 60 bytes of data. */
static void options_that_are_copied_are_known_and_whole(void **state)
{
	static const struct {
		uint16_t code, len;
		bool is_plain;
	} cases[] = {{1, 0, true},  {1, 7, true},  {2, 4, true},  {2, 5, false},   {4, 8, true},
		     {4, 4, false}, {3, 9, false}, {5, 8, false}, {2988, 8, false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t packet, option;

		put_start();
		packet = file.n;
		put_packet(&file, 0, T0_NS, 60, 60);
		file.n -= 4; /* of its end */
		option = file.n;
		put_option(&file, cases[i].code, "12345678", cases[i].len);
		put_option(&file, 0, NULL, 0);
		file.block = packet;
		end_block(&file);
		assert_int_equal(open_block(2), cases[i].is_plain);
		file.bytes[option + 2] += 8; /* it runs over the end */
		assert_false(open_block(2));
	}
}

/* The second packet, byte by byte, and each shorter block. */
static void a_damaged_block_is_not_plain(void **state)
{
	static const size_t fields[] = {5, 6, 7, 9, 10, 11, 21, 22, 23};
	size_t packet;

	put_start();
	packet = file.n;
	put_packet(&file, 0, T0_NS, 60, 60);
	assert_true(open_block(0));
	assert_false(open_block(1));
	assert_false(open_block(3));
	assert_true(open_block(2));
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		file.bytes[packet + fields[i]] ^= 1;
		assert_false(open_block(2));
		file.bytes[packet + fields[i]] ^= 1;
	}
	file.bytes[file.n - 1] = 1;
	assert_false(open_block(2));
	file.bytes[file.n - 1] = 0;
	assert_true(open_block(2));
	while (--file.n > packet)
		assert_false(open_block(2));
	assert_true(open_block(1));
	while (--file.n)
		assert_false(open_block(1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(what_is_in_a_plain_block),
		TEST(the_host_of_the_header_is_for_interfaces_without_one),
		TEST(what_our_writer_makes_is_plain),
		TEST(a_copy_differs_in_the_interfaces_alone),
		TEST(other_byte_orders_and_times_are_not_plain),
		TEST(what_stands_in_its_way),
		TEST(options_that_are_copied_are_known_and_whole),
		TEST(a_damaged_block_is_not_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks as they are written and read again, cut in two, and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "file_bytes.h"
#include "packet/block_reader.h"
#include "packet/block_writer.h"
#include "packet/pcapng.h"

#define T0   UINT64_C(1700000000000001)
#define MANY 1000

/* What came out of a block. */
struct taken {
	size_t n, stop; /* stop: after so many it is full; 0: never */
	struct {
		uint64_t time_us, dropcount;
		uint32_t caplen, wirelen;
		uint16_t nanos, linktype;
		uint8_t first; /* byte */
		char host[256], interface[256];
	} all[MANY];
	char why[BLOCK_READER_WHY_SIZE];
};

static struct taken taken;
static struct file_bytes file;
static uint8_t data[PACKET_MAX_LEN + 10];

static int take(void *ctx, const struct packet *pkt)
{
	struct taken *t = ctx;

	if (t->stop && t->n == t->stop)
		return PACKET_E_FULL;
	t->all[t->n].time_us = pkt->time_us;
	t->all[t->n].nanos = pkt->nanos;
	t->all[t->n].dropcount = pkt->dropcount;
	t->all[t->n].caplen = pkt->caplen;
	t->all[t->n].wirelen = pkt->wirelen;
	t->all[t->n].linktype = pkt->linktype;
	t->all[t->n].first = pkt->caplen ? pkt->data[0] : 0;
	snprintf(t->all[t->n].host, 256, "%.*s", pkt->host_len, pkt->host ? pkt->host : "");
	snprintf(t->all[t->n].interface, 256, "%.*s", pkt->interface_len,
		 pkt->interface ? pkt->interface : "");
	t->n++;
	return 0;
}

/* From memory of just that size, so that a sanitizer sees what is read beyond it. */
static int give(const void *bytes, size_t len, uint64_t packets)
{
	uint8_t *copy = malloc(len ? len : 1);
	const struct block b = {.bytes = copy, .len = len, .packets = packets};
	int err;

	assert_non_null(copy);
	if (len)
		memcpy(copy, bytes, len);
	taken.n = 0;
	err = block_reader_give(&b, take, &taken, taken.why);
	free(copy);
	return err;
}

static void assert_intact(const struct block_writer *w)
{
	assert_int_equal(give(w->buf, w->len, w->packets), 0);
	assert_string_equal(taken.why, "");
	assert_int_equal(taken.n, w->packets);
}

static void assert_damaged(const void *bytes, size_t len, uint64_t packets, const char *text)
{
	assert_int_equal(give(bytes, len, packets), 0);
	assert_int_equal(taken.n, 0);
	if (!strstr(taken.why, text))
		fail_msg("'%s' is not in '%s'", text, taken.why);
}

static int forget(void **state)
{
	memset(&taken, 0, sizeof(taken));
	file.n = 0;
	file.swapped = false;
	return 0;
}

/* ---- round trip ---- */

static void what_is_written_is_read_again(void **state)
{
	static uint8_t buf[16384];
	struct packet pkts[] = {
		{.caplen = 60, .wirelen = 60, .time_us = T0 + 7, .linktype = 1, .nanos = 999},
		{.caplen = 61, .wirelen = 1500, .time_us = T0, .linktype = 101, .dropcount = 12},
		{.caplen = 0, .wirelen = 0, .time_us = T0 + 9, .linktype = 1},
		{.caplen = 63, .wirelen = 63, .time_us = T0 + 3, .linktype = 1},
	};
	struct block_writer w;
	size_t n = sizeof(pkts) / sizeof(pkts[0]);

	pkts[3].interface = "eth0 and more"; /* only its length ends a name */
	pkts[3].interface_len = 4;
	pkts[3].host = "sensor1.";
	pkts[3].host_len = 7;
	block_writer_init(&w, buf, sizeof(buf));
	for (size_t i = 0; i < 3 * n; i++) {
		struct packet pkt = pkts[i % n];

		data[0] = (uint8_t)i;
		pkt.data = data;
		assert_true(block_writer_put(&w, &pkt));
		assert_int_equal(w.packets, i + 1);
	}
	assert_int_equal(w.first_us, T0);
	assert_int_equal(w.last_us, T0 + 9);
	assert_int_equal(w.n_interfaces, 3);
	assert_intact(&w);
	for (size_t i = 0; i < taken.n; i++) {
		const struct packet *want = &pkts[i % n];

		assert_int_equal(taken.all[i].time_us, want->time_us);
		assert_int_equal(taken.all[i].nanos, want->nanos);
		assert_int_equal(taken.all[i].caplen, want->caplen);
		assert_int_equal(taken.all[i].wirelen, want->wirelen);
		assert_int_equal(taken.all[i].linktype, want->linktype);
		assert_int_equal(taken.all[i].dropcount, want->dropcount);
		assert_int_equal(taken.all[i].first, want->caplen ? i : 0);
		assert_string_equal(taken.all[i].interface, want->interface ? "eth0" : "");
		assert_string_equal(taken.all[i].host, want->host ? "sensor1" : "");
	}
}

static void what_does_not_fit_leaves_the_block_as_it_was(void **state)
{
	const struct packet pkt = {.data = data, .caplen = 100, .wirelen = 100, .linktype = 1};
	uint8_t buf[1024];
	struct block_writer w;
	size_t alone = block_writer_size_alone(&pkt), before;

	block_writer_init(&w, buf, alone - 1);
	assert_false(block_writer_put(&w, &pkt));
	assert_int_equal(w.len + w.packets + w.n_interfaces, 0);
	block_writer_init(&w, buf, alone);
	assert_true(block_writer_put(&w, &pkt));
	assert_int_equal(w.len, alone);
	before = w.len;
	assert_false(block_writer_put(&w, &pkt));
	assert_int_equal(w.len, before);
	assert_intact(&w);
}

static void a_packet_is_cut_and_keeps_its_length_on_the_wire(void **state)
{
	struct packet pkt = {.data = data, .linktype = 1};
	size_t room = PACKET_MAX_LEN + 1024;
	uint8_t *buf = malloc(room);
	struct block_writer w;

	pkt.caplen = pkt.wirelen = PACKET_MAX_LEN + 10;
	block_writer_init(&w, buf, room);
	assert_true(block_writer_put(&w, &pkt));
	assert_int_equal(w.len, block_writer_size_alone(&pkt));
	assert_intact(&w);
	assert_int_equal(taken.all[0].caplen, PACKET_MAX_LEN);
	assert_int_equal(taken.all[0].wirelen, PACKET_MAX_LEN + 10);
	free(buf);
}

static void too_many_interfaces_begin_another_block(void **state)
{
	struct packet pkt = {.data = data, .caplen = 4, .wirelen = 4};
	static uint8_t buf[65536];
	struct block_writer w;

	block_writer_init(&w, buf, sizeof(buf));
	for (; pkt.linktype < BLOCK_WRITER_INTERFACES_MAX; pkt.linktype++)
		assert_true(block_writer_put(&w, &pkt));
	assert_false(block_writer_put(&w, &pkt));
	pkt.linktype = 1; /* one that is there */
	assert_true(block_writer_put(&w, &pkt));
	assert_intact(&w);
}

static void who_is_full_gets_no_more(void **state)
{
	const struct packet pkt = {.data = data, .caplen = 4, .wirelen = 4, .linktype = 1};
	uint8_t buf[1024];
	struct block_writer w;

	block_writer_init(&w, buf, sizeof(buf));
	for (int i = 0; i < 5; i++)
		assert_true(block_writer_put(&w, &pkt));
	taken.stop = 3;
	assert_int_equal(give(w.buf, w.len, 0), PACKET_E_FULL);
	assert_int_equal(taken.n, 3);
	assert_string_equal(taken.why, "");
}

/* ---- of others, and damage ---- */

static void a_section_of_the_other_byte_order_is_read(void **state)
{
	file.swapped = true;
	put_section(&file);
	put_interface(&file, 1, 0, 9, 0);
	put_packet(&file, 0, T0 * 1000 + 5, 60, 70);
	assert_int_equal(give(file.bytes, file.n, 1), 0);
	assert_int_equal(taken.n, 1);
	assert_int_equal(taken.all[0].time_us, T0);
	assert_int_equal(taken.all[0].nanos, 5);
	assert_string_equal(taken.all[0].interface, "eth0");
	assert_string_equal(taken.all[0].host, "");
}

static void the_host_of_the_header_is_for_packets_without_one(void **state)
{
	struct block b = {0};

	put_section(&file);
	put_interface(&file, 1, 0, 9, 0);
	put_packet(&file, 0, T0 * 1000, 60, 60);
	b.bytes = file.bytes;
	b.len = file.n;
	assert_true(block_reader_take_header(&b, "packets", "1", 1));
	assert_true(block_reader_take_header(&b, "host", "sensor2", 7));
	assert_true(block_reader_take_header(&b, "other", NULL, 0));
	assert_int_equal(block_reader_give(&b, take, &taken, taken.why), 0);
	assert_int_equal(taken.n, 1);
	assert_string_equal(taken.all[0].host, "sensor2");
	assert_false(block_reader_take_header(&b, "packets", "", 0));
	assert_false(block_reader_take_header(&b, "packets", "-1", 2));
	assert_false(block_reader_take_header(&b, "packets", NULL, 0));
}

static void a_damaged_block_says_what_and_where_and_gives_nothing(void **state)
{
	const uint8_t pcap[24] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4};
	size_t packet;

	assert_damaged("", 0, 0, "a damaged block: it is not pcapng (at byte 0 of 0)");
	assert_damaged(pcap, 24, 1, "it is not pcapng (at byte 0 of 24)");
	put_section(&file);
	put_interface(&file, 1, 0, 9, 0);
	assert_damaged(file.bytes, file.n, 0, "it holds 0 packet(s), its header says 0");
	put_packet(&file, 0, T0 * 1000, 60, 60);
	packet = file.n;
	put_packet(&file, 0, T0 * 1000, 60, 60);
	assert_int_equal(give(file.bytes, file.n, 2), 0);
	assert_int_equal(taken.n, 2);
	assert_damaged(file.bytes, file.n, 3, "it holds 2 packet(s), its header says 3");
	assert_damaged(file.bytes, packet, 2, "it holds 1 packet(s), its header says 2");
	for (size_t len = packet + 1; len < file.n; len++)
		assert_damaged(file.bytes, len, 2, "its end is missing (at byte 160");
	file.bytes[packet + 8] = 7;
	assert_damaged(file.bytes, file.n, 2, "a packet of interface 7");
	file.bytes[packet + 8] = 0;
	file.bytes[packet + 21] = 1;
	assert_damaged(file.bytes, file.n, 2, "a packet that says it has 316 bytes");
	file.bytes[packet + 21] = 0;
	file.bytes[file.n - 1] = 1;
	assert_damaged(file.bytes, file.n, 2, "as its end says");
}

static void a_packet_without_a_time_is_damage(void **state)
{
	put_section(&file);
	put_interface(&file, 1, 0, 9, 0);
	begin_block(&file, 3); /* a simple packet */
	put32(&file, 4);
	put_fill(&file, 'x', 4);
	end_block(&file);
	assert_damaged(file.bytes, file.n, 1, "a packet without a time");
}

static void a_packet_of_a_time_that_none_can_hold_is_damage(void **state)
{
	static const struct {
		uint64_t ticks;
		const char *said;
	} rows[] = {{UINT64_MAX, "a packet from before 1970"},
		    {INT64_MAX, "a packet of a time after the year 294246"}};

	for (size_t i = 0; i < 2; i++) {
		forget(NULL);
		put_section(&file);
		put_interface(&file, 1, 0, 6, 0);
		put_packet(&file, 0, rows[i].ticks, 4, 4);
		assert_damaged(file.bytes, file.n, 1, rows[i].said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_written_is_read_again, forget),
		cmocka_unit_test_setup(what_does_not_fit_leaves_the_block_as_it_was, forget),
		cmocka_unit_test_setup(a_packet_is_cut_and_keeps_its_length_on_the_wire, forget),
		cmocka_unit_test_setup(too_many_interfaces_begin_another_block, forget),
		cmocka_unit_test_setup(who_is_full_gets_no_more, forget),
		cmocka_unit_test_setup(a_section_of_the_other_byte_order_is_read, forget),
		cmocka_unit_test_setup(the_host_of_the_header_is_for_packets_without_one, forget),
		cmocka_unit_test_setup(a_damaged_block_says_what_and_where_and_gives_nothing,
				       forget),
		cmocka_unit_test_setup(a_packet_without_a_time_is_damage, forget),
		cmocka_unit_test_setup(a_packet_of_a_time_that_none_can_hold_is_damage, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

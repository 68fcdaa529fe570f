/* SPDX-License-Identifier: Apache-2.0 */
/* What a consumer's capture becomes of its packets, in a file, read back by libpcap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "base/bytes.h"
#include "lines.h"
#include "output/encoder.h"
#include "output/output.h"
#include "packet/block_writer.h"

static struct {
	struct ev_loop *loop;
	struct config cfg;
	struct output *out;
	int settled;
	char path[64];
} world;

static void on_ended(void *ctx, int status)
{
	fail_msg("the output ended: %d", status);
}

static void on_settled(void *ctx)
{
	world.settled++;
	ev_break(world.loop, EVBREAK_ALL);
}

static int open_format(enum config_format format, bool has_end)
{
	const struct output_options opt = {.loop = ev_default_loop(0),
					   .cfg = &world.cfg,
					   .on_ended = on_ended,
					   .on_settled = on_settled};

	memset(&world, 0, sizeof(world));
	world.cfg.exit_at_end = has_end;
	world.cfg.format = format;
	snprintf(world.path, sizeof(world.path), "/tmp/test_output.%d", getpid());
	world.loop = opt.loop;
	world.cfg.write_file = world.path;
	world.cfg.start.offset = CONFIG_OFFSET_BEGIN;
	return output_new(&world.out, &opt);
}

static int open_output(bool has_end)
{
	return open_format(CONFIG_FORMAT_PCAP, has_end);
}

static int open_world(void **state)
{
	return open_output(false);
}

static int open_pcapng(void **state)
{
	return open_format(CONFIG_FORMAT_PCAPNG, false);
}

/* Over a file that is there. */
static int open_bounded(void **state)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/test_output.%d", getpid());
	f = fopen(path, "wb");
	fputs("kept", f);
	fclose(f);
	return open_output(true);
}

static int close_world(void **state)
{
	output_free(world.out);
	return unlink(world.path);
}

static int put(uint16_t linktype, uint64_t time_us, uint16_t nanos)
{
	const struct packet pkt = {.data = (const uint8_t *)"some",
				   .caplen = 4,
				   .wirelen = 4,
				   .linktype = linktype,
				   .time_us = time_us,
				   .nanos = nanos};

	return output_put(world.out, &pkt);
}

/* The end, and what libpcap finds: so many packets at these times. `nano`: the file's own unit. */
static void assert_file(bool nano, int dlt, const uint64_t *times_ns, size_t n)
{
	char why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const u_char *data;
	uint32_t magic = 0;
	pcap_t *p;
	FILE *f;

	output_finish(world.out, true);
	assert_true(output_flush(world.out));
	f = fopen(world.path, "rb");
	assert_non_null(f);
	assert_int_equal(fread(&magic, sizeof(magic), 1, f), 1);
	assert_int_equal(magic, nano ? 0xa1b23c4d : 0xa1b2c3d4);
	rewind(f);
	p = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, why);
	assert_non_null(p);
	assert_int_equal(pcap_datalink(p), dlt);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(pcap_next_ex(p, &head, &data), 1);
		assert_int_equal((uint64_t)head->ts.tv_sec * 1000000000 +
					 (uint64_t)head->ts.tv_usec,
				 times_ns[i]);
		assert_memory_equal(data, "some", 4);
	}
	assert_int_equal(pcap_next_ex(p, &head, &data), PCAP_ERROR_BREAK);
	pcap_close(p);
}

static void microseconds_stay_microseconds(void **state)
{
	static const uint64_t times[] = {1000001000, 2000002000};

	put(1, 1000001, 0);
	put(1, 2000002, 0);
	assert_file(false, DLT_EN10MB, times, 2);
}

static void a_first_batch_with_nanoseconds_is_written_with_them(void **state)
{
	static const uint64_t times[] = {1000001000, 2999999000, 3000003456, 4000004000};

	put(1, 1000001, 0);
	put(1, 2999999, 0);
	put(1, 3000003, 456);
	put(1, 4000004, 0);
	assert_file(true, DLT_EN10MB, times, 4);
	lines_catch();
	output_log_cut(world.out);
	assert_int_equal(lines_with("nanoseconds"), 0);
	lines_release();
}

static void later_nanoseconds_are_cut_and_counted(void **state)
{
	static const uint64_t times[] = {1000001000, 2000002000, 3000003000};

	put(1, 1000001, 0);
	assert_true(output_flush(world.out));
	put(1, 2000002, 345);
	put(1, 3000003, 456);
	assert_file(false, DLT_EN10MB, times, 3);
	lines_catch();
	output_log_cut(world.out);
	assert_int_equal(lines_with("2 packet(s) were written without their nanoseconds"), 1);
	lines_release();
}

static void the_first_packet_decides_of_link_type_and_unit(void **state)
{
	static const uint64_t times[] = {1000001002};

	assert_true(output_flush(world.out)); /* the header is in the file */
	put(101, 1000001, 2);
	assert_int_equal(put(1, 1000001, 2), OUTPUT_E_LEFT_OUT);
	assert_file(true, DLT_RAW, times, 1);
	lines_catch();
	output_log_left_out(world.out);
	assert_int_equal(lines_with("1 packet(s) not written: of another link type than the "
				    "capture's; --format pcapng holds them"),
			 1);
	lines_release();
}

static void a_time_after_2106_is_left_out(void **state)
{
	static const uint64_t times[] = {1000};

	assert_int_equal(put(101, 4294967296000000, 0), OUTPUT_E_LEFT_OUT);
	assert_int_equal(put(1, 1, 0), 0);
	assert_file(false, DLT_EN10MB, times, 1);
	lines_catch();
	output_log_left_out(world.out);
	assert_int_equal(lines_with("1 packet(s) not written: of a time after the year 2106; "
				    "--format pcapng holds them"),
			 1);
	lines_release();
}

/* ---- blocks into a pcapng file ---- */

static uint8_t bytes[4096];

/* A block of so many packets, each of its link type and a millisecond after the one before, the
 * last one after a loss of 7. */
static struct block block_of(const uint16_t *linktypes, uint64_t n)
{
	struct packet pkt = {.data = (const uint8_t *)"some",
			     .caplen = 4,
			     .wirelen = 4,
			     .interface = "eth0",
			     .interface_len = 4,
			     .time_us = 5000000};
	struct block_writer w;

	block_writer_init(&w, bytes, sizeof(bytes));
	for (uint64_t i = 0; i < n; i++, pkt.time_us += 1000) {
		pkt.linktype = linktypes[i];
		pkt.dropcount = i + 1 == n ? 7 : 0;
		assert_true(block_writer_put(&w, &pkt));
	}
	return (struct block){.bytes = bytes, .len = w.len, .packets = n};
}

static int put_block(const uint16_t *linktypes, uint64_t n)
{
	const struct block b = block_of(linktypes, n);
	struct plain_block plain;
	int r;

	assert_true(output_takes_blocks(world.out));
	assert_true(plain_block_open(&plain, &b));
	r = output_put_block(world.out, &plain);
	plain_block_close(&plain);
	return r;
}

/* What the blocks of the file are: a letter each, with the number of its interface. */
static void assert_blocks(const char *want)
{
	static const struct {
		uint32_t type;
		char letter;
		bool numbered;
	} kinds[] = {{0x0a0d0d0a, 'S', false}, {1, 'I', false}, {6, 'p', true}, {5, 's', true}};
	static uint8_t all[65536];
	char got[256] = "";
	size_t n, at = 0;
	FILE *f;

	output_finish(world.out, true);
	assert_true(output_flush(world.out));
	f = fopen(world.path, "rb");
	assert_non_null(f);
	n = fread(all, 1, sizeof(all), f);
	fclose(f);
	for (; at < n; at += bytes_get32(all + at + 4))
		for (size_t k = 0; k < 4; k++)
			if (bytes_get32(all + at) == kinds[k].type) {
				got[strlen(got)] = kinds[k].letter;
				if (kinds[k].numbered)
					got[strlen(got)] = (char)('0' + bytes_get32(all + at + 8));
			}
	assert_int_equal(at, n);
	assert_string_equal(got, want);
}

/* In one section, whose interfaces have other numbers than in the blocks. */
static void blocks_lie_among_packets_in_one_section(void **state)
{
	static const uint16_t mixed[] = {101, 1, 101}, other[] = {113};

	put(1, 1000001, 0); /* of no interface that is named */
	assert_int_equal(put_block(mixed, 3), 0);
	assert_int_equal(put_block(mixed + 1, 2), 0);
	assert_int_equal(put_block(other, 1), 0);
	put(1, 6000001, 0);
	assert_int_equal(output_taken(world.out), 8);
	assert_blocks("SIp0IIp1p2p1p2p1Ip3p0s0s1s2s3");
	assert_int_equal(output_written(world.out), 8);
}

static void statistics_count_blocks_and_packets(void **state)
{
	static const uint16_t linktypes[] = {1, 1, 1};
	struct packet pkt = {.data = bytes,
			     .linktype = 1,
			     .interface = "eth0",
			     .interface_len = 4,
			     .time_us = 4000000};
	struct encoder *e = pcapng_encoder_new();
	uint32_t ids[PLAIN_BLOCK_INTERFACES_MAX];
	const struct block b = block_of(linktypes, 3);
	uint8_t room[ENCODER_END_SIZE];
	struct plain_block plain;
	size_t n;

	assert_true(plain_block_open(&plain, &b));
	for (int i = 0; i < 2; i++) {
		assert_true(e->ops->size_block(e, &plain) > plain.size);
		n = e->ops->put_block(e, room, &plain, ids);
		assert_int_equal(n > 0, i == 0);
		assert_int_equal(ids[0], 0);
	}
	assert_true(e->ops->size(e, &pkt) > 0);
	e->ops->put(e, room, &pkt, NULL);
	n = e->ops->end(e, room);
	assert_int_equal(n, bytes_get32(room + 4));
	/* From the packet to the last of the block: isb_starttime, isb_endtime, the upper half
	 * first; isb_ifrecv, isb_ifdrop, isb_usrdeliv. */
	assert_int_equal(bytes_get32(room + 24), 4000000000 >> 32);
	assert_int_equal(bytes_get32(room + 28), 4000000000 & UINT32_MAX);
	assert_int_equal(bytes_get32(room + 36), 5002000000 >> 32);
	assert_int_equal(bytes_get32(room + 40), 5002000000 & UINT32_MAX);
	assert_int_equal(bytes_get64(room + 48), 7 + 14);
	assert_int_equal(bytes_get64(room + 60), 14);
	assert_int_equal(bytes_get64(room + 72), 7);
	/* A loss that the next packet is to tell. */
	pkt.dropcount = 3;
	e->ops->lost(e, &pkt);
	assert_int_equal(e->ops->size_block(e, &plain), 0);
	assert_true(e->ops->size(e, &pkt) > 0);
	e->ops->put(e, room, &pkt, NULL);
	assert_true(e->ops->size_block(e, &plain) > 0);
	plain_block_close(&plain);
	e->ops->free(e);
}

/* A reader that is slow, or a block that is large. */
static void a_block_without_room_is_not_put(void **state)
{
	static const uint16_t linktypes[] = {1};
	const struct block b = block_of(linktypes, 1);
	struct plain_block plain;

	assert_true(plain_block_open(&plain, &b));
	plain.size = 1024 * 1024;
	assert_int_equal(output_put_block(world.out, &plain), BLOCK_E_EACH);
	assert_int_equal(output_taken(world.out), 0);
	plain_block_close(&plain);
	assert_blocks("S");
}

static void what_is_said_of_each_packet_needs_each_packet(void **state)
{
	assert_true(output_takes_blocks(world.out));
	world.cfg.comment_offsets = true;
	assert_false(output_takes_blocks(world.out));
}

static void a_pcap_takes_no_blocks(void **state)
{
	assert_false(output_takes_blocks(world.out));
}

/* ---- the file of a run that has an end ---- */

static void assert_kept(void)
{
	char got[8] = "";
	FILE *f = fopen(world.path, "rb");

	assert_int_equal(fread(got, 1, sizeof(got) - 1, f), 4);
	assert_string_equal(got, "kept");
	fclose(f);
}

static void what_was_there_goes_when_all_is_written(void **state)
{
	static const uint64_t times[] = {1000001000};

	put(1, 1000001, 0);
	assert_true(output_flush(world.out));
	assert_kept();
	output_finish(world.out, true);
	assert_true(output_is_settling(world.out));
	assert_kept();
	ev_run(world.loop, 0);
	assert_int_equal(world.settled, 1);
	assert_false(output_is_settling(world.out));
	assert_null(output_part(world.out));
	assert_file(false, DLT_EN10MB, times, 1);
}

static void what_was_there_stays_when_it_is_cut_short(void **state)
{
	char part[80];

	put(1, 1000001, 0);
	output_finish(world.out, false);
	assert_false(output_is_settling(world.out));
	assert_kept();
	snprintf(part, sizeof(part), "%s.part", world.path);
	assert_string_equal(output_part(world.out), part);
	assert_int_equal(unlink(part), 0);
}

/* A header that waits for a packet is no reader that takes its time. */
static void without_a_packet_nothing_is_touched_nor_left(void **state)
{
	assert_true(output_flush(world.out));
	assert_int_equal(output_waiting(world.out), 0);
	output_finish(world.out, false);
	assert_true(output_flush(world.out));
	assert_null(output_part(world.out));
	assert_kept();
}

static void an_empty_result_is_a_capture(void **state)
{
	output_finish(world.out, true);
	ev_run(world.loop, 0);
	assert_file(false, DLT_EN10MB, NULL, 0);
}

static void a_wireshark_with_the_file_of_an_instance_does_not_listen_too(void **state)
{
	struct output_options opt = {.loop = world.loop, .cfg = &world.cfg, .on_ended = on_ended};
	uint64_t clients = 7, cut_off = 7;
	char path[80];

	output_free(world.out);
	snprintf(path, sizeof(path), "%s.socket", world.path);
	world.cfg.listen = path;
	world.cfg.attended = true;
	assert_int_equal(output_new(&world.out, &opt), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_false(output_clients(world.out, &clients, &cut_off));
	output_free(world.out);
	world.cfg.attended = false;
	assert_int_equal(output_new(&world.out, &opt), 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_true(output_clients(world.out, &clients, &cut_off));
	assert_int_equal(clients + cut_off, 0);
	output_finish(world.out, true);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(microseconds_stay_microseconds),
		TEST(a_first_batch_with_nanoseconds_is_written_with_them),
		TEST(later_nanoseconds_are_cut_and_counted),
		TEST(the_first_packet_decides_of_link_type_and_unit),
		TEST(a_time_after_2106_is_left_out),
		TEST(a_pcap_takes_no_blocks),
#define PCAPNG(name) cmocka_unit_test_setup_teardown(name, open_pcapng, close_world)
		PCAPNG(blocks_lie_among_packets_in_one_section),
		PCAPNG(statistics_count_blocks_and_packets),
		PCAPNG(a_block_without_room_is_not_put),
		PCAPNG(what_is_said_of_each_packet_needs_each_packet),
#define BOUNDED(name) cmocka_unit_test_setup_teardown(name, open_bounded, close_world)
		BOUNDED(what_was_there_goes_when_all_is_written),
		BOUNDED(what_was_there_stays_when_it_is_cut_short),
		BOUNDED(without_a_packet_nothing_is_touched_nor_left),
		BOUNDED(an_empty_result_is_a_capture),
		cmocka_unit_test_setup_teardown(
			a_wireshark_with_the_file_of_an_instance_does_not_listen_too, open_world,
			close_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

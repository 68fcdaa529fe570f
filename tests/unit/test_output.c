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

#include "lines.h"
#include "output/output.h"

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

static int open_output(bool has_end)
{
	const struct output_options opt = {.loop = ev_default_loop(0),
					   .cfg = &world.cfg,
					   .on_ended = on_ended,
					   .on_settled = on_settled};

	memset(&world, 0, sizeof(world));
	world.cfg.exit_at_end = has_end;
	snprintf(world.path, sizeof(world.path), "/tmp/test_output.%d", getpid());
	world.loop = opt.loop;
	world.cfg.write_file = world.path;
	world.cfg.start.offset = CONFIG_OFFSET_BEGIN;
	return output_new(&world.out, &opt);
}

static int open_world(void **state)
{
	return open_output(false);
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(microseconds_stay_microseconds),
		TEST(a_first_batch_with_nanoseconds_is_written_with_them),
		TEST(later_nanoseconds_are_cut_and_counted),
		TEST(the_first_packet_decides_of_link_type_and_unit),
		TEST(a_time_after_2106_is_left_out),
#define BOUNDED(name) cmocka_unit_test_setup_teardown(name, open_bounded, close_world)
		BOUNDED(what_was_there_goes_when_all_is_written),
		BOUNDED(what_was_there_stays_when_it_is_cut_short),
		BOUNDED(without_a_packet_nothing_is_touched_nor_left),
		BOUNDED(an_empty_result_is_a_capture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

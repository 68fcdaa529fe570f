/* SPDX-License-Identifier: Apache-2.0 */
/* The account of a consumer, over parts that have counted what a test says. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/consumer_role_impl.h"
#include "base/clock.h"
#include "lines.h"
#include "output/output.h"

static char pcap[] = "pcap";

static struct {
	struct consumer_counts counts;
	int64_t lag, left;
	double now;
	uint64_t taken, written, left_out, filtered;
	const char *part;
	struct config cfg;
	struct counters said; /* the last that were reported */
} world;

double ev_now(struct ev_loop *loop)
{
	return world.now;
}

void consumer_counts(const struct consumer *c, struct consumer_counts *out)
{
	*out = world.counts;
}

int64_t consumer_lag(const struct consumer *c)
{
	return world.lag;
}

int64_t consumer_left(const struct consumer *c)
{
	return world.left;
}

uint64_t packet_filter_left_out(const struct packet_filter *f)
{
	return world.filtered;
}

void packet_filter_log_unfit(const struct packet_filter *f)
{
	if (world.filtered)
		log_warn("not compiled for");
}

const char *output_part(const struct output *o)
{
	return world.part;
}

bool output_clients(const struct output *o, uint64_t *clients, uint64_t *cut_off)
{
	return false;
}

uint64_t output_taken(const struct output *o)
{
	return world.taken;
}

uint64_t output_written(const struct output *o)
{
	return world.written;
}

void output_log_left_out(const struct output *o)
{
	if (world.left_out)
		log_error("%" PRIu64 " packet(s) left out", world.left_out);
}

void output_log_cut(const struct output *o)
{
}

void output_log_failure(const struct output *o)
{
}

void report_log(struct report *r, const struct counters *counters, double now)
{
	world.said = *counters;
}

void report_summarize(struct report *r, const struct counters *counters, double now, char *buf,
		      size_t size)
{
	world.said = *counters;
}

static struct role reading(void)
{
	memset(&world, 0, sizeof(world));
	world.cfg.topic = pcap;
	world.counts = (struct consumer_counts){.read = 100, .skipped = 3};
	world.taken = world.written = 97;
	world.left = -1;
	return (struct role){.opt.cfg = &world.cfg, .bytes = 9700};
}

static const struct counters *summarize(struct role *s)
{
	char text[192];

	consumer_report_summarize(s, text, sizeof(text));
	return &world.said;
}

static void test_each_value_is_where_the_account_has_it(void **state)
{
	struct role s = reading();
	const struct counters *c = summarize(&s);

	assert_int_equal(c->read, 100);
	assert_int_equal(c->written, 97);
	assert_int_equal(c->skipped, 3);
	assert_int_equal(c->bytes, 9700);
	assert_int_equal(c->lag, 0);
	assert_int_equal(c->filtered, 0);
	world.filtered = 8;
	assert_int_equal(summarize(&s)->filtered, 8);
	world.written = 90; /* the rest waits for its reader */
	assert_int_equal(summarize(&s)->written, 90);
}

/* Those of the clients that reloads have replaced, and of link types that the file cannot hold. */
static void test_what_is_counted_elsewhere_is_added(void **state)
{
	struct role s = reading();
	const struct counters *c;

	s.before = (struct consumer_counts){.read = 1000, .skipped = 30};
	s.foreign = 300;
	c = summarize(&s);
	assert_int_equal(c->read, 1100);
	assert_int_equal(c->skipped, 333);
}

static void test_a_lag_that_is_not_known(void **state)
{
	struct role s = reading();

	world.lag = -1;
	assert_true(summarize(&s)->lag == COUNTER_UNKNOWN);
	world.lag = 7;
	assert_int_equal(summarize(&s)->lag, 7);
}

static void test_reading_changes_nothing(void **state)
{
	struct role s = reading();
	struct counters first = *summarize(&s);

	for (int i = 0; i < 3; i++)
		assert_memory_equal(summarize(&s), &first, sizeof(first));
	consumer_report_log(&s);
	assert_memory_equal(&world.said, &first, sizeof(first));
	assert_memory_equal(summarize(&s), &first, sizeof(first));
}

/* ---- progress ---- */

static void assert_measures(struct role *s, uint64_t done, int64_t left)
{
	struct progress p;

	consumer_report_measure(s, &p);
	assert_int_equal(p.done, done);
	assert_int_equal(p.left, left);
}

static void test_how_far_it_has_come(void **state)
{
	struct role s = reading();
	struct progress p;

	s.foreign = 2;
	s.last_us = 5;
	consumer_report_measure(&s, &p);
	assert_int_equal(p.packets, 99);
	assert_int_equal(p.time_us, 5);
	assert_int_equal(p.left, -1);
	world.counts.outside = 20;
	world.left = 80;
	assert_measures(&s, 120, 80);
	world.left = 30; /* offsets without a record were passed */
	assert_measures(&s, 170, 30);
	world.left = 0;
	assert_measures(&s, 200, 0);
}

/* It was read, and waits for its place in the order. */
static void test_what_waits_is_not_done(void **state)
{
	struct role s = reading();

	world.taken = 0;
	world.counts.skipped = 0;
	world.left = 200; /* half of it waits */
	assert_measures(&s, 0, 200);
	world.taken = 40;
	world.left = 160;
	assert_measures(&s, 40, 160);
}

static void test_the_limit_that_comes_first(void **state)
{
	struct role s = reading();

	world.cfg.max_packets = 100;
	assert_measures(&s, 97, 3);
	world.left = 1;
	assert_measures(&s, 100, 1);
	world.taken = 101;
	assert_measures(&s, 101, 0);
}

static void test_a_range_that_ends_ahead_is_measured_by_the_clock(void **state)
{
	struct role s = reading();

	s.began_ms = 100000;
	world.now = 103;
	world.cfg.to = (struct config_time){.us = 110000000, .text = pcap};
	world.cfg.slack_ms = 2000;
	assert_measures(&s, 3000, 9000);
	world.left = 4; /* it is over: the rest is read */
	assert_measures(&s, 100, 4);
	world.left = -1;
	world.now = 112;
	assert_measures(&s, 0, -1);
}

/* ---- the closing lines ---- */

/* Ends with this status, and one error; "": with none. */
static void assert_close(struct role *s, bool interrupted, int status, const char *text)
{
	lines_catch();
	assert_int_equal(consumer_report_close(s, interrupted), status);
	assert_int_equal(lines_with("ERROR:"), *text != '\0');
	assert_true(!*text || lines_with(text) == 1);
	lines_release();
}

static void test_what_came_in_and_went_out(void **state)
{
	struct role s = reading();

	lines_catch();
	s.foreign = 2; /* it came in, and is a failure */
	world.left_out = 2;
	assert_int_equal(consumer_report_close(&s, false), 1);
	assert_int_equal(lines_with("'99' packet(s) in, '97' packet(s) out"), 1);
	s.foreign = 0;
	world.left_out = 0;
	assert_int_equal(consumer_report_close(&s, false), 0);
	assert_int_equal(lines_with("3 record(s) skipped that are not packets"), 2);
	assert_int_equal(lines_with("'97' packet(s) in, '97' packet(s) out"), 1);
	assert_int_equal(lines_with("ERROR:"), 1);
	lines_release();
}

/* Those that a filter left out did not come in, and are no failure; what it is not for is said. */
static void test_packets_that_a_filter_left_out(void **state)
{
	struct role s = reading();

	world.filtered = 8;
	world.counts.outside = 5;
	lines_catch();
	assert_int_equal(consumer_report_close(&s, false), 0);
	assert_int_equal(lines_with("5 record(s) read that are outside the time range"), 1);
	assert_int_equal(lines_with("8 packet(s) did not match the filter"), 1);
	assert_int_equal(lines_with("not compiled for"), 1);
	assert_int_equal(lines_with("'97' packet(s) in, '97' packet(s) out"), 1);
	lines_release();
}

static void test_packets_that_are_not_written(void **state)
{
	struct role s = reading();

	world.written = 90;
	assert_close(&s, false, 1, "7 packet(s) not written: the reader was too slow");
	world.cfg.ring_buffer = (char[]){"packets:50"};
	assert_close(&s, false, 1, "7 packet(s) not written: the disk took no more");
	world.cfg.ring_buffer = NULL;
	s.status = 1;
	assert_close(&s, false, 1, "7 packet(s) not written: the output failed");
	s.broken_off = true;
	assert_close(&s, false, 1,
		     "7 packet(s) not written: the output failed; topic pcap was not read to its "
		     "end");
	world.written = 97;
	assert_close(&s, false, 1, "Topic pcap was not read to its end: the output failed");
	s.broken_off = false;
	s.status = 0;
	s.foreign = 2;
	world.left_out = 2;
	assert_close(&s, false, 1, "2 packet(s) left out");
}

/* `head` has enough: no failure, whatever is left. */
static void test_a_reader_that_is_gone(void **state)
{
	struct role s = reading();

	world.written = 10;
	s.reader_gone = s.cut_short = true;
	assert_close(&s, false, 0, "");
	s.status = 1;
	assert_close(&s, false, 1, "");
}

static void test_a_read_that_was_cut_short(void **state)
{
	static char to[] = "@1795428900", limit[] = "duration:60";
	struct role s = reading();

	s.cut_short = true;
	snprintf(s.why, sizeof(s.why), "broker b:9092");
	assert_close(&s, false, 1,
		     "Cut short: the end of topic pcap was not reached; waited for broker b:9092");
	world.cfg.to.text = to;
	assert_close(&s, true, 1,
		     "Cut short by a signal: the end of the range, --to @1795428900, was not "
		     "reached\n");
	world.left = 7; /* once the ends are known */
	assert_close(&s, true, 1, "Cut short by a signal: 7 record(s) of topic pcap not read\n");
	world.cfg.to.text = NULL;
	world.left = -1;
	world.cfg.autostop = limit;
	assert_close(&s, true, 1,
		     "Cut short by a signal: --autostop duration:60 was not reached\n");
	world.left = 5;
	assert_close(&s, true, 1, "Cut short by a signal: 5 record(s) of topic pcap not read\n");
	world.cfg.max_packets = 200;
	assert_close(&s, true, 1, "Cut short by a signal: 97 of 200 packet(s) read\n");
	world.counts.read = 0;
	assert_close(&s, true, 1, "97 of 200 packet(s) read; waited for broker b:9092");
}

static void test_where_the_packets_are_that_were_read(void **state)
{
	struct role s = reading();

	world.part = "out.pcap.part";
	s.cut_short = true;
	world.left = 5;
	assert_close(&s, true, 1,
		     "5 record(s) of topic pcap not read; 97 packet(s) are in out.pcap.part\n");
	s.cut_short = false;
	s.status = 1;
	snprintf(s.why, sizeof(s.why), "no such group");
	assert_close(&s, false, 1, "Given up: no such group; 97 packet(s) are in out.pcap.part\n");
	world.cfg.ring_buffer = (char[]){"packets:50"}; /* most are in the files before it */
	assert_close(&s, false, 1, "Given up: no such group; the last file is out.pcap.part\n");
	world.cfg.ring_buffer = NULL;
	s.status = 0;
	*s.why = '\0';
	s.reader_gone = true; /* of the text beside it */
	assert_close(&s, false, 1,
		     "Cut short: the reader of the text is gone; 97 packet(s) are in "
		     "out.pcap.part\n");
}

static void test_a_start_that_was_still_ahead(void **state)
{
	static char from[] = "+3d";
	struct role s = reading();

	world.counts.read = 0;
	world.cfg.from.text = from;
	world.cfg.from.us = clock_ns(CLOCK_REALTIME) / 1000 + 273630000000; /* 3 d 4 h 30 s */
	s.cut_short = true;
	assert_close(&s, true, 1,
		     "Cut short by a signal: the start of the range, --from +3d, is still 3d 4h "
		     "ahead\n");
}

static void test_a_bounded_read_of_which_records_are_gone(void **state)
{
	static char to[] = "@1795428900";
	struct role s = reading();

	world.counts.gone = 3;
	s.before.gone = 1;
	assert_close(&s, false, 0, ""); /* who reads live was told at the time */
	world.cfg.exit_at_end = true;
	assert_close(&s, false, 1,
		     "Not all was read: 4 record(s) of topic pcap were deleted before they were "
		     "read\n");
	world.cfg.exit_at_end = false;
	world.cfg.to.text = to;
	assert_close(&s, false, 1, "Not all was read: 4 record(s)");
}

static void test_a_consumer_that_gave_up(void **state)
{
	struct role s = reading();

	s.status = 1;
	snprintf(s.why, sizeof(s.why), "no such group");
	assert_close(&s, false, 1, "Given up: no such group");
}

/* ---- packets that are not in order ---- */

static int late_lines(const struct consumer_counts *counts, bool to_end, uint32_t reorder_ms,
		      const char *text)
{
	struct role s = reading();
	int n;

	world.counts.late = 270;
	world.counts.late_ns = counts->late_ns;
	world.counts.full = counts->full;
	world.cfg.exit_at_end = to_end;
	world.cfg.reorder_ms = reorder_ms;
	lines_catch();
	consumer_report_close(&s, false);
	n = lines_with(text);
	lines_release();
	return n;
}

static void test_why_packets_are_late(void **state)
{
	static const char later[] = "270 packet(s) written out of order, up to 5.000 s late: they "
				    "came later than --reorder 50ms allows; a longer --reorder";
	static const char memory[] = "late: memory does not hold all that comes in --reorder ";
	struct consumer_counts counts = {.late_ns = 5000000000};

	assert_int_equal(late_lines(&counts, false, 50, later), 1);
	assert_int_equal(late_lines(&counts, true, 50, later), 1);
	assert_int_equal(late_lines(&counts, true, 600000, memory), 1); /* it was to wait so long */
	assert_int_equal(late_lines(&counts, false, 600000, memory), 0);
	assert_int_equal(late_lines(&counts, false, 0, "out of order"), 0);
	assert_int_equal(late_lines(&counts, true, 0, "out of order"), 0);
	counts.full = true;
	assert_int_equal(late_lines(&counts, false, 50, memory), 1);
	counts.full = false;
	counts.late_ns = UINT64_C(3600001000000); /* no --reorder is that long */
	assert_int_equal(late_lines(&counts, false, 50,
				    "later than the longest --reorder (1h); "
				    "reordercap(1) sorts a capture\n"),
			 1);
	assert_int_equal(late_lines(&counts, true, 600000, "a longer --reorder"), 0);
	counts.late_ns = UINT64_C(3600000000000);
	assert_int_equal(late_lines(&counts, true, 600000, "a longer --reorder"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_value_is_where_the_account_has_it),
		cmocka_unit_test(test_what_is_counted_elsewhere_is_added),
		cmocka_unit_test(test_a_lag_that_is_not_known),
		cmocka_unit_test(test_reading_changes_nothing),
		cmocka_unit_test(test_how_far_it_has_come),
		cmocka_unit_test(test_what_waits_is_not_done),
		cmocka_unit_test(test_the_limit_that_comes_first),
		cmocka_unit_test(test_a_range_that_ends_ahead_is_measured_by_the_clock),
		cmocka_unit_test(test_what_came_in_and_went_out),
		cmocka_unit_test(test_packets_that_a_filter_left_out),
		cmocka_unit_test(test_packets_that_are_not_written),
		cmocka_unit_test(test_a_reader_that_is_gone),
		cmocka_unit_test(test_a_read_that_was_cut_short),
		cmocka_unit_test(test_where_the_packets_are_that_were_read),
		cmocka_unit_test(test_a_start_that_was_still_ahead),
		cmocka_unit_test(test_why_packets_are_late),
		cmocka_unit_test(test_a_bounded_read_of_which_records_are_gone),
		cmocka_unit_test(test_a_consumer_that_gave_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

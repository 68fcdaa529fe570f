/* SPDX-License-Identifier: Apache-2.0 */
/* Savefiles written by hand, read back: nothing is changed without being counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/readfile.h"

#define NANO_MAGIC 0xa1b23c4d
#define MAX_FILE   1024

/* A file in the making, and the reader of it. */
struct world {
	char path[64];
	uint8_t bytes[MAX_FILE];
	size_t n;
	bool swapped;
	struct readfile *file;
	char why[512];
};

static void put16(struct world *w, uint16_t v)
{
	if (w->swapped)
		v = __builtin_bswap16(v);
	memcpy(w->bytes + w->n, &v, sizeof(v));
	w->n += sizeof(v);
}

static void put32(struct world *w, uint32_t v)
{
	if (w->swapped)
		v = __builtin_bswap32(v);
	memcpy(w->bytes + w->n, &v, sizeof(v));
	w->n += sizeof(v);
}

static void put_header(struct world *w, uint32_t magic, uint32_t snaplen, uint32_t linktype)
{
	put32(w, magic);
	put16(w, 2);
	put16(w, 4);
	put32(w, 0);
	put32(w, 0);
	put32(w, snaplen);
	put32(w, linktype);
}

static void put_record(struct world *w, uint32_t sec, uint32_t fraction, uint32_t caplen)
{
	put32(w, sec);
	put32(w, fraction);
	put32(w, caplen);
	put32(w, caplen);
	memset(w->bytes + w->n, 'x', caplen);
	w->n += caplen;
}

/* A section and an interface of Ethernet, whose times begin `offset` seconds off 1970. */
static void put_pcapng_header(struct world *w, int64_t offset)
{
	put32(w, 0x0a0d0d0a);
	put32(w, 28);
	put32(w, 0x1a2b3c4d);
	put16(w, 1);
	put16(w, 0);
	put32(w, UINT32_MAX);
	put32(w, UINT32_MAX);
	put32(w, 28);
	put32(w, 1);
	put32(w, 36);
	put16(w, 1);
	put16(w, 0);
	put32(w, 0);
	put16(w, 14); /* if_tsoffset */
	put16(w, 8);
	put32(w, (uint32_t)(uint64_t)offset);
	put32(w, (uint32_t)((uint64_t)offset >> 32));
	put32(w, 0);
	put32(w, 36);
}

static void put_pcapng_packet(struct world *w, uint64_t time_us)
{
	put32(w, 6);
	put32(w, 36);
	put32(w, 0);
	put32(w, (uint32_t)(time_us >> 32));
	put32(w, (uint32_t)time_us);
	put32(w, 4);
	put32(w, 4);
	put32(w, 0);
	put32(w, 36);
}

static int open_file(struct world *w, const char *filter)
{
	FILE *f = fopen(w->path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(w->bytes, 1, w->n, f), w->n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(readfile_new(&w->file, w->path, filter), 0);
	return readfile_open(w->file, w->why, sizeof(w->why));
}

static struct packet next(struct world *w)
{
	struct packet pkt;

	assert_int_equal(readfile_next(w->file, &pkt, w->why, sizeof(w->why)), 1);
	return pkt;
}

static void assert_end(struct world *w)
{
	struct packet pkt;

	assert_int_equal(readfile_next(w->file, &pkt, w->why, sizeof(w->why)), 0);
}

static void assert_says(const struct world *w, const char *text)
{
	if (!strstr(w->why, text) || strncmp(w->why, w->path, strlen(w->path)) != 0)
		fail_msg("'%s' is not in '%s', or the file is not", text, w->why);
}

static void nanoseconds_are_kept_in_either_byte_order(void **state)
{
	struct world *w = *state;
	struct packet pkt;

	w->swapped = true;
	put_header(w, NANO_MAGIC, 65535, 1);
	put_record(w, 1700000000, 123456789, 60);
	assert_int_equal(open_file(w, NULL), 0);
	pkt = next(w);
	assert_int_equal(pkt.time_us, 1700000000123456);
	assert_int_equal(pkt.nanos, 789);
	assert_end(w);
}

static void seconds_of_a_pcap_file_are_unsigned(void **state)
{
	struct world *w = *state;
	struct packet pkt;

	put_header(w, 0xa1b2c3d4, 65535, 1);
	put_record(w, UINT32_MAX, 999999, 60);
	assert_int_equal(open_file(w, NULL), 0);
	pkt = next(w);
	assert_int_equal(pkt.time_us, 4294967295999999);
	assert_int_equal(pkt.nanos, 0);
	assert_int_equal(readfile_counts(w->file)->misdated, 0);
}

static void a_time_before_1970_is_made_1970_and_counted(void **state)
{
	struct world *w = *state;

	put_pcapng_header(w, -7200);
	put_pcapng_packet(w, 3600000000);
	put_pcapng_packet(w, (uint64_t)-1000); /* wrapped around */
	put_pcapng_packet(w, 7200000001);
	assert_int_equal(open_file(w, NULL), 0);
	assert_int_equal(next(w).time_us, 0);
	assert_int_equal(next(w).time_us, 0);
	assert_int_equal(next(w).time_us, 1);
	assert_int_equal(readfile_counts(w->file)->misdated, 2);
	assert_end(w);
}

static void a_packet_over_the_snap_length_of_the_header_is_whole(void **state)
{
	struct world *w = *state;
	struct packet pkt;

	put_header(w, 0xa1b2c3d4, 96, 1);
	put_record(w, 1, 0, 200);
	assert_int_equal(open_file(w, NULL), 0);
	pkt = next(w);
	assert_int_equal(pkt.caplen, 200);
	assert_int_equal(pkt.wirelen, 200);
	assert_int_equal(pkt.data[199], 'x');
	assert_int_equal(readfile_counts(w->file)->cut, 0);
}

/* LINKTYPE_s that this libpcap reads but would not write. */
static void a_link_type_that_libpcap_cannot_write_is_kept(void **state)
{
	static const uint16_t types[] = {14, 295};

	for (size_t i = 0; i < 2; i++) {
		struct world *w = *state;

		w->n = 0;
		put_header(w, 0xa1b2c3d4, 65535, types[i]);
		put_record(w, 1, 0, 60);
		assert_int_equal(open_file(w, NULL), 0);
		assert_int_equal(next(w).linktype, types[i]);
		readfile_free(w->file);
		w->file = NULL;
	}
}

static void raw_ip_has_the_number_of_a_savefile(void **state)
{
	struct world *w = *state;

	put_header(w, 0xa1b2c3d4, 65535, 101);
	put_record(w, 1, 0, 60);
	assert_int_equal(open_file(w, NULL), 0);
	assert_int_equal(next(w).linktype, 101);
}

static void what_is_compressed_is_named_with_what_unpacks_it(void **state)
{
	static const struct {
		const char *head, *command;
	} cases[] = {
		{"\x1f\x8b\x08", "zcat"},
		{"\x28\xb5\x2f\xfd", "zstdcat"},
		{"\x04\x22\x4d\x18", "lz4cat"},
		{"BZh9", "bzcat"},
	};
	struct world *w = *state;
	char want[128];

	for (size_t i = 0; i < 4; i++) {
		w->n = strlen(cases[i].head);
		memcpy(w->bytes, cases[i].head, w->n);
		assert_true(open_file(w, NULL) < 0);
		snprintf(want, sizeof(want), "%s %s | pycapa -p -r -", cases[i].command, w->path);
		assert_says(w, want);
		readfile_free(w->file);
		w->file = NULL;
	}
}

static void what_is_no_capture_is_told(void **state)
{
	struct world *w = *state;

	w->n = 40;
	memset(w->bytes, 'B', w->n);
	assert_true(open_file(w, NULL) < 0);
	assert_says(w, "unknown file format");
}

static void an_empty_file_is_told(void **state)
{
	struct world *w = *state;

	assert_true(open_file(w, NULL) < 0);
	assert_says(w, "truncated dump file");
}

static void a_file_that_is_missing_is_told(void **state)
{
	struct world *w = *state;

	unlink(w->path);
	assert_int_equal(readfile_new(&w->file, w->path, NULL), 0);
	assert_true(readfile_open(w->file, w->why, sizeof(w->why)) < 0);
	assert_says(w, "No such file or directory");
}

static void a_filter_of_another_link_type_is_told(void **state)
{
	struct world *w = *state;

	put_header(w, 0xa1b2c3d4, 65535, 1);
	assert_true(open_file(w, "type mgt") < 0);
	assert_says(w, "filter 'type mgt': ");
}

static void the_place_where_a_file_is_cut_off_is_told(void **state)
{
	struct world *w = *state;
	struct packet pkt;

	put_header(w, 0xa1b2c3d4, 65535, 1);
	put_record(w, 1, 0, 60);
	put_record(w, 2, 0, 60);
	w->n -= 10;
	assert_int_equal(open_file(w, NULL), 0);
	assert_int_equal(next(w).caplen, 60);
	assert_true(readfile_next(w->file, &pkt, w->why, sizeof(w->why)) < 0);
	assert_says(w, ": after 1 packet(s): truncated dump file");
}

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int fd;

	if (!w)
		return -1;
	strcpy(w->path, "/tmp/test-readfile-XXXXXX");
	fd = mkstemp(w->path);
	*state = w;
	return fd < 0 ? -1 : close(fd);
}

static int close_world(void **state)
{
	struct world *w = *state;

	readfile_free(w->file);
	unlink(w->path);
	free(w);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nanoseconds_are_kept_in_either_byte_order),
		CASE(seconds_of_a_pcap_file_are_unsigned),
		CASE(a_time_before_1970_is_made_1970_and_counted),
		CASE(a_packet_over_the_snap_length_of_the_header_is_whole),
		CASE(a_link_type_that_libpcap_cannot_write_is_kept),
		CASE(raw_ip_has_the_number_of_a_savefile),
		CASE(what_is_compressed_is_named_with_what_unpacks_it),
		CASE(what_is_no_capture_is_told),
		CASE(an_empty_file_is_told),
		CASE(a_file_that_is_missing_is_told),
		CASE(a_filter_of_another_link_type_is_told),
		CASE(the_place_where_a_file_is_cut_off_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

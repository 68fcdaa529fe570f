/* SPDX-License-Identifier: Apache-2.0 */
/* Savefiles written by hand, read back: nothing is changed without being counted. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/readfile.h"
#include "file_bytes.h"
#include "version.h"

#if PYCAPA_ZLIB
#include <zlib.h>
#endif
#if PYCAPA_ZSTD
#include <zstd.h>
#endif
#if PYCAPA_LZ4
#include <lz4frame.h>
#endif

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A file in the making, and the reader of it. */
struct world {
	char path[64];
	struct file_bytes f;
	struct readfile *file;
	char why[512];
};

static int open_file(struct world *w, const char *filter)
{
	FILE *f = fopen(w->path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(w->f.bytes, 1, w->f.n, f), w->f.n);
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

/* Cut off, or damaged. */
static void assert_cut(struct world *w)
{
	struct packet pkt;

	assert_true(readfile_next(w->file, &pkt, w->why, sizeof(w->why)) < 0);
}

static void assert_position(const struct world *w, uint64_t read, uint64_t size)
{
	uint64_t is_read, is_size;

	readfile_position(w->file, &is_read, &is_size);
	assert_int_equal(is_read, read);
	assert_int_equal(is_size, size);
}

static void a_time_before_1970_is_made_1970_and_counted(void **state)
{
	struct world *w = *state;

	put_section(&w->f);
	put_interface(&w->f, 1, 0, 6, -7200);
	put_packet(&w->f, 0, 3600000000, 4, 4);
	put_packet(&w->f, 0, (uint64_t)-1000, 4, 4); /* wrapped around */
	put_packet(&w->f, 0, 7200000001, 4, 4);
	assert_int_equal(open_file(w, NULL), 0);
	assert_int_equal(next(w).time_us, 0);
	assert_int_equal(next(w).time_us, 0);
	assert_int_equal(next(w).time_us, 1);
	assert_int_equal(readfile_counts(w->file)->misdated, 2);
	assert_int_equal(readfile_counts(w->file)->undated, 0);
	assert_end(w);
	assert_position(w, w->f.n, w->f.n);
}

static void a_time_too_far_in_the_future_is_made_1970_and_counted(void **state)
{
	struct world *w = *state;

	put_section(&w->f);
	put_interface(&w->f, 1, 0, 6, 0);
	put_packet(&w->f, 0, INT64_MAX, 4, 4);
	put_packet(&w->f, 0, 9223372036853999999, 4, 4);
	assert_int_equal(open_file(w, NULL), 0);
	assert_int_equal(next(w).time_us, 0);
	assert_int_equal(next(w).time_us, 9223372036853999999);
	assert_int_equal(readfile_counts(w->file)->beyond, 1);
	assert_int_equal(readfile_counts(w->file)->misdated, 0);
	assert_end(w);
}

static void a_packet_without_a_time_is_made_1970_and_counted(void **state)
{
	struct world *w = *state;

	put_section(&w->f);
	put_interface(&w->f, 1, 0, 0, 0);
	begin_block(&w->f, 3);
	put32(&w->f, 4);
	put_fill(&w->f, 'x', 4);
	end_block(&w->f);
	assert_int_equal(open_file(w, NULL), 0);
	assert_int_equal(next(w).time_us, 0);
	assert_int_equal(readfile_counts(w->file)->undated, 1);
	assert_int_equal(readfile_counts(w->file)->misdated, 0);
}

static void a_packet_over_the_snap_length_of_the_header_is_whole(void **state)
{
	struct world *w = *state;
	struct packet pkt;

	put_pcap(&w->f, 0xa1b2c3d4, 1);
	w->f.bytes[16] = 96;
	w->f.bytes[17] = 0;
	put_record(&w->f, 1, 0, 200);
	assert_int_equal(open_file(w, NULL), 0);
	pkt = next(w);
	assert_int_equal(pkt.caplen, 200);
	assert_int_equal(pkt.wirelen, 200);
	assert_int_equal(pkt.data[199], 'x');
	assert_int_equal(readfile_counts(w->file)->cut, 0);
}

static void a_packet_too_long_for_a_record_is_cut_and_counted(void **state)
{
	struct world *w = *state;

	put_pcap(&w->f, 0xa1b2c3d4, 231);
	put_record(&w->f, 1, 0, 300000);
	put_record(&w->f, 2, 0, 60);
	assert_int_equal(open_file(w, NULL), 0);
	assert_int_equal(next(w).caplen, 262144);
	assert_int_equal(next(w).time_us, 2000000);
	assert_int_equal(readfile_counts(w->file)->cut, 1);
	assert_end(w);
}

/* Longer than what is read at a time, and than what is ever kept. */
static void what_is_of_no_use_is_passed_over_however_long(void **state)
{
	struct world *w = *state;
	FILE *f = fopen(w->path, "wb");
	size_t head;

	assert_non_null(f);
	put_section(&w->f);
	put_interface(&w->f, 1, 0, 0, 0);
	put32(&w->f, 0xbad);
	put32(&w->f, 8 * 1024 * 1024);
	head = w->f.n;
	assert_int_equal(fwrite(w->f.bytes, 1, w->f.n, f), w->f.n);
	assert_int_equal(fseek(f, 8 * 1024 * 1024 - 8, SEEK_CUR), 0); /* a hole */
	w->f.n = 0;
	put_packet(&w->f, 0, 7, 5, 5);
	assert_int_equal(fwrite(w->f.bytes, 1, w->f.n, f), w->f.n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(readfile_new(&w->file, w->path, NULL), 0);
	assert_int_equal(readfile_open(w->file, w->why, sizeof(w->why)), 0);
	assert_int_equal(next(w).time_us, 7);
	assert_end(w);
	readfile_free(w->file);
	assert_int_equal(truncate(w->path, (off_t)head + 4000000), 0);
	assert_int_equal(readfile_new(&w->file, w->path, NULL), 0);
	assert_int_equal(readfile_open(w->file, w->why, sizeof(w->why)), 0);
	assert_cut(w);
	assert_says(w, "after 0 packet(s): truncated dump file");
}

/* ---- a pipe ---- */

static void *feed(void *arg)
{
	struct world *w = arg;
	FILE *f = fopen(w->path, "wb");

	if (!f)
		abort();
	setvbuf(f, NULL, _IONBF, 0);
	for (size_t i = 0; i < w->f.n; i++)
		if (fwrite(w->f.bytes + i, 1, 1, f) != 1)
			abort();
	fclose(f);
	return NULL;
}

static void a_fifo_may_bring_it_byte_by_byte(void **state)
{
	struct world *w = *state;
	pthread_t thread;

	put_section(&w->f);
	put_interface(&w->f, 1, 0, 0, 0);
	for (uint64_t i = 0; i < 20; i++)
		put_packet(&w->f, 0, i, 60, 60);
	assert_int_equal(unlink(w->path), 0);
	assert_int_equal(mkfifo(w->path, 0600), 0);
	assert_int_equal(pthread_create(&thread, NULL, feed, w), 0);
	assert_int_equal(readfile_new(&w->file, w->path, NULL), 0);
	assert_int_equal(readfile_open(w->file, w->why, sizeof(w->why)), 0);
	for (uint64_t i = 0; i < 20; i++)
		assert_int_equal(next(w).time_us, i);
	assert_end(w);
	assert_position(w, w->f.n, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* ---- compressed ---- */

static size_t pack_gzip(const uint8_t *p, size_t n, uint8_t *out, size_t size)
{
#if PYCAPA_ZLIB
	z_stream z = {.next_in = (uint8_t *)p,
		      .avail_in = (uInt)n,
		      .next_out = out,
		      .avail_out = (uInt)size};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(deflateEnd(&z), Z_OK);
	return size - z.avail_out;
#else
	return 0;
#endif
}

static size_t pack_zstd(const uint8_t *p, size_t n, uint8_t *out, size_t size)
{
#if PYCAPA_ZSTD
	ZSTD_CCtx *z = ZSTD_createCCtx();
	size_t r;

	ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
	r = ZSTD_compress2(z, out, size, p, n);
	ZSTD_freeCCtx(z);
	assert_false(ZSTD_isError(r));
	return r;
#else
	return 0;
#endif
}

static size_t pack_lz4(const uint8_t *p, size_t n, uint8_t *out, size_t size)
{
#if PYCAPA_LZ4
	const LZ4F_preferences_t with_checksum = {.frameInfo.contentChecksumFlag =
							  LZ4F_contentChecksumEnabled};
	size_t r = LZ4F_compressFrame(out, size, p, n, &with_checksum);

	assert_false(LZ4F_isError(r));
	return r;
#else
	return 0;
#endif
}

static const struct packer {
	const char *name;
	size_t (*pack)(const uint8_t *p, size_t n, uint8_t *out, size_t size);
} PACKERS[] = {{"gzip", pack_gzip}, {"zstd", pack_zstd}, {"lz4", pack_lz4}};

#define PACKETS 500

/* The numbers in the packets do not compress well, so that all buffers are filled more than once.
 */
static void put_many(struct world *w)
{
	w->f.n = 0;
	put_pcap(&w->f, 0xa1b2c3d4, 1);
	for (uint32_t i = 0; i < PACKETS; i++) {
		put_record_head(&w->f, i, 0, 400, 400);
		for (uint32_t n = 0; n < 100; n++)
			put32(&w->f, (i * 100 + n) * 2654435761);
	}
}

/* The file in two pieces, each packed, one behind the other. 0: not with this build. */
static size_t pack(struct world *w, const struct packer *packer)
{
	size_t room = sizeof(w->f.bytes), half = w->f.n / 2, first, second;
	uint8_t *packed = malloc(room);

	assert_non_null(packed);
	first = packer->pack(w->f.bytes, half, packed, room);
	second = packer->pack(w->f.bytes + half, w->f.n - half, packed + first, room - first);
	w->f.n = 0;
	put_bytes(&w->f, packed, first + second);
	free(packed);
	return first;
}

static void close_file(struct world *w)
{
	readfile_free(w->file);
	w->file = NULL;
}

/* About, in bytes, where a packet of them is. */
static uint64_t share(uint32_t n, uint64_t bytes, int percent_less)
{
	double at = (double)n / PACKETS - percent_less / 100.;

	return at > 0 ? (uint64_t)(at * (double)bytes) : 0;
}

static void compressed_files_are_read(void **state)
{
	struct world *w = *state;
	uint64_t place, size;

	for (size_t i = 0; i < COUNT(PACKERS); i++) {
		put_many(w);
		if (pack(w, &PACKERS[i]) == 0)
			continue;
		assert_int_equal(open_file(w, NULL), 0);
		for (uint32_t n = 0; n < PACKETS; n++) {
			struct packet pkt = next(w);
			uint32_t last = (n * 100 + 99) * 2654435761;

			assert_int_equal(pkt.time_us, n * 1000000ULL);
			assert_memory_equal(pkt.data + 396, &last, 4);
			readfile_position(w->file, &place, &size);
			assert_in_range(place, share(n, w->f.n, 2), share(n + 2, w->f.n, -2));
		}
		assert_end(w);
		assert_end(w);
		assert_position(w, w->f.n, w->f.n);
		close_file(w);
	}
}

static int count_packets(struct world *w)
{
	struct packet pkt;
	int n = 0;

	while (readfile_next(w->file, &pkt, w->why, sizeof(w->why)) == 1)
		n++;
	return n;
}

static void a_compressed_file_that_is_cut_off_gives_what_is_whole(void **state)
{
	struct world *w = *state;
	char want[64];
	int n;

	for (size_t i = 0; i < COUNT(PACKERS); i++) {
		put_many(w);
		if (pack(w, &PACKERS[i]) == 0)
			continue;
		w->f.n -= 5;
		assert_int_equal(open_file(w, NULL), 0);
		n = count_packets(w);
		assert_in_range(n, PACKETS / 2 - 1, PACKETS);
		snprintf(want, sizeof(want), ": after %d packet(s): truncated dump file: its %s ",
			 n, PACKERS[i].name);
		assert_says(w, want);
		assert_says(w, ", unpacked)");
		close_file(w);
	}
}

/* The end of a member is no end of the file: here the file within is not whole. */
static void a_compressed_file_may_be_cut_off_inside(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(PACKERS); i++) {
		put_many(w);
		w->f.n -= 10;
		if (pack(w, &PACKERS[i]) == 0)
			continue;
		assert_int_equal(open_file(w, NULL), 0);
		assert_int_equal(count_packets(w), PACKETS - 1);
		assert_says(w, ": after 499 packet(s): truncated dump file: its last part");
		close_file(w);
	}
}

static void damaged_compressed_data_are_told(void **state)
{
	struct world *w = *state;
	char want[64];

	for (size_t i = 0; i < COUNT(PACKERS); i++) {
		put_many(w);
		if (pack(w, &PACKERS[i]) == 0)
			continue;
		w->f.bytes[w->f.n - 1] ^= 0xff; /* of a checksum */
		assert_int_equal(open_file(w, NULL), 0);
		assert_in_range(count_packets(w), 1, PACKETS);
		snprintf(want, sizeof(want), "its %s data cannot be unpacked: ", PACKERS[i].name);
		assert_says(w, want);
		close_file(w);
	}
}

static void what_follows_compressed_data_is_told_unless_it_is_padding(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(PACKERS); i++) {
		put_many(w);
		if (pack(w, &PACKERS[i]) == 0)
			continue;
		put_fill(&w->f, 'x', 40);
		assert_int_equal(open_file(w, NULL), 0);
		assert_int_equal(count_packets(w), PACKETS);
		assert_says(w, "data cannot be unpacked: ");
		close_file(w);
	}
#if PYCAPA_ZLIB
	w->why[0] = '\0';
	put_many(w);
	pack(w, &PACKERS[0]);
	put_fill(&w->f, '\0', 1000);
	assert_int_equal(open_file(w, NULL), 0);
	assert_int_equal(count_packets(w), PACKETS);
	assert_string_equal(w->why, "");
#endif
}

static void what_is_compressed_is_named_with_what_unpacks_it(void **state)
{
	static const struct {
		const char *head, *command;
	} cases[] = {
		{"\x1f\x9d\x90", "zcat"},
		{"\x02\x21\x4c\x18", "lz4cat"},
		{"BZh9", "bzcat"},
		{"PK\3\4", "unzip -p"},
#if !PYCAPA_ZLIB
		{"\x1f\x8b\x08", "zcat"},
#endif
#if !PYCAPA_ZSTD
		{"\x28\xb5\x2f\xfd", "zstdcat --long=31"},
#endif
#if !PYCAPA_LZ4
		{"\x04\x22\x4d\x18", "lz4cat"},
#endif
	};
	struct world *w = *state;
	char want[128];

	for (size_t i = 0; i < COUNT(cases); i++) {
		w->f.n = 0;
		put_bytes(&w->f, cases[i].head, strlen(cases[i].head));
		assert_true(open_file(w, NULL) < 0);
		snprintf(want, sizeof(want), "%s %s | pycapa -p -r -", cases[i].command, w->path);
		assert_says(w, want);
		close_file(w);
	}
}

/* ---- what is no capture, or damaged ---- */

static void what_is_no_capture_is_told(void **state)
{
	struct world *w = *state;

	put_fill(&w->f, 'B', 40);
	assert_true(open_file(w, NULL) < 0);
	assert_says(w, ": unknown file format");
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

static void the_place_where_a_file_is_cut_off_is_told(void **state)
{
	struct world *w = *state;

	put_pcap(&w->f, 0xa1b2c3d4, 1);
	put_record(&w->f, 1, 0, 60);
	put_record(&w->f, 2, 0, 60);
	w->f.n -= 10;
	assert_int_equal(open_file(w, NULL), 0);
	assert_int_equal(next(w).caplen, 60);
	assert_cut(w);
	assert_says(w, ": after 1 packet(s): truncated dump file: its last part is not whole "
		       "(at byte 100); those before it are sent");
}

static void the_place_of_damage_is_told(void **state)
{
	struct world *w = *state;

	put_section(&w->f);
	put_interface(&w->f, 1, 0, 0, 0);
	put_packet(&w->f, 0, 1, 60, 60);
	put_packet(&w->f, 7, 1, 60, 60);
	assert_int_equal(open_file(w, NULL), 0);
	assert_int_equal(next(w).caplen, 60);
	assert_cut(w);
	assert_says(w, ": after 1 packet(s): a packet of interface 7, of which there are 1 here "
		       "(at byte 152); those before it are sent");
}

static void a_file_that_ends_before_its_packets_begin_is_told(void **state)
{
	struct world *w = *state;

	put_pcap(&w->f, 0xa1b2c3d4, 1);
	w->f.n = 20;
	assert_true(open_file(w, NULL) < 0);
	assert_says(w, ": truncated dump file: its last part is not whole");
}

/* ---- the filter ---- */

static void a_filter_of_another_link_type_is_told(void **state)
{
	struct world *w = *state;

	put_pcap(&w->f, 0xa1b2c3d4, 1);
	assert_true(open_file(w, "type mgt") < 0);
	assert_says(w, "filter 'type mgt': ");
	close_file(w);
	w->f.n = 0;
	put_section(&w->f);
	put_interface(&w->f, 1, 0, 0, 0);
	put_interface(&w->f, 101, 0, 0, 0);
	put_packet(&w->f, 1, 1, 60, 60);
	assert_true(open_file(w, "type mgt") < 0);
	assert_says(w, "filter 'type mgt': ");
}

static void a_filter_applies_to_each_link_type(void **state)
{
	struct world *w = *state;
	char unfit[READFILE_UNFIT_SIZE];

	put_section(&w->f);
	put_interface(&w->f, 1, 0, 0, 0);
	put_interface(&w->f, 105, 0, 0, 0); /* 802.11 */
	put_packet(&w->f, 0, 1, 60, 60);
	put_packet(&w->f, 1, 2, 60, 60);
	put_packet(&w->f, 1, 3, 60, 60);
	w->f.bytes[w->f.block + 28] = '\0'; /* a frame of management */
	put_section(&w->f);
	put_interface(&w->f, 101, 0, 0, 0);
	put_packet(&w->f, 0, 4, 60, 60);
	put_interface(&w->f, 105, 0, 0, 0);
	put_packet(&w->f, 1, 5, 60, 60);
	assert_int_equal(open_file(w, "type data"), 0);
	assert_int_equal(next(w).time_us, 2);
	assert_int_equal(next(w).time_us, 5);
	assert_end(w);
	assert_int_equal(readfile_counts(w->file)->packets, 5);
	assert_true(readfile_say_unfit(w->file, unfit, sizeof(unfit)));
	assert_non_null(strstr(unfit, ": 2 packet(s) left out that the filter 'type data' does "
				      "not compile for: 1 of link type 1 (EN10MB) ("));
	assert_non_null(strstr(unfit, ", 1 of link type 101 (RAW) ("));
}

static void what_was_lost_before_a_packet_that_is_left_out_is_told_by_the_next(void **state)
{
	static const uint32_t lost[] = {3, 0, 4, 0}, caplens[] = {60, 70, 60, 70};
	struct world *w = *state;

	put_section(&w->f);
	put_interface(&w->f, 1, 0, 0, 0);
	for (size_t i = 0; i < COUNT(lost); i++) {
		begin_block(&w->f, 2);
		put16(&w->f, 0);
		put16(&w->f, (uint16_t)lost[i]);
		put64(&w->f, 0);
		put32(&w->f, caplens[i]);
		put32(&w->f, caplens[i]);
		put_fill(&w->f, 'x', caplens[i]);
		end_block(&w->f);
	}
	assert_int_equal(open_file(w, "greater 65"), 0);
	assert_int_equal(next(w).dropcount, 3);
	assert_int_equal(next(w).dropcount, 4);
	assert_end(w);
}

static void put_telling(struct file_bytes *f, uint32_t interface, uint32_t caplen, uint64_t lost)
{
	begin_block(f, 6);
	put32(f, interface);
	put64(f, 0);
	put32(f, caplen);
	put32(f, caplen);
	put_fill(f, 'x', caplen);
	put16(f, 4);
	put16(f, 8);
	put64(f, lost);
	put32(f, 0);
	end_block(f);
}

static void what_an_interface_lost_no_other_tells(void **state)
{
	struct world *w = *state;

	put_section(&w->f);
	put_interface(&w->f, 1, 0, 0, 0);
	put_interface(&w->f, 1, 0, 0, 0);
	put_telling(&w->f, 0, 60, 3);
	put_telling(&w->f, 1, 60, 4);
	put_telling(&w->f, 1, 72, 5);
	put_telling(&w->f, 0, 72, 0);
	put_telling(&w->f, 1, 60, 6);
	put_section(&w->f);
	put_interface(&w->f, 1, 0, 0, 0);
	put_telling(&w->f, 0, 72, 1);
	put_telling(&w->f, 0, 60, 7);
	assert_int_equal(open_file(w, "greater 65"), 0);
	assert_int_equal(next(w).dropcount, 9);
	assert_int_equal(next(w).dropcount, 3);
	assert_int_equal(readfile_counts(w->file)->untold, 0);
	assert_int_equal(next(w).dropcount, 1);
	assert_end(w);
	assert_int_equal(readfile_counts(w->file)->untold, 13);
}

static void without_unfit_packets_nothing_is_said_of_them(void **state)
{
	struct world *w = *state;
	char unfit[READFILE_UNFIT_SIZE];

	put_pcap(&w->f, 0xa1b2c3d4, 1);
	put_record(&w->f, 1, 0, 60);
	put_record(&w->f, 2, 0, 70);
	assert_int_equal(open_file(w, "greater 65"), 0);
	assert_int_equal(next(w).time_us, 2000000);
	assert_end(w);
	assert_false(readfile_say_unfit(w->file, unfit, sizeof(unfit)));
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
		CASE(a_time_before_1970_is_made_1970_and_counted),
		CASE(a_time_too_far_in_the_future_is_made_1970_and_counted),
		CASE(a_packet_without_a_time_is_made_1970_and_counted),
		CASE(a_packet_over_the_snap_length_of_the_header_is_whole),
		CASE(a_packet_too_long_for_a_record_is_cut_and_counted),
		CASE(what_is_of_no_use_is_passed_over_however_long),
		CASE(a_fifo_may_bring_it_byte_by_byte),
		CASE(compressed_files_are_read),
		CASE(a_compressed_file_that_is_cut_off_gives_what_is_whole),
		CASE(a_compressed_file_may_be_cut_off_inside),
		CASE(damaged_compressed_data_are_told),
		CASE(what_follows_compressed_data_is_told_unless_it_is_padding),
		CASE(what_is_compressed_is_named_with_what_unpacks_it),
		CASE(what_is_no_capture_is_told),
		CASE(an_empty_file_is_told),
		CASE(a_file_that_is_missing_is_told),
		CASE(the_place_where_a_file_is_cut_off_is_told),
		CASE(the_place_of_damage_is_told),
		CASE(a_file_that_ends_before_its_packets_begin_is_told),
		CASE(a_filter_of_another_link_type_is_told),
		CASE(a_filter_applies_to_each_link_type),
		CASE(what_was_lost_before_a_packet_that_is_left_out_is_told_by_the_next),
		CASE(what_an_interface_lost_no_other_tells),
		CASE(without_unfit_packets_nothing_is_said_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

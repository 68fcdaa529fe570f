/* SPDX-License-Identifier: Apache-2.0 */
/* Capture files written by hand, byte for byte: what is found in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "file_bytes.h"
#include "packet/pcapng.h"
#include "packet/pcapng_decoder.h"
#include "packet/pseudo_header.h"
#include "packet/savefile.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct world {
	struct file_bytes f;
	struct savefile *s;
	size_t at;
	bool at_once; /* all that is left of the file is there; else no more than is asked for */
	struct decoder_item item;
};

static enum decoder_found look(struct world *w)
{
	size_t left = w->f.n - w->at, len = w->at_once ? left : 0;
	enum decoder_found found;
	uint8_t *here;

	do {
		here = malloc(len); /* so that a sanitizer sees what is read beyond it */
		assert_true(here || !len);
		memcpy(here, w->f.bytes + w->at, len);
		found = savefile_next(w->s, here, len, w->at_once, &w->item);
		memcpy(w->f.bytes + w->at, here, len);
		if (found == DECODER_PACKET)
			w->item.pkt.data = w->f.bytes + w->at + (w->item.pkt.data - here);
		free(here);
		if (found != DECODER_SHORT)
			break;
		assert_true(w->item.need > len && w->item.need <= DECODER_NEED_MAX);
		len = w->item.need;
	} while (len <= left);
	if (found != DECODER_SHORT && found != DECODER_BAD)
		w->at += w->item.used;
	return found;
}

/* The next but for what is passed over. */
static enum decoder_found next(struct world *w)
{
	enum decoder_found found;

	do
		found = look(w);
	while (found == DECODER_PASSED || found == DECODER_INTERFACE);
	return found;
}

static void assert_packet(struct world *w, uint16_t linktype, uint64_t time_us, uint16_t nanos,
			  uint32_t caplen, uint32_t wirelen)
{
	enum decoder_found found = next(w);

	if (found != DECODER_PACKET)
		fail_msg("no packet but %d: %s", found, w->item.why);
	assert_int_equal(w->item.pkt.linktype, linktype);
	assert_int_equal(w->item.pkt.time_us, time_us);
	assert_int_equal(w->item.pkt.nanos, nanos);
	assert_int_equal(w->item.pkt.caplen, caplen);
	assert_int_equal(w->item.pkt.wirelen, wirelen);
	for (uint32_t i = 0; i < caplen; i++)
		assert_int_equal(w->item.pkt.data[i], 'x');
}

static void assert_end(struct world *w)
{
	assert_int_equal(next(w), DECODER_SHORT);
	assert_int_equal(w->at, w->f.n);
}

static void assert_bad(struct world *w, const char *text)
{
	assert_int_equal(next(w), DECODER_BAD);
	if (!strstr(w->item.why, text))
		fail_msg("'%s' is not in '%s'", text, w->item.why);
}

static void again(struct world *w, bool swapped)
{
	savefile_free(w->s);
	assert_int_equal(savefile_new(&w->s), 0);
	w->f.n = w->at = 0;
	w->f.swapped = swapped;
}

/* ---- pcap ---- */

static void every_magic_number_of_pcap_is_read(void **state)
{
	static const struct {
		uint32_t magic;
		bool nano;
		size_t more_in_header, more_in_record;
	} cases[] = {
		{0xa1b2c3d4, false, 0, 0}, {0xa1b23c4d, true, 0, 0}, {0xa12b3c4d, true, 0, 0},
		{0xa1b2cd34, false, 0, 8}, {0x1c0001ac, true, 4, 0}, {0x1c0001ab, false, 4, 0},
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		for (int order = 0; order < 2; order++) {
			again(w, order);
			put_pcap(&w->f, cases[i].magic, 1);
			put_fill(&w->f, '\0', cases[i].more_in_header);
			for (uint32_t sec = 1; sec < 4; sec++) {
				put_record_head(&w->f, sec, 123456, 61, 1500);
				put_fill(&w->f, '\0', cases[i].more_in_record);
				put_fill(&w->f, 'x', 61);
			}
			for (uint32_t sec = 1; sec < 4; sec++)
				assert_packet(w, 1, sec * 1000000 + (cases[i].nano ? 123 : 123456),
					      cases[i].nano ? 456 : 0, 61, 1500);
			assert_end(w);
		}
	}
}

/* What Linux's variants have behind the header of a packet. */
static void put_linux(struct file_bytes *f, size_t padding)
{
	put32(f, 3);
	put16(f, 0x800);
	put_fill(f, '\4', 1);
	put_fill(f, '\7', padding);
}

static void variants_of_a_magic_number_are_told_apart(void **state)
{
	struct world *w = *state;

	w->at_once = true;
	for (int order = 0; order < 2; order++) { /* Red Hat 6 */
		again(w, order);
		put_pcap(&w->f, 0xa1b2c3d4, 1);
		for (uint32_t sec = 1; sec < 4; sec++) {
			put_record_head(&w->f, sec, 999999, 61, 61);
			put_linux(&w->f, 1);
			put_fill(&w->f, 'x', 61);
		}
		for (uint64_t sec = 1; sec < 4; sec++)
			assert_packet(w, 1, sec * 1000000 + 999999, 0, 61, 61);
		assert_end(w);
	}
	for (int order = 0; order < 2; order++) { /* SuSE 6.3 */
		again(w, order);
		put_pcap(&w->f, 0xa1b2cd34, 1);
		for (uint32_t sec = 1; sec < 4; sec++) {
			put_record_head(&w->f, sec, 0, 62, 62);
			put_linux(&w->f, 5);
			put_fill(&w->f, 'x', 62);
		}
		for (uint64_t sec = 1; sec < 4; sec++)
			assert_packet(w, 1, sec * 1000000, 0, 62, 62);
		assert_end(w);
	}
	for (int order = 0; order < 2; order++) { /* Nokia */
		again(w, order);
		put_pcap(&w->f, 0xa1b2c3d4, 1);
		for (uint32_t sec = 1; sec < 4; sec++) {
			put_record_head(&w->f, sec, 0, 63, 63);
			put32(&w->f, 0x9fbfb601);
			put_fill(&w->f, 'x', 63);
		}
		for (uint64_t sec = 1; sec < 4; sec++)
			assert_packet(w, 1, sec * 1000000, 0, 63, 63);
		assert_end(w);
	}
}

/* What is left over behind one packet tells too, if it is known that nothing follows. */
static void a_variant_of_a_single_packet_is_told(void **state)
{
	struct world *w = *state;

	for (int all = 0; all < 2; all++) {
		again(w, false);
		w->at_once = all;
		put_pcap(&w->f, 0xa1b2c3d4, 1);
		put_record_head(&w->f, 1, 0, 61, 61);
		put_linux(&w->f, 1);
		put_fill(&w->f, 'x', 61);
		assert_int_equal(next(w), DECODER_PACKET);
		assert_int_equal(w->item.pkt.data[0], all ? 'x' : 3);
		assert_int_equal(next(w), DECODER_SHORT);
		assert_int_equal(w->at, all ? w->f.n : w->f.n - 8);
	}
}

/* As of a tcpdump that is killed. Ethernet's addresses there are zeros, which Wireshark has where
 * Red Hat and Nokia have more than others. */
static void a_capture_of_the_loopback_that_is_cut_off_is_the_usual_one(void **state)
{
	static const uint32_t caplens[] = {42, 300, 300, 0};
	struct world *w = *state;

	w->at_once = true;
	for (size_t cut = 24 + 16 + 42; cut < 24 + 3 * 16 + 42 + 300 + 300; cut++) {
		again(w, false);
		put_pcap(&w->f, 0xa1b2c3d4, 1);
		for (uint32_t i = 0; i < 3; i++) {
			put_record_head(&w->f, 1795428900 + i, 999999, caplens[i], caplens[i]);
			put_fill(&w->f, '\0', caplens[i]);
		}
		w->f.n = cut;
		for (size_t i = 0, end = 24 + 16 + 42; end <= cut; i++, end += 16 + caplens[i]) {
			assert_int_equal(next(w), DECODER_PACKET);
			assert_int_equal(w->item.pkt.caplen, caplens[i]);
			assert_int_equal(w->at, end);
		}
		assert_int_equal(next(w), DECODER_SHORT);
	}
}

static void what_looks_odd_in_every_variant_is_the_usual_one(void **state)
{
	struct world *w = *state;

	put_pcap(&w->f, 0xa1b2c3d4, 1);
	put_record_head(&w->f, 5, 2000001, 10, 4);
	put_fill(&w->f, 'x', 10);
	assert_packet(w, 1, 7000001, 0, 10, 4);
	assert_end(w);
}

static void aix_has_numbers_and_times_of_its_own(void **state)
{
	static const struct {
		uint32_t number, linktype, padding;
	} cases[] = {{6, 1, 0}, {9, 6, 0}, {15, 10, 3}, {24, 0, 0}};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		again(w, true);
		put_pcap_version(&w->f, 0xa1b2c3d4, 2, 2, cases[i].number);
		/* As in all files of that time: first the length on the wire. */
		put_record_head(&w->f, 1, 5007, 100 + cases[i].padding, 60 + cases[i].padding);
		put_fill(&w->f, '\0', cases[i].padding);
		put_fill(&w->f, 'x', 60);
		assert_packet(w, (uint16_t)cases[i].linktype, 1000005, 7, 60, 100);
		assert_end(w);
	}
}

static void lengths_of_old_versions_are_the_other_way_round(void **state)
{
	static const uint16_t versions[][2] = {{2, 2}, {2, 3}, {543, 0}};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(versions); i++) {
		again(w, false);
		put_pcap_version(&w->f, 0xa1b2c3d4, versions[i][0], versions[i][1], 1);
		put_record_head(&w->f, 1, 0, 1500, 60);
		put_fill(&w->f, 'x', 60);
		assert_packet(w, 1, 1000000, 0, 60, 1500);
		assert_end(w);
	}
}

static void a_checksum_in_the_link_type_is_no_part_of_it(void **state)
{
	struct world *w = *state;

	put_pcap(&w->f, 0xa1b2c3d4, 0x24000001);
	put_record(&w->f, 1, 0, 60);
	assert_packet(w, 1, 1000000, 0, 60, 60);
}

static void a_number_of_bsd_is_a_link_type(void **state)
{
	static const uint16_t numbers[][2] = {{11, 100}, {12, 101}, {15, 102}, {16, 103},
					      {19, 106}, {14, 14},  {295, 295}};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(numbers); i++) {
		again(w, false);
		put_pcap(&w->f, 0xa1b2c3d4, numbers[i][0]);
		put_record(&w->f, 1, 0, 60);
		assert_packet(w, numbers[i][1], 1000000, 0, 60, 60);
		again(w, true);
		put_section(&w->f);
		put_interface(&w->f, numbers[i][0], 0, 0, 0);
		put_packet(&w->f, 0, 1, 60, 60);
		assert_packet(w, numbers[i][1], 1, 0, 60, 60);
	}
}

static void damage_in_pcap_is_told(void **state)
{
	struct world *w = *state;

	put_pcap_version(&w->f, 0xa1b2c3d4, 1, 9, 1);
	assert_bad(w, "version 1.9");
	again(w, false);
	put_pcap(&w->f, 0xa1b2c3d4, 0x02240001);
	assert_bad(w, "link type 0x02240001");
	again(w, false);
	put_pcap(&w->f, 0xa1b2c3d4, 1);
	put_record(&w->f, 1, 0, 60);
	put_record_head(&w->f, 1, 0, 262145, 262145);
	put_fill(&w->f, 'x', 262145);
	assert_packet(w, 1, 1000000, 0, 60, 60);
	assert_bad(w, "262145 bytes");
	again(w, false);
	put_fill(&w->f, 'B', 40);
	assert_bad(w, "unknown file format");
}

static void a_pcap_file_that_ends_early_wants_more(void **state)
{
	static const size_t ends[] = {0, 3, 4, 23, 25, 39, 40, 99};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(ends); i++) {
		again(w, false);
		put_pcap(&w->f, 0xa1b2c3d4, 1);
		put_record(&w->f, 1, 0, 60);
		w->f.n = ends[i];
		assert_int_equal(next(w), DECODER_SHORT);
		assert_true(ends[i] == 0 || w->at < ends[i]);
	}
}

/* libpcap and Wireshark take it for these link types. */
static void a_longer_packet_of_dbus_is_cut_and_the_rest_passed_over(void **state)
{
	struct world *w = *state;

	put_pcap(&w->f, 0xa1b2c3d4, 231);
	put_record(&w->f, 1, 0, 300000);
	put_record(&w->f, 2, 0, 60);
	assert_packet(w, 231, 1000000, 0, 262144, 300000);
	assert_true(w->item.cut);
	assert_packet(w, 231, 2000000, 0, 60, 60);
	assert_false(w->item.cut);
	again(w, false);
	put_section(&w->f);
	put_interface(&w->f, 231, 0, 0, 0);
	put_packet(&w->f, 0, 1, 300000, 300000);
	put_packet(&w->f, 0, 2, 60, 60);
	assert_packet(w, 231, 1, 0, 262144, 300000);
	assert_true(w->item.cut);
	assert_packet(w, 231, 2, 0, 60, 60);
	assert_end(w);
}

/* ---- pcapng ---- */

static void sections_and_interfaces_may_differ(void **state)
{
	struct world *w = *state;

	put_section(&w->f);
	put_interface(&w->f, 1, 65535, 0, 0);
	put_interface(&w->f, 101, 96, 9, 0);
	put_packet(&w->f, 1, 1700000000123456789, 60, 1500);
	put_packet(&w->f, 0, 1700000000123456, 61, 61);
	w->f.swapped = true;
	put_section(&w->f);
	put_interface(&w->f, 113, 64, 3, 3600);
	put_packet(&w->f, 0, 5007, 100, 200); /* over the snap length: whole */
	w->f.swapped = false;
	put_section(&w->f);
	put_interface(&w->f, 276, 0, 0x80 | 1, -1);
	put_packet(&w->f, 0, 11, 3, 3);
	assert_packet(w, 101, 1700000000123456, 789, 60, 1500);
	assert_packet(w, 1, 1700000000123456, 0, 61, 61);
	assert_packet(w, 113, 3605007000, 0, 100, 200);
	assert_packet(w, 276, 4500000, 0, 3, 3);
	assert_end(w);
}

static void times_of_every_resolution(void **state)
{
	static const struct {
		uint8_t resolution;
		uint64_t ticks, us;
		uint16_t nanos;
	} cases[] = {
		{0, 1700000000999999, 1700000000999999, 0},
		{0x80, 1700000000, 1700000000000000, 0},
		{1, 17000000009, 1700000000900000, 0},
		{9, 1700000000123456789, 1700000000123456, 789},
		{10, 17000000001234567899U, 1700000000123456, 789},
		{12, 1700000123456789999, 1700000123456, 789},
		{19, 17999999999999999999U, 1799999, 999},
		{0x80 | 10, 1700000000ULL << 10 | 1023, 1700000000999023, 437},
		{0x80 | 32, 1700000000ULL << 32 | 0x80000000, 1700000000500000, 0},
		{0x80 | 63, UINT64_MAX, 1999999, 999},
		{6, UINT64_MAX / 4, 4611686018427387903, 0},
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		for (int order = 0; order < 2; order++) {
			again(w, order);
			put_section(&w->f);
			put_interface(&w->f, 1, 0, cases[i].resolution, 0);
			put_packet(&w->f, 0, cases[i].ticks, 4, 4);
			assert_packet(w, 1, cases[i].us, cases[i].nanos, 4, 4);
		}
	}
}

static void a_time_that_a_packet_cannot_hold_is_1970(void **state)
{
	static const struct {
		uint8_t resolution;
		bool beyond;
		int64_t offset;
		uint64_t ticks;
	} cases[] = {
		{6, false, -2, 1999999},      {6, false, 0, (uint64_t)-1000}, /* wrapped around */
		{0x80, false, 0, UINT64_MAX}, {6, false, INT64_MIN, 0},
		{0x80, true, INT64_MAX, 1},   {0x80, true, 0, INT64_MAX},
		{6, true, 0, INT64_MAX},      {3, true, 0, INT64_MAX / 2},
		{6, true, 9223372036854, 0},  {9, true, INT64_MAX, UINT64_MAX},
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		again(w, false);
		put_section(&w->f);
		put_interface(&w->f, 1, 0, cases[i].resolution, cases[i].offset);
		put_packet(&w->f, 0, cases[i].ticks, 4, 4);
		assert_packet(w, 1, 0, 0, 4, 4);
		assert_int_equal(w->item.misdated, !cases[i].beyond);
		assert_int_equal(w->item.beyond, cases[i].beyond);
		assert_false(w->item.undated);
	}
}

static void simple_and_obsolete_packet_blocks(void **state)
{
	struct world *w = *state;

	for (int order = 0; order < 2; order++) {
		again(w, order);
		put_section(&w->f);
		put_interface(&w->f, 1, 40, 0, 0);
		put_interface(&w->f, 101, 0, 0, 0);
		begin_block(&w->f, 3);
		put32(&w->f, 100); /* on the wire; captured: 40, the snap length */
		put_fill(&w->f, 'x', 40);
		end_block(&w->f);
		begin_block(&w->f, 3);
		put32(&w->f, 33);
		put_fill(&w->f, 'x', 33);
		end_block(&w->f);
		begin_block(&w->f, 2);
		put16(&w->f, 1);
		put16(&w->f, 7); /* packets dropped */
		put64(&w->f, w->f.swapped ? 5000001 : 5000001ULL << 32);
		put32(&w->f, 50);
		put32(&w->f, 60);
		put_fill(&w->f, 'x', 50);
		end_block(&w->f);
		assert_packet(w, 1, 0, 0, 40, 100);
		assert_true(w->item.undated);
		assert_packet(w, 1, 0, 0, 33, 33);
		assert_packet(w, 101, 5000001, 0, 50, 60);
		assert_false(w->item.undated);
		assert_end(w);
	}
}

static void the_interface_and_what_was_lost_are_told(void **state)
{
	static const uint8_t flags[4] = {1};
	struct world *w = *state;

	for (int order = 0; order < 2; order++) {
		again(w, order);
		put_section(&w->f);
		put_interface(&w->f, 1, 0, 0, 0);
		begin_block(&w->f, 1); /* without a name */
		put64(&w->f, 0);
		end_block(&w->f);
		begin_block(&w->f, 6);
		put_fill(&w->f, '\0', 20);
		put_option(&w->f, 2, flags, sizeof(flags));
		put16(&w->f, 4);
		put16(&w->f, 8);
		put64(&w->f, 5000000007);
		put_option(&w->f, 0, NULL, 0);
		end_block(&w->f);
		begin_block(&w->f, 6);
		put32(&w->f, 1);
		put_fill(&w->f, '\0', 16);
		put_option(&w->f, 4, "shor", 4);
		end_block(&w->f);
		for (uint16_t lost = 6; lost != 5; lost = lost == 6 ? UINT16_MAX : 5) {
			begin_block(&w->f, 2);
			put16(&w->f, 0);
			put16(&w->f, lost);
			put_fill(&w->f, '\0', 16);
			end_block(&w->f);
		}
		assert_packet(w, 1, 0, 0, 0, 0);
		assert_int_equal(w->item.pkt.interface_len, 4);
		assert_memory_equal(w->item.pkt.interface, "eth0", 4);
		assert_int_equal(w->item.pkt.dropcount, 5000000007);
		assert_packet(w, 0, 0, 0, 0, 0);
		assert_int_equal(w->item.pkt.interface_len, 0);
		assert_int_equal(w->item.pkt.dropcount, 0);
		assert_packet(w, 1, 0, 0, 0, 0);
		assert_int_equal(w->item.pkt.dropcount, 6);
		assert_packet(w, 1, 0, 0, 0, 0);
		assert_int_equal(w->item.pkt.dropcount, 0); /* not known */
		assert_end(w);
	}
}

/* The bytes that are cut off are none of its options. */
static void a_packet_that_is_cut_tells_what_its_options_say(void **state)
{
	struct world *w = *state;

	for (int told = 0; told < 2; told++) {
		again(w, false);
		put_section(&w->f);
		put_interface(&w->f, 231, 0, 0, 0);
		begin_block(&w->f, 6);
		put_fill(&w->f, '\0', 12);
		put32(&w->f, PACKET_MAX_LEN + 16);
		put32(&w->f, PACKET_MAX_LEN + 16);
		put_fill(&w->f, 'x', PACKET_MAX_LEN);
		put16(&w->f, 4); /* as if it were a dropcount */
		put16(&w->f, 8);
		put64(&w->f, 1000);
		put_fill(&w->f, 'x', 4);
		if (told) {
			put16(&w->f, 4);
			put16(&w->f, 8);
			put64(&w->f, 7);
		}
		end_block(&w->f);
		assert_packet(w, 231, 0, 0, PACKET_MAX_LEN, PACKET_MAX_LEN + 16);
		assert_true(w->item.cut);
		assert_int_equal(w->item.pkt.dropcount, told ? 7 : 0);
		assert_end(w);
	}
}

/* What pycapa writes it reads again; of other programs a description is no host. */
static void the_host_is_told_in_a_section_of_ours(void **state)
{
	const struct packet pkt = {.data = (const uint8_t *)"xxx",
				   .caplen = 3,
				   .wirelen = 3,
				   .linktype = 1,
				   .interface = "eth0",
				   .interface_len = 4,
				   .host = "sensor1",
				   .host_len = 7};
	static const char *const applications[] = {"pycapa 1.0.0", "Dumpcap 4.0"};
	struct world *w = *state;
	uint8_t buf[512] = {0};

	for (size_t i = 0; i < 2; i++) {
		again(w, false);
		put_bytes(&w->f, buf, pcapng_put_section(buf, "Linux", applications[i]));
		put_bytes(&w->f, buf, pcapng_put_interface(buf, &pkt, 9));
		put_bytes(&w->f, buf, pcapng_put_packet(buf, 0, 9, &pkt, 1, "a comment"));
		assert_packet(w, 1, 0, 0, 3, 3);
		assert_int_equal(w->item.pkt.interface_len, 4);
		assert_int_equal(w->item.pkt.host_len, i == 0 ? 7 : 0);
		if (i == 0)
			assert_memory_equal(w->item.pkt.host, "sensor1", 7);
		assert_end(w);
	}
}

static void other_blocks_are_passed_over(void **state)
{
	static const uint32_t types[] = {4, 5, 9, 10, 0xbad, 0x40000bad, 0x80000001, 0x1234};
	struct world *w = *state;

	for (int order = 0; order < 2; order++) {
		again(w, order);
		put_section(&w->f);
		put_interface(&w->f, 1, 0, 0, 0);
		for (size_t i = 0; i < COUNT(types); i++) {
			begin_block(&w->f, types[i]);
			put_fill(&w->f, '?', i * 4);
			end_block(&w->f);
			put_packet(&w->f, 0, i, 5, 5);
		}
		for (size_t i = 0; i < COUNT(types); i++)
			assert_packet(w, 1, i, 0, 5, 5);
		assert_end(w);
	}
}

/* More than is ever wanted at a time, and only its head is here. */
static void a_very_long_block_is_passed_over(void **state)
{
	struct world *w = *state;

	put_section(&w->f);
	put_interface(&w->f, 1, 0, 0, 0);
	put32(&w->f, 0xbad);
	put32(&w->f, 100 * 1000 * 1000);
	put32(&w->f, 0);
	assert_int_equal(look(w), DECODER_PASSED); /* the format */
	assert_int_equal(look(w), DECODER_PASSED);
	assert_int_equal(look(w), DECODER_INTERFACE);
	assert_int_equal(look(w), DECODER_PASSED);
	assert_int_equal(w->item.used, 100 * 1000 * 1000);
}

static void lengths_without_the_padding_are_understood(void **state)
{
	struct world *w = *state;

	put_section(&w->f);
	put_interface(&w->f, 1, 0, 0, 0);
	put_packet(&w->f, 0, 1, 5, 5);
	w->f.bytes[w->f.block + 4] -= 3;
	w->f.bytes[w->f.n - 4] -= 3;
	put_packet(&w->f, 0, 2, 6, 6);
	assert_packet(w, 1, 1, 0, 5, 5);
	assert_packet(w, 1, 2, 0, 6, 6);
	assert_end(w);
}

/* A good file so far, and a block whose `at`-th byte will be changed. */
static void begin_damage(struct world *w)
{
	again(w, false);
	put_section(&w->f);
	put_interface(&w->f, 1, 0, 0, 0);
}

static void damage_in_pcapng_is_told(void **state)
{
	static const struct {
		size_t at; /* of a packet block of 5 bytes */
		uint8_t byte;
		const char *why;
	} cases[] = {
		{4, 8, "a block of type 6 that says it has 8 bytes"},
		{7, 255, "a block of type 6 that says it has 4278190120 bytes"},
		{4, 44, "a block of 44 bytes, or of "},
		{8, 1, "a packet of interface 1, of which there are 1 here"},
		{20, 9, "a packet that says it has 9 bytes, in a block of 40"},
		{23, 255, "a packet that says it has 4278190085 bytes"},
		{36, 44, "a block of 40 bytes, or of 44, as its end says"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		begin_damage(w);
		put_packet(&w->f, 0, 1, 5, 5);
		w->f.bytes[w->f.block + cases[i].at] = cases[i].byte;
		put_packet(&w->f, 0, 1, 5, 5);
		assert_bad(w, cases[i].why);
	}
	begin_damage(w);
	put_packet(&w->f, 0, 1, 262145, 262145);
	assert_bad(w, "262145 bytes");
}

static void damage_in_the_head_of_pcapng_is_told(void **state)
{
	static const struct {
		uint8_t resolution;
		const char *why;
	} resolutions[] = {{20, "if_tsresol 0x14"}, {0x80 | 64, "if_tsresol 0xc0"}};
	struct world *w = *state;

	put_section(&w->f);
	w->f.bytes[8] = 0;
	assert_bad(w, "byte order");
	again(w, true);
	put_section(&w->f);
	w->f.bytes[13] = 2;
	assert_bad(w, "version 2.0");
	for (size_t i = 0; i < COUNT(resolutions); i++) {
		again(w, false);
		put_section(&w->f);
		put_interface(&w->f, 1, 0, resolutions[i].resolution, 0);
		assert_bad(w, resolutions[i].why);
	}
	again(w, false);
	put_section(&w->f);
	put_interface(&w->f, 1, 0, 0, 0);
	w->f.bytes[w->f.block + 18] = 40; /* the length of its name */
	assert_bad(w, "options run over");
	again(w, false);
	put_section(&w->f);
	put_packet(&w->f, 0, 1, 5, 5);
	assert_bad(w, "of interface 0, of which there are 0");
	again(w, false);
	put_section(&w->f);
	begin_block(&w->f, 1);
	put32(&w->f, 1);
	w->f.n += 4;
	end_block(&w->f);
	w->f.bytes[w->f.block + 6] = 32; /* 2 MiB */
	assert_bad(w, "of options");
}

static void a_new_section_has_no_interfaces(void **state)
{
	struct world *w = *state;

	put_section(&w->f);
	put_interface(&w->f, 1, 0, 0, 0);
	put_section(&w->f);
	put_packet(&w->f, 0, 1, 5, 5);
	assert_bad(w, "of interface 0, of which there are 0");
}

static void interfaces_have_a_bound(void **state)
{
	struct world *w = *state;
	struct file_bytes *f = &w->f;
	struct pcapng_decoder d = {.n = 0};
	int n = 0;

	put_section(f);
	begin_block(f, 1);
	put64(f, 1);
	end_block(f);
	assert_int_equal(pcapng_decoder_next(&d, f->bytes, f->block, &w->item), DECODER_PASSED);
	while (pcapng_decoder_next(&d, f->bytes + f->block, f->n - f->block, &w->item) ==
	       DECODER_INTERFACE)
		n++;
	assert_int_equal(n, PCAPNG_DECODER_INTERFACES_MAX);
	assert_non_null(strstr(w->item.why, "65536 interfaces"));
	pcapng_decoder_clear(&d);
}

/* ---- what has the byte order of its host ---- */

static void assert_swapped(uint16_t linktype, const char *from, const char *to, uint32_t len)
{
	uint8_t buf[128];

	/* Every length it may be cut to: within bounds, and the same where both have it all. */
	for (uint32_t n = 0; n <= len; n++) {
		uint8_t *cut = malloc(n);

		assert_true(cut || !n);
		memcpy(cut, from, n);
		pseudo_header_swap(linktype, cut, n);
		free(cut);
	}
	memcpy(buf, from, len);
	pseudo_header_swap(linktype, buf, len);
	assert_memory_equal(buf, to, len);
}

static void headers_of_the_capturing_host_are_turned_round(void **state)
{
	/* CAN in a cooked capture; the rest of it is big-endian always. */
	assert_swapped(113, "\0\0\0\0\0\0........\0\014\1\2\3\4xxxx",
		       "\0\0\0\0\0\0........\0\014\4\3\2\1xxxx", 24);
	assert_swapped(113, "\0\0\0\0\0\0........\x08\0\1\2\3\4xxxx",
		       "\0\0\0\0\0\0........\x08\0\1\2\3\4xxxx", 24);
	assert_swapped(276, "\0\016..................\1\2\3\4ab\1\2\1\2\3\4",
		       "\0\016..................\4\3\2\1ab\2\1\4\3\2\1", 32);
	/* netfilter's log: two fields, of 5 and 4 bytes. */
	assert_swapped(239, "\2\0\0\0\0\5\0\1x...\0\4\0\2", "\2\0\0\0\5\0\1\0x...\4\0\2\0", 16);
	/* pflog, whose own length is 60. */
	assert_swapped(117,
		       "<..........................................."
		       "\1\2\3\4\1\2\3\4\1\2\3\4\1\2\3\4\1\2\3\4",
		       "<..........................................."
		       "\4\3\2\1\4\3\2\1\4\3\2\1\4\3\2\1\1\2\3\4",
		       64);
}

static void headers_of_usb_are_turned_round(void **state)
{
	static const char from[] =
		"\1\2\3\4\5\6\7\x8.\0..\1\2..\1\2\3\4\5\6\7\x8\1\2\3\4\1\2\3\4\1\2\3\4\1\2\3\4"
		"\1\2\3\4\1\2\3\4\1\2\3\4\1\2\3\4\1\2\3\4\0\0\0\1"
		"\1\2\3\4\1\2\3\4\1\2\3\4....\1\2\3\4";
	static const char to[] =
		"\x8\7\6\5\4\3\2\1.\0..\2\1..\x8\7\6\5\4\3\2\1\4\3\2\1\4\3\2\1\4\3\2\1\4\3\2\1"
		"\4\3\2\1\4\3\2\1\4\3\2\1\4\3\2\1\4\3\2\1\1\0\0\0"
		"\4\3\2\1\4\3\2\1\4\3\2\1....\1\2\3\4";

	assert_swapped(220, from, to, sizeof(from) - 1);
	assert_swapped(189, from, to, 48);
}

static void only_the_other_byte_order_is_turned_round(void **state)
{
	static const uint8_t log[] = {2, 0, 0, 0, 4, 0, 1, 0};
	struct world *w = *state;
	static const uint8_t turned[] = {2, 0, 0, 0, 0, 4, 0, 1};

	for (int order = 0; order < 2; order++) {
		again(w, order);
		put_pcap(&w->f, 0xa1b2c3d4, 239);
		put_record_head(&w->f, 1, 0, sizeof(log), sizeof(log));
		put_bytes(&w->f, w->f.swapped ? turned : log, sizeof(log));
		assert_int_equal(next(w), DECODER_PACKET);
		assert_memory_equal(w->item.pkt.data, log, sizeof(log));
		again(w, order);
		put_section(&w->f);
		put_interface(&w->f, 239, 0, 0, 0);
		put_packet(&w->f, 0, 1, sizeof(log), sizeof(log));
		memcpy(w->f.bytes + w->f.block + 28, w->f.swapped ? turned : log, sizeof(log));
		assert_int_equal(next(w), DECODER_PACKET);
		assert_memory_equal(w->item.pkt.data, log, sizeof(log));
	}
}

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	return w ? savefile_new(&w->s) : -1;
}

static int close_world(void **state)
{
	struct world *w = *state;

	savefile_free(w->s);
	free(w);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_magic_number_of_pcap_is_read),
		CASE(variants_of_a_magic_number_are_told_apart),
		CASE(a_variant_of_a_single_packet_is_told),
		CASE(a_capture_of_the_loopback_that_is_cut_off_is_the_usual_one),
		CASE(what_looks_odd_in_every_variant_is_the_usual_one),
		CASE(aix_has_numbers_and_times_of_its_own),
		CASE(lengths_of_old_versions_are_the_other_way_round),
		CASE(a_checksum_in_the_link_type_is_no_part_of_it),
		CASE(a_number_of_bsd_is_a_link_type),
		CASE(damage_in_pcap_is_told),
		CASE(a_pcap_file_that_ends_early_wants_more),
		CASE(a_longer_packet_of_dbus_is_cut_and_the_rest_passed_over),
		CASE(a_packet_that_is_cut_tells_what_its_options_say),
		CASE(sections_and_interfaces_may_differ),
		CASE(times_of_every_resolution),
		CASE(a_time_that_a_packet_cannot_hold_is_1970),
		CASE(simple_and_obsolete_packet_blocks),
		CASE(the_interface_and_what_was_lost_are_told),
		CASE(the_host_is_told_in_a_section_of_ours),
		CASE(other_blocks_are_passed_over),
		CASE(a_very_long_block_is_passed_over),
		CASE(lengths_without_the_padding_are_understood),
		CASE(damage_in_pcapng_is_told),
		CASE(damage_in_the_head_of_pcapng_is_told),
		CASE(a_new_section_has_no_interfaces),
		CASE(interfaces_have_a_bound),
		CASE(headers_of_the_capturing_host_are_turned_round),
		CASE(headers_of_usb_are_turned_round),
		CASE(only_the_other_byte_order_is_turned_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

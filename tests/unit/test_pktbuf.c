/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "packet/pktbuf.h"

#define CHUNK 4096

static int setup(void **state)
{
	return pktbuf_new((struct pktbuf **)state, CHUNK);
}

static int teardown(void **state)
{
	pktbuf_free(*state);
	return 0;
}

/* Packet `i`, of any length; the bytes are the caller's until the next call. */
static struct packet make(uint32_t i, uint32_t caplen)
{
	static uint8_t data[3 * CHUNK];

	memset(data, (int)i, caplen);
	return (struct packet){.data = data,
			       .caplen = caplen,
			       .wirelen = caplen + i,
			       .time_us = 1700000000000000 + i,
			       .nanos = (uint16_t)(i % 1000),
			       .linktype = (uint16_t)(i % 300),
			       .dropcount = i % 2,
			       .host = i % 3 ? "sensor" : NULL,
			       .host_len = i % 3 ? 6 : 0,
			       .interface = i % 5 ? "eth0" : NULL,
			       .interface_len = i % 5 ? 4 : 0};
}

static void push(struct pktbuf *b, uint32_t i, uint32_t caplen, uint64_t tag)
{
	struct packet pkt = make(i, caplen);
	char gone_after_the_call[] = "sensor";

	if (pkt.host)
		pkt.host = gone_after_the_call;
	assert_int_equal(pktbuf_push(b, &pkt, tag), 0);
	gone_after_the_call[0] = 'x';
}

static void expect_name(const char *name, size_t len, const char *want, size_t want_len)
{
	assert_int_equal(len, want_len);
	if (want)
		assert_memory_equal(name, want, want_len);
	else
		assert_null(name);
}

static void expect(struct pktbuf *b, uint32_t i, uint32_t caplen, uint64_t tag)
{
	struct packet want = make(i, caplen), pkt;
	uint64_t got;

	assert_true(pktbuf_peek(b, &pkt, &got));
	assert_int_equal(got, tag);
	assert_int_equal(pkt.caplen, caplen);
	assert_memory_equal(pkt.data, want.data, caplen);
	expect_name(pkt.host, pkt.host_len, want.host, want.host_len);
	expect_name(pkt.interface, pkt.interface_len, want.interface, want.interface_len);
	assert_int_equal(pkt.dropcount, want.dropcount);
	assert_int_equal(pkt.wirelen, want.wirelen);
	assert_int_equal(pkt.time_us, want.time_us);
	assert_int_equal(pkt.nanos, want.nanos);
	assert_int_equal(pkt.linktype, want.linktype);
	pktbuf_pop(b);
}

static uint32_t length_of(uint32_t i)
{
	return i % 97 == 5 ? 3 * CHUNK - i % 8 : i * 7 % 1500;
}

static void comes_out_as_it_went_in(void **state)
{
	struct pktbuf *b = *state;
	struct packet pkt;

	assert_false(pktbuf_peek(b, &pkt, NULL));
	assert_int_equal(pktbuf_bytes(b), 0);
	for (uint32_t i = 0; i < 1000; i++)
		push(b, i, length_of(i), i * 3);
	assert_int_equal(pktbuf_count(b), 1000);
	for (uint32_t i = 0; i < 1000; i++)
		expect(b, i, length_of(i), i * 3);
	assert_int_equal(pktbuf_count(b), 0);
	assert_false(pktbuf_peek(b, &pkt, NULL));
	assert_int_equal(pktbuf_bytes(b), 0);
}

/* Takes what is in front while more comes behind: memory goes back as chunks empty. */
static void holds_no_more_than_what_is_in_it(void **state)
{
	struct pktbuf *b = *state;
	uint32_t in = 0, out = 0;

	while (in < 20)
		push(b, in++, 500, 0);
	while (in < 5000) {
		push(b, in++, 500, 0);
		expect(b, out++, 500, 0);
		assert_int_equal(pktbuf_count(b), 20);
		assert_true(pktbuf_bytes(b) < 20 * 600 + 2 * (CHUNK + 64));
	}
}

/* Such a packet gets a chunk of its own. */
static void larger_than_a_chunk(void **state)
{
	struct pktbuf *b = *state;

	push(b, 1, 10, 1);
	push(b, 2, 3 * CHUNK, 2);
	push(b, 3, 10, 3);
	assert_true(pktbuf_bytes(b) > 4 * CHUNK);
	expect(b, 1, 10, 1);
	expect(b, 2, 3 * CHUNK, 2);
	expect(b, 3, 10, 3);
}

static void an_empty_packet(void **state)
{
	struct pktbuf *b = *state;
	struct packet pkt = {.data = NULL, .wirelen = 60};

	assert_int_equal(pktbuf_push(b, &pkt, 9), 0);
	assert_true(pktbuf_peek(b, &pkt, NULL));
	assert_int_equal(pkt.caplen, 0);
	assert_int_equal(pkt.wirelen, 60);
	pktbuf_pop(b);
	assert_int_equal(pktbuf_count(b), 0);
}

/* By tag, those of one tag as they came; what was popped before stays away. */
static void sorts(void **state)
{
	struct pktbuf *b = *state;
	const uint32_t n = 1009, step = 250; /* prime: every number once */

	push(b, 7, 7, 0);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t tag = i * step % n;

		push(b, tag, length_of(tag), tag / 2);
	}
	expect(b, 7, 7, 0);
	pktbuf_sort(b);
	assert_int_equal(pktbuf_count(b), n);
	for (uint32_t tag = 0; tag < n; tag += 2) {
		/* Where in the order of pushing the two of this tag came. */
		uint32_t first = tag, second = tag + 1;
		struct packet pkt;

		assert_true(pktbuf_peek(b, &pkt, NULL));
		if (tag + 1 == n) {
			expect(b, tag, length_of(tag), tag / 2);
			break;
		}
		for (uint32_t i = 0; i < n; i++) {
			if (i * step % n == tag)
				break;
			if (i * step % n == tag + 1) {
				first = tag + 1;
				second = tag;
				break;
			}
		}
		expect(b, first, length_of(first), tag / 2);
		expect(b, second, length_of(second), tag / 2);
	}
	assert_int_equal(pktbuf_bytes(b), 0);
}

/* All that is in it, in several chunks, and it stays there. */
static void walks(void **state)
{
	struct pktbuf *b = *state;
	struct pktbuf_walk walk = {NULL};
	struct packet pkt;
	uint64_t tag;

	assert_false(pktbuf_next(b, &walk, &pkt, &tag));
	for (uint32_t i = 0; i < 500; i++)
		push(b, i, length_of(i), i);
	for (uint32_t i = 0; i < 3; i++)
		pktbuf_pop(b);
	walk = (struct pktbuf_walk){NULL};
	for (uint32_t i = 3; i < 500; i++) {
		struct packet want = make(i, length_of(i));

		assert_true(pktbuf_next(b, &walk, &pkt, &tag));
		assert_int_equal(tag, i);
		assert_int_equal(pkt.caplen, want.caplen);
		assert_memory_equal(pkt.data, want.data, want.caplen);
	}
	assert_false(pktbuf_next(b, &walk, &pkt, &tag));
	assert_false(pktbuf_next(b, &walk, &pkt, &tag));
	for (uint32_t i = 3; i < 500; i++)
		expect(b, i, length_of(i), i);
}

/* As what four partitions give back, one after the other, of a full queue: it has no room twice. */
static void sorts_without_memory(void **state)
{
	struct pktbuf *b = *state;
	const uint32_t n = 100000;
	struct rlimit old, none = {.rlim_cur = 0};
	size_t bytes;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t number = i % (n / 4) * 4 + i / (n / 4);

		push(b, number, 100, number);
	}
	bytes = pktbuf_bytes(b);
	assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
	none.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	pktbuf_sort(b);
	assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
	assert_int_equal(pktbuf_bytes(b), bytes);
	for (uint32_t i = 0; i < n; i++)
		expect(b, i, 100, i);
	assert_int_equal(pktbuf_bytes(b), 0);
}

static void sorts_what_is_sorted_or_empty(void **state)
{
	struct pktbuf *b = *state;

	pktbuf_sort(b);
	for (uint32_t i = 0; i < 50; i++)
		push(b, i, 300, i);
	pktbuf_sort(b);
	push(b, 50, 300, 50);
	for (uint32_t i = 0; i <= 50; i++)
		expect(b, i, 300, i);
}

#define PKTBUF_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PKTBUF_TEST(comes_out_as_it_went_in),
		PKTBUF_TEST(holds_no_more_than_what_is_in_it),
		PKTBUF_TEST(larger_than_a_chunk),
		PKTBUF_TEST(an_empty_packet),
		PKTBUF_TEST(walks),
		PKTBUF_TEST(sorts),
		PKTBUF_TEST(sorts_without_memory),
		PKTBUF_TEST(sorts_what_is_sorted_or_empty),
	};

	return cmocka_run_group_tests_name("pktbuf", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What pcapfile writes, read back by libpcap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "packet/pcapfile.h"

/* Opens `len` bytes as a savefile. */
static pcap_t *open_bytes(uint8_t *bytes, size_t len)
{
	char why[PCAP_ERRBUF_SIZE];
	FILE *file = fmemopen(bytes, len, "rb");
	pcap_t *handle;

	assert_non_null(file);
	handle = pcap_fopen_offline(file, why);
	assert_non_null(handle);
	return handle;
}

static void header_is_a_savefile(void **state)
{
	uint8_t bytes[PCAPFILE_HEADER_LEN];
	pcap_t *handle;

	pcapfile_put_header(bytes, 101, false);
	handle = open_bytes(bytes, sizeof(bytes));
	assert_int_equal(pcap_datalink(handle), DLT_RAW);
	assert_int_equal(pcap_snapshot(handle), 262144);
	assert_int_equal(pcap_major_version(handle), 2);
	assert_int_equal(pcap_minor_version(handle), 4);
	assert_int_equal(pcap_get_tstamp_precision(handle), PCAP_TSTAMP_PRECISION_MICRO);
	pcap_close(handle);
}

static void records_are_read_back(void **state)
{
	static const uint8_t data[60] = "some bytes of a packet";
	const struct packet want[] = {
		{.data = data, .caplen = 60, .wirelen = 1500, .time_us = 1700000000123456},
		{.data = data, .caplen = 0, .wirelen = 0, .time_us = 0},
		{.data = data, .caplen = 22, .wirelen = 21, .time_us = 4294967295999999},
	};
	uint8_t bytes[PCAPFILE_HEADER_LEN + 3 * PCAPFILE_RECORD_LEN + 82];
	size_t len = PCAPFILE_HEADER_LEN;
	struct pcap_pkthdr *head;
	const u_char *got;
	pcap_t *handle;

	pcapfile_put_header(bytes, 1, false);
	for (size_t i = 0; i < 3; i++) {
		assert_true(pcapfile_can_hold(&want[i]));
		len += pcapfile_put_record(bytes + len, &want[i], false);
	}
	assert_int_equal(len, sizeof(bytes));
	handle = open_bytes(bytes, len);
	for (size_t i = 0; i < 3; i++) {
		uint64_t sec = want[i].time_us / 1000000;

		assert_int_equal(pcap_next_ex(handle, &head, &got), 1);
		assert_int_equal((uint32_t)head->ts.tv_sec, sec);
		assert_int_equal(head->ts.tv_usec, want[i].time_us % 1000000);
		assert_int_equal(head->caplen, want[i].caplen);
		assert_int_equal(head->len, want[i].wirelen);
		assert_memory_equal(got, data, want[i].caplen);
	}
	assert_int_equal(pcap_next_ex(handle, &head, &got), PCAP_ERROR_BREAK);
	pcap_close(handle);
}

static void nanoseconds_are_read_back(void **state)
{
	static const uint8_t data[4];
	const struct packet pkt = {.data = data,
				   .caplen = 4,
				   .wirelen = 300000,
				   .time_us = 1700000000123456,
				   .nanos = 789};
	uint8_t bytes[PCAPFILE_HEADER_LEN + PCAPFILE_RECORD_LEN + 4];
	char why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const u_char *got;
	pcap_t *handle;

	pcapfile_put_header(bytes, 1, true);
	pcapfile_put_record(bytes + PCAPFILE_HEADER_LEN, &pkt, true);
	handle = pcap_fopen_offline_with_tstamp_precision(fmemopen(bytes, sizeof(bytes), "rb"),
							  PCAP_TSTAMP_PRECISION_NANO, why);
	assert_non_null(handle);
	assert_int_equal(pcap_next_ex(handle, &head, &got), 1);
	assert_int_equal(head->ts.tv_sec, 1700000000);
	assert_int_equal(head->ts.tv_usec, 123456789);
	assert_int_equal(head->len, 300000);
	pcap_close(handle);
}

static void no_data_pointer_is_needed_for_no_bytes(void **state)
{
	const struct packet pkt = {.time_us = 1};
	uint8_t bytes[PCAPFILE_RECORD_LEN + 1];

	assert_int_equal(pcapfile_put_record(bytes, &pkt, false), PCAPFILE_RECORD_LEN);
}

static void times_end_in_2106(void **state)
{
	struct packet pkt = {.time_us = 4294967296000000};

	assert_false(pcapfile_can_hold(&pkt));
	pkt.time_us--;
	assert_true(pcapfile_can_hold(&pkt));
	pkt.time_us = UINT64_MAX;
	assert_false(pcapfile_can_hold(&pkt));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_is_a_savefile),
		cmocka_unit_test(records_are_read_back),
		cmocka_unit_test(nanoseconds_are_read_back),
		cmocka_unit_test(no_data_pointer_is_needed_for_no_bytes),
		cmocka_unit_test(times_end_in_2106),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

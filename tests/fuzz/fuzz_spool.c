/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte of choice, then a file of the spool that the disk, the power or somebody else has changed.
 * What the scan counts as whole must be what the reader then gives, within what the scan calls
 * whole.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "spool/spool_file.h"
#include "spool/spool_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

/* Also has every byte of every packet looked at. */
static uint64_t count_readable(int fd, uint64_t limit)
{
	struct spool_reader *r;
	struct packet pkt;
	uint64_t n = 0;
	int is_packet;

	must(spool_reader_new(&r, dup(fd)) == 0);
	while ((is_packet = spool_reader_next(r, limit, &pkt)) > 0) {
		uint8_t *copy;

		n++;
		if (is_packet == SPOOL_FILE_E_DAMAGED)
			continue;
		copy = malloc(pkt.caplen + pkt.host_len + pkt.interface_len + 1);
		must(copy != NULL);
		memcpy(copy, pkt.data, pkt.caplen);
		if (pkt.host_len)
			memcpy(copy + pkt.caplen, pkt.host, pkt.host_len);
		if (pkt.interface_len)
			memcpy(copy + pkt.caplen, pkt.interface, pkt.interface_len);
		free(copy);
	}
	spool_reader_free(r);
	return n;
}

/* It may have a last block of this size, which says how many packets there are. */
static bool is_closed(const uint8_t *data, size_t size, size_t tail)
{
	struct spool_format_block last;
	uint64_t told;

	return size >= tail && !spool_format_next(data + size - tail, tail, &last) &&
	       spool_format_get_statistics(&last, false, &told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd;
	struct spool_kinds none = {.n = 0};
	struct spool_file_info info;
	uint64_t readable;
	uint8_t *head;
	int n;

	if (!size)
		return 0;
	fd = memfd_create("fuzz", 0);
	must(fd >= 0);
	n = spool_file_put_head(&none, "pcap", 1, &head);
	must(n > 0);
	/* Most inputs stand behind a good section; one in eight is the whole file. */
	if (data[0] % 8 == 0)
		n = 0;
	data++;
	size--;
	must(spool_write_all(fd, head, (size_t)n, 0) == 0);
	must(spool_write_all(fd, data, size, (uint64_t)n) == 0);
	free(head);
	if (spool_file_scan(fd, &info) == 0) {
		bool closed = is_closed(data, size, SPOOL_FORMAT_STATISTICS_SIZE) ||
			      is_closed(data, size, SPOOL_FORMAT_STATISTICS_OLD);

		must(info.bytes + info.torn == (uint64_t)n + size);
		readable = count_readable(fd, info.bytes);
		/* A file that says itself how many it holds may lie. */
		must(closed || readable == info.packets);
	}
	close(fd);
	return 0;
}

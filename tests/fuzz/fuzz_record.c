/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record that somebody else wrote: a header's name and value from the input. What is accepted
 * must come back the same when it is written again and read again.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "packet/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && (!a_len || !memcmp(a, b, a_len));
}

static void check_round_trip(const struct packet *pkt)
{
	struct record_header h[RECORD_MAX_HEADERS];
	struct packet back = {.caplen = pkt->caplen,
			      .wirelen = pkt->caplen,
			      .linktype = PACKET_LINKTYPE_DEFAULT};
	size_t n = record_put_headers(pkt, h);

	for (size_t i = 0; i < n; i++)
		if (!record_get_header(&back, h[i].name, h[i].value, h[i].len))
			abort();
	if (back.linktype != pkt->linktype || back.wirelen != pkt->wirelen ||
	    back.nanos != pkt->nanos || back.dropcount != pkt->dropcount ||
	    !is_same(back.host, back.host_len, pkt->host, pkt->host_len) ||
	    !is_same(back.interface, back.interface_len, pkt->interface, pkt->interface_len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"linktype", "wirelen",   "nanos", "interface",
					    "host",     "dropcount", "nanos", "other"};
	struct packet pkt = {.caplen = 60, .wirelen = 60, .linktype = PACKET_LINKTYPE_DEFAULT};
	uint64_t time_us;

	if (record_get_key(data, size, &time_us)) {
		uint8_t key[RECORD_KEY_LEN];

		record_put_key(key, time_us);
		if (memcmp(key, data, sizeof(key)))
			abort();
	}
	while (size >= 2) {
		size_t len = data[1] & 0x1f;

		if (len > size - 2)
			len = size - 2;
		record_get_header(&pkt, names[data[0] & 7], data + 2, len);
		data += 2 + len;
		size -= 2 + len;
	}
	check_round_trip(&pkt);
	return 0;
}

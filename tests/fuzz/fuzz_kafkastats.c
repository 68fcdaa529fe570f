/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics as no librdkafka writes them. What comes out is not known (-1) or a number, and
 * nothing outside of the table is found.
 */
#include <stdlib.h>

#include "kafka/kafkastats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kafkastats s;
	int r = kafkastats_parse(&s, (const char *)data, size, "pcap");

	if (s.rtt_us < -1 || (r < 0 && (s.rtt_us != -1 || s.n)))
		abort();
	for (int32_t i = 0; i < s.n; i++) {
		const struct kafkastats_partition *p = kafkastats_find(&s, i);

		if (!p || p->high < -1 || p->end < -1 || p->lag < -1)
			abort();
	}
	if (kafkastats_find(&s, -1) || kafkastats_find(&s, s.n))
		abort();
	kafkastats_clear(&s);
	return 0;
}

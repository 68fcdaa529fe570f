/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte of choice, then a capture file, read as replay's reader does: with all of it there, or
 * with no more than is asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "packet/savefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

/* Has every byte of the packet looked at. */
static void look_at(const struct packet *pkt)
{
	uint8_t *copy = malloc(pkt->caplen + 1);

	must(copy != NULL);
	if (pkt->caplen)
		memcpy(copy, pkt->data, pkt->caplen);
	must(pkt->caplen <= PACKET_MAX_LEN && pkt->nanos < 1000);
	free(copy);
}

/* What lies at `data`, in memory of no more than `len` bytes. Returns where to go on; 0: nowhere.
 */
static uint64_t step(struct savefile *s, const uint8_t *data, size_t size, size_t len,
		     enum decoder_found *found)
{
	struct decoder_item item;
	uint8_t *here = malloc(len + 1);

	must(here != NULL);
	memcpy(here, data, len);
	*found = savefile_next(s, here, len, len == size, &item);
	if (*found == DECODER_PACKET)
		look_at(&item.pkt);
	free(here);
	if (*found == DECODER_BAD) {
		must(item.why[0] != '\0');
		return 0;
	}
	if (*found != DECODER_SHORT)
		return item.used;
	must(item.need > len && item.need <= DECODER_NEED_MAX);
	return item.need <= size ? step(s, data, size, item.need, found) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum decoder_found found = DECODER_PASSED;
	struct savefile *s;
	uint64_t used;
	bool all;

	if (!size)
		return 0;
	all = data[0] & 1;
	data++;
	size--;
	must(savefile_new(&s) == 0);
	for (bool first = true;; first = false) {
		used = step(s, data, size, all ? size : 0, &found);
		if (found == DECODER_BAD || found == DECODER_SHORT || used > size)
			break;
		must(used > 0 || first); /* which finds out the format */
		data += used;
		size -= used;
	}
	savefile_free(s);
	return 0;
}

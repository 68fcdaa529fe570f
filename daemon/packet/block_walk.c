/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/block_walk.h"

#include <errno.h>
#include <stdlib.h>

#include "packet/pcapng_decoder.h"

struct block_walk {
	struct pcapng_decoder decoder;
	struct decoder_item item;
	size_t at; /* what comes next */
};

int block_walk_new(struct block_walk **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void block_walk_free(struct block_walk *w)
{
	if (!w)
		return;
	pcapng_decoder_clear(&w->decoder);
	free(w);
}

bool block_walk_next(struct block_walk *w, const uint8_t *bytes, size_t len, struct packet *pkt)
{
	while (w->at < len) {
		enum decoder_found found =
			pcapng_decoder_next(&w->decoder, bytes + w->at, len - w->at, &w->item);

		if (found == DECODER_BAD || found == DECODER_SHORT)
			return false;
		w->at += w->item.used;
		if (found == DECODER_PACKET) {
			*pkt = w->item.pkt;
			return true;
		}
	}
	return false;
}

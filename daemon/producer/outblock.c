/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/outblock.h"

#include <errno.h>

#include "packet/block_walk.h"

void outblock_add(struct outblock *b, const struct packet *pkt, uint64_t seq)
{
	if (b->packets == 0)
		b->first_seq = seq;
	b->seqs[b->packets++] = (uint32_t)(seq - b->first_seq);
	b->caplen += pkt->caplen;
}

int outblock_find(struct outblock *b, uint64_t seq, struct packet *pkt)
{
	int r = b->walk ? 0 : block_walk_new(&b->walk);

	if (r < 0)
		return r;
	while (b->walked == 0 || outblock_seq(b, b->walked - 1) < seq) {
		if (!block_walk_next(b->walk, b->bytes, b->len, &b->found))
			return -ENOMEM;
		b->walked++;
	}
	*pkt = b->found;
	return 0;
}

void outblock_forget(struct outblock *b)
{
	block_walk_free(b->walk);
	b->walk = NULL;
	b->walked = 0;
}

void outblock_each(const struct outblock *b,
		   void (*fn)(void *ctx, const struct packet *pkt, uint64_t seq), void *ctx)
{
	struct block_walk *walk = NULL;
	struct packet pkt = {0};
	bool more = block_walk_new(&walk) == 0;

	for (uint32_t i = 0; i < b->packets; i++) {
		more = more && block_walk_next(walk, b->bytes, b->len, &pkt);
		if (!more)
			pkt = (struct packet){0};
		fn(ctx, &pkt, outblock_seq(b, i));
	}
	block_walk_free(walk);
}

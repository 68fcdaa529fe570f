/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two rings, both by sequence number. One has a bit for each number from the lowest that is not
 * settled: as a partition may stand still for long while others go on, it grows as far as it must.
 * The other has the message, or the block, of each number from the first that may have to be
 * copied: there is no need for those below, so that it is bounded, and who copies makes room in it.
 *
 * The messages are those of librdkafka's on_send() interceptor. One lives from there until its
 * delivery report is destroyed (the report hands out the same object: that is how its payload
 * comes back without a copy), so its place has to be cleared by then. A block lives as long.
 */
#include "producer/inflight.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "kafka/record_decode.h"
#include "packet/pktbuf.h"
#include "producer/outtopics.h"
#include "producer/packet_message.h"

#define CHUNK      (1 << 20)
#define TOPIC_BITS 16 /* a tag: the sequence number, below it an index of outtopics */
#define FIRST_BITS 65536
#define FIRST_ROOM 4096
#define MAX_ROOM   524288 /* four times what librdkafka's queue holds: 4 MiB */

struct inflight {
	uint64_t next;
	uint64_t below;  /* all below are settled */
	uint64_t copied; /* all below are on disk or settled, of those from it on none is on disk */
	struct pktbuf *again; /* to be sent again */
	const struct outtopics *topics;

	/* NULL without a spool. Rings: their sizes are powers of two. */
	uint64_t *settled; /* `bits` of them, [below, below + bits) */
	uint64_t bits;
	union packet_holder *holder; /* of [copied, next): NULL: librdkafka has it not */
	uint64_t room;
	bool blocks;
};

static int add_rings(struct inflight *f)
{
	f->bits = FIRST_BITS;
	f->room = FIRST_ROOM;
	f->settled = calloc(f->bits / 64, sizeof(*f->settled));
	f->holder = calloc(f->room, sizeof(*f->holder));
	return f->settled && f->holder ? 0 : -ENOMEM;
}

int inflight_new(struct inflight **out, bool spooled, const struct outtopics *topics)
{
	struct inflight *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->topics = topics;
	r = pktbuf_new(&f->again, CHUNK);
	if (r == 0 && spooled)
		r = add_rings(f);
	if (r < 0) {
		inflight_free(f);
		return r;
	}
	*out = f;
	return 0;
}

void inflight_free(struct inflight *f)
{
	if (!f)
		return;
	free(f->holder);
	free(f->settled);
	pktbuf_free(f->again);
	free(f);
}

/* ---- taken ---- */

uint64_t inflight_next(const struct inflight *f)
{
	return f->next;
}

static union packet_holder *holder_of(const struct inflight *f, uint64_t seq)
{
	return &f->holder[seq & (f->room - 1)];
}

/* What is settled needs no copy. */
static void pass_settled(struct inflight *f)
{
	if (f->copied < f->below)
		f->copied = f->below;
}

static bool grow_holders(struct inflight *f)
{
	uint64_t room = f->room * 2;
	union packet_holder *holder = NULL;

	if (room <= MAX_ROOM)
		holder = calloc(room, sizeof(*holder));
	if (!holder)
		return false;
	for (uint64_t seq = f->copied; seq < f->next; seq++)
		holder[seq & (room - 1)] = *holder_of(f, seq);
	free(f->holder);
	f->holder = holder;
	f->room = room;
	return true;
}

bool inflight_has_room(struct inflight *f)
{
	if (!f->holder || f->next - f->copied < f->room)
		return true;
	pass_settled(f);
	return f->next - f->copied < f->room || grow_holders(f);
}

void inflight_set_blocks(struct inflight *f, bool blocks)
{
	f->blocks = blocks;
}

void inflight_add(struct inflight *f, union packet_holder holder)
{
	if (f->holder) {
		assert(f->next - f->copied < f->room);
		*holder_of(f, f->next) = holder;
	}
	f->next++;
}

void inflight_add_spooled(struct inflight *f)
{
	f->next++;
	f->copied = f->next;
}

/* ---- answered ---- */

void inflight_answered(struct inflight *f, uint64_t seq)
{
	if (f->holder && seq >= f->copied)
		holder_of(f, seq)->any = NULL;
}

static uint64_t bit_of(uint64_t seq)
{
	return (uint64_t)1 << (seq % 64);
}

static uint64_t *word_of(const struct inflight *f, uint64_t seq)
{
	return &f->settled[(seq & (f->bits - 1)) / 64];
}

/* Twice the room. Without memory the mark is lost: numbers above it then never settle. */
static int grow_settled(struct inflight *f)
{
	struct inflight larger = {.bits = f->bits * 2};

	larger.settled = calloc(larger.bits / 64, sizeof(*larger.settled));
	if (!larger.settled)
		return -ENOMEM;
	for (uint64_t seq = f->below; seq < f->below + f->bits; seq++)
		if (*word_of(f, seq) & bit_of(seq))
			*word_of(&larger, seq) |= bit_of(seq);
	free(f->settled);
	f->settled = larger.settled;
	f->bits = larger.bits;
	return 0;
}

void inflight_settle(struct inflight *f, uint64_t seq)
{
	if (!f->settled || seq < f->below)
		return;
	while (seq - f->below >= f->bits)
		if (grow_settled(f) < 0)
			return;
	*word_of(f, seq) |= bit_of(seq);
	while (*word_of(f, f->below) & bit_of(f->below)) {
		*word_of(f, f->below) &= ~bit_of(f->below);
		f->below++;
	}
}

bool inflight_has_settled(const struct inflight *f, uint64_t seq)
{
	return seq < f->below ||
	       (f->settled && seq - f->below < f->bits && (*word_of(f, seq) & bit_of(seq)) != 0);
}

uint64_t inflight_settled_below(const struct inflight *f)
{
	return f->below;
}

/* ---- to be sent again ---- */

static uint64_t seq_of(uint64_t tag)
{
	return tag >> TOPIC_BITS;
}

static int topic_of(uint64_t tag)
{
	return (int)(tag & ((1 << TOPIC_BITS) - 1));
}

int inflight_keep(struct inflight *f, const struct packet *pkt, uint64_t seq, int topic)
{
	return pktbuf_push(f->again, pkt, seq << TOPIC_BITS | (uint64_t)topic);
}

uint64_t inflight_kept(const struct inflight *f)
{
	return pktbuf_count(f->again);
}

void inflight_sort(struct inflight *f)
{
	pktbuf_sort(f->again);
}

bool inflight_first(struct inflight *f, struct packet *pkt, uint64_t *seq, int *topic)
{
	uint64_t tag;

	if (!pktbuf_peek(f->again, pkt, &tag))
		return false;
	*seq = seq_of(tag);
	*topic = topic_of(tag);
	return true;
}

void inflight_drop_first(struct inflight *f, union packet_holder holder)
{
	struct packet pkt;
	uint64_t tag;

	if (!pktbuf_peek(f->again, &pkt, &tag))
		return;
	if (f->holder && seq_of(tag) >= f->copied)
		*holder_of(f, seq_of(tag)) = holder;
	pktbuf_pop(f->again);
}

/* ---- copied ---- */

/* Those to be sent again from a number on. */
struct walk {
	struct pktbuf_walk at;
	struct packet pkt;
	uint64_t tag;
	bool more;
};

static void walk_to(const struct inflight *f, struct walk *w, uint64_t seq)
{
	do
		w->more = pktbuf_next(f->again, &w->at, &w->pkt, &w->tag);
	while (w->more && seq_of(w->tag) < seq);
}

/* Shows one packet of a message, or of a block. */
static int show_held(const struct inflight *f, union packet_holder holder, inflight_fn fn,
		     void *ctx)
{
	struct packet pkt;
	int r;

	if (f->blocks) {
		r = outblock_find(holder.block, f->copied, &pkt);
		return r < 0 ? r : fn(ctx, &pkt, f->copied, holder.block->topic);
	}
	record_decode_one(holder.message, &pkt); /* which we made */
	return fn(ctx, &pkt, f->copied, rd_kafka_topic_name(holder.message->rkt));
}

/* Shows one packet, wherever it is; 0 when it is settled. */
static int show(const struct inflight *f, struct walk *w, inflight_fn fn, void *ctx)
{
	union packet_holder holder = *holder_of(f, f->copied);
	int r = 0;

	if (holder.any) {
		r = show_held(f, holder, fn, ctx);
	} else if (w->more && seq_of(w->tag) == f->copied) {
		r = fn(ctx, &w->pkt, f->copied, outtopics_name(f->topics, topic_of(w->tag)));
		if (r == 0)
			walk_to(f, w, f->copied + 1);
	}
	return r;
}

int inflight_copy(struct inflight *f, inflight_fn fn, void *ctx)
{
	struct walk w = {.more = false};
	int r = 0;

	pass_settled(f);
	if (f->copied == f->next)
		return 0;
	inflight_sort(f);
	walk_to(f, &w, f->copied);
	while (f->copied < f->next && r == 0) {
		r = show(f, &w, fn, ctx);
		f->copied += r == 0;
	}
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/inflight.h"

#include <errno.h>
#include <stdlib.h>

#include "packet/pktbuf.h"
#include "producer/outmsg.h"
#include "producer/outtopics.h"
#include "producer/settled.h"
#include "producer/unanswered.h"

#define CHUNK      (1 << 20)
#define TOPIC_BITS 16 /* a tag: the sequence number, below it an index of outtopics */

struct inflight {
	uint64_t next;
	uint64_t copied; /* all below are on disk or settled, of those from it on none is on disk */
	struct pktbuf *again; /* to be sent again */
	const struct outtopics *topics;

	/* NULL without a spool */
	struct settled *settled;
	struct unanswered *unanswered;
};

int inflight_new(struct inflight **out, bool spooled, const struct outtopics *topics)
{
	struct inflight *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->topics = topics;
	r = pktbuf_new(&f->again, CHUNK);
	if (r == 0 && spooled)
		r = settled_new(&f->settled);
	if (r == 0 && spooled)
		r = unanswered_new(&f->unanswered);
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
	unanswered_free(f->unanswered);
	settled_free(f->settled);
	pktbuf_free(f->again);
	free(f);
}

/* ---- taken ---- */

uint64_t inflight_next(const struct inflight *f)
{
	return f->next;
}

/* Nothing settled or copied needs to be remembered. */
static void forget(struct inflight *f)
{
	uint64_t below = settled_below(f->settled);

	if (f->copied < below)
		f->copied = below;
	unanswered_forget_below(f->unanswered, f->copied);
}

bool inflight_has_room(struct inflight *f)
{
	if (!f->unanswered || unanswered_has_room(f->unanswered, f->next))
		return true;
	forget(f);
	return unanswered_reserve(f->unanswered, f->next);
}

void inflight_add(struct inflight *f, const rd_kafka_message_t *m)
{
	if (f->unanswered)
		unanswered_set(f->unanswered, f->next, m);
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
	if (f->unanswered)
		unanswered_set(f->unanswered, seq, NULL);
}

void inflight_settle(struct inflight *f, uint64_t seq)
{
	if (f->settled)
		settled_mark(f->settled, seq);
}

bool inflight_has_settled(const struct inflight *f, uint64_t seq)
{
	return f->settled && settled_has(f->settled, seq);
}

uint64_t inflight_settled_below(const struct inflight *f)
{
	return f->settled ? settled_below(f->settled) : 0;
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

int inflight_sort(struct inflight *f)
{
	return pktbuf_sort(f->again);
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

void inflight_drop_first(struct inflight *f, const rd_kafka_message_t *m)
{
	struct packet pkt;
	uint64_t tag;

	if (!pktbuf_peek(f->again, &pkt, &tag))
		return;
	if (f->unanswered && seq_of(tag) >= f->copied)
		unanswered_set(f->unanswered, seq_of(tag), m);
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

/* Shows one packet, wherever it is; 0 when it is settled. */
static int show(const struct inflight *f, struct walk *w, inflight_fn fn, void *ctx)
{
	const rd_kafka_message_t *m = unanswered_get(f->unanswered, f->copied);
	struct packet pkt;
	int r = 0;

	if (m) {
		outmsg_read(m, &pkt);
		r = fn(ctx, &pkt, f->copied, rd_kafka_topic_name(m->rkt));
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

	forget(f);
	if (f->copied == f->next)
		return 0;
	if (inflight_sort(f) < 0)
		return -ENOMEM;
	walk_to(f, &w, f->copied);
	while (f->copied < f->next && r == 0) {
		r = show(f, &w, fn, ctx);
		f->copied += r == 0;
	}
	return r;
}

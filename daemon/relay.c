/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order. While anything in the spool is unread, every packet of the input goes behind it; the
 * producer is fed from the front. When all is read, packets go straight again. So the producer
 * gets all packets in their order, and its sequence numbers map to the spool's numbers in runs:
 * each run is a stretch of packets that came from the spool one after the other. Runs are kept
 * until they are settled; then their packets leave the disk.
 *
 * What is on disk outlives a kill -9, what is in librdkafka's queue does not. So with a spool
 * packets go straight only while a broker answers; when none has answered for a second what is
 * queued is taken back and spooled, before all that comes after it (the input waits a moment for
 * that). What was sent and not answered stays with librdkafka while the connection lasts, so as
 * not to double it. What the spool has handed on needs no taking back: it stays on disk until
 * settled.
 */
#include "relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "spool.h"

#define BATCH   4096
#define WATCH_S 1.  /* no answer for so long: take back what is queued */
#define HOLD_S  0.2 /* how long the input waits for what is taken back */

/* Packets seq .. seq + count - 1 of the producer are number .. number + count - 1 of the spool. */
struct run {
	uint64_t seq, number, count;
};

struct relay {
	struct relay_options opt;
	struct producer *producer;
	struct spool *spool; /* NULL: none */
	ev_timer pump;       /* more is to be read from the spool */
	ev_timer watch;      /* looks whether Kafka still takes packets */
	ev_timer hold;       /* active while the input waits for what is taken back */
	uint64_t settled;    /* delivered and failed at the last look */
	struct run *runs;    /* oldest first */
	size_t n_runs, runs_room;
	uint64_t recovered, dropped;
	bool stalled;       /* no broker, and nothing in memory alone: packets go to disk */
	bool input_blocked; /* the input was told PACKET_E_FULL */
	bool ended, emptying;
	bool abandoned;  /* the producer gives packets up: the spool is not read any more */
	uint64_t unread; /* when that began */
	uint64_t kept;   /* given up, and on disk */
};

/* ---- runs ---- */

static int add_to_runs(struct relay *r, uint64_t seq, uint64_t number)
{
	struct run *last = r->n_runs ? &r->runs[r->n_runs - 1] : NULL;

	if (last && last->seq + last->count == seq && last->number + last->count == number) {
		last->count++;
		return 0;
	}
	if (!r->runs || r->n_runs == r->runs_room) {
		size_t room = r->runs_room ? r->runs_room * 2 : 16;
		struct run *runs = realloc(r->runs, room * sizeof(*runs));

		if (!runs)
			return -ENOMEM;
		r->runs = runs;
		r->runs_room = room;
	}
	r->runs[r->n_runs++] = (struct run){seq, number, 1};
	return 0;
}

void relay_on_settled(struct relay *r, uint64_t seq)
{
	size_t done = 0;

	if (!r->runs)
		return;
	for (; done < r->n_runs && r->runs[done].seq < seq; done++) {
		struct run *run = &r->runs[done];
		uint64_t n = seq - run->seq < run->count ? seq - run->seq : run->count;

		spool_acknowledge(r->spool, run->number + n);
		if (n < run->count)
			break; /* settled in part: stays */
	}
	r->n_runs -= done;
	memmove(r->runs, r->runs + done, r->n_runs * sizeof(*r->runs));
}

/* Where in the spool a packet belongs that was sent straight: before what was read next. */
static bool find_place(const struct relay *r, uint64_t seq, uint64_t *before)
{
	for (size_t i = 0; i < r->n_runs; i++) {
		if (seq < r->runs[i].seq) {
			*before = r->runs[i].number;
			return true;
		}
		if (seq < r->runs[i].seq + r->runs[i].count)
			return false; /* it came from the spool and is there still */
	}
	*before = spool_next(r->spool) - spool_unread(r->spool);
	return true;
}

bool relay_on_undelivered(struct relay *r, const struct packet *pkt, uint64_t seq)
{
	uint64_t before;

	if (!r->spool)
		return false;
	if (!r->abandoned) {
		r->abandoned = true;
		r->unread = spool_unread(r->spool);
	}
	if (find_place(r, seq, &before) && spool_put_back(r->spool, pkt, before) != 0)
		return false;
	r->kept++;
	return true;
}

/* ---- from the spool to the producer ---- */

static int send_spooled(void *ctx, const struct packet *pkt, uint64_t number, const char *topic)
{
	struct relay *r = ctx;
	uint64_t seq = producer_next_seq(r->producer);
	int err = producer_send_to(r->producer, pkt, topic);

	return err ? err : add_to_runs(r, seq, number);
}

static void pump(struct relay *r)
{
	int n;

	if (!r->spool || r->abandoned || (r->ended && !r->emptying))
		return;
	n = spool_read(r->spool, send_spooled, r, BATCH);
	if (n < 0)
		log_error("Cannot send what is spooled: %s", strerror(-n));
	if (n == BATCH)
		ev_timer_start(r->opt.loop, &r->pump);
	if (r->emptying && spool_unread(r->spool) == 0) {
		r->emptying = false;
		r->opt.on_emptied(r->opt.ctx);
	}
}

static void on_pump(struct ev_loop *loop, ev_timer *w, int revents)
{
	pump(w->data);
}

static void on_spool_readable(void *ctx)
{
	pump(ctx);
}

static void unblock_input(struct relay *r)
{
	if (!r->input_blocked)
		return;
	r->input_blocked = false;
	r->opt.on_room(r->opt.ctx);
}

static void on_spool_room(void *ctx)
{
	unblock_input(ctx);
}

void relay_on_room(struct relay *r)
{
	pump(r);
	unblock_input(r);
}

/* ---- when Kafka takes nothing ---- */

/* True when nothing later than this packet has come from the spool: it belongs at its end. */
static bool is_newest(const struct relay *r, uint64_t seq)
{
	const struct run *last = r->n_runs ? &r->runs[r->n_runs - 1] : NULL;

	return !last || seq >= last->seq + last->count;
}

int relay_on_withdrawn(struct relay *r, const struct packet *pkt, uint64_t seq)
{
	return is_newest(r, seq) ? spool_append(r->spool, pkt) : -EEXIST;
}

static void on_watch(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct relay *r = w->data;
	struct producer_counters c;
	uint64_t settled;

	producer_read_counters(r->producer, &c);
	settled = c.delivered + c.failed;
	if (c.queued == 0 && !producer_is_live(r->producer))
		r->stalled = true;
	if (settled != r->settled || c.queued == 0 || r->ended) {
		r->settled = settled;
		return;
	}
	/* Only what went straight is in memory alone; with something unread it is no more. */
	if (spool_unread(r->spool) > 0 || !is_newest(r, producer_next_seq(r->producer) - 1))
		return;
	r->stalled = true;
	ev_timer_set(&r->hold, HOLD_S, 0.);
	ev_timer_start(loop, &r->hold);
	producer_withdraw(r->producer);
}

static void on_hold_over(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct relay *r = w->data;

	if (producer_give_back(r->producer) == PACKET_E_FULL) {
		/* The spool's thread is behind; nothing may come before the rest of it. */
		ev_timer_set(w, HOLD_S / 10, 0.);
		ev_timer_start(loop, w);
		return;
	}
	unblock_input(r);
}

/* ---- from the input ---- */

/*
 * A lost connection alone sends nothing to disk: what is queued must be taken back before, and a
 * client that is soon back sends it again without doubles.
 */
static bool goes_straight(struct relay *r)
{
	if (!r->spool)
		return true;
	if (producer_is_live(r->producer))
		r->stalled = false;
	return spool_unread(r->spool) == 0 && !r->stalled;
}

int relay_send(struct relay *r, const struct packet *pkt)
{
	int err = PACKET_E_FULL;

	if (goes_straight(r))
		err = producer_send(r->producer, pkt);
	if (err == PACKET_E_FULL && r->spool && !ev_is_active(&r->hold))
		err = spool_append(r->spool, pkt);
	if (err == SPOOL_E_NOSPACE) {
		r->dropped++; /* the spool has said so */
		return 0;
	}
	if (err == PACKET_E_FULL)
		r->input_blocked = true;
	return err;
}

void relay_end(struct relay *r, bool empty)
{
	r->ended = true;
	r->emptying = empty && r->spool;
	if (r->emptying)
		ev_timer_start(r->opt.loop, &r->pump);
}

/* ---- life ---- */

static int open_spool(struct relay *r)
{
	const struct config *cfg = r->opt.cfg;
	const struct spool_options opt = {
		.loop = r->opt.loop,
		.directory = cfg->spool_directory,
		.topic = cfg->topic,
		.size = cfg->spool_size,
		.segment_size = cfg->spool_segment,
		.sync_ms = cfg->spool_sync_ms,
		.on_room = on_spool_room,
		.on_readable = on_spool_readable,
		.ctx = r,
	};
	int err = spool_new(&r->spool, &opt);

	if (err < 0)
		return err;
	r->recovered = spool_count(r->spool) + spool_damaged(r->spool);
	ev_timer_again(r->opt.loop, &r->watch);
	return 0;
}

int relay_new(struct relay **out, const struct relay_options *opt)
{
	struct relay *r = calloc(1, sizeof(*r));
	int err = 0;

	if (!r)
		return -ENOMEM;
	r->opt = *opt;
	r->stalled = true;
	ev_timer_init(&r->pump, on_pump, 0., 0.);
	ev_timer_init(&r->watch, on_watch, 0., WATCH_S);
	ev_timer_init(&r->hold, on_hold_over, 0., 0.);
	r->pump.data = r->watch.data = r->hold.data = r;
	if (opt->cfg->spool_directory)
		err = open_spool(r);
	if (err < 0) {
		relay_free(r);
		return err;
	}
	*out = r;
	return 0;
}

void relay_set_producer(struct relay *r, struct producer *producer)
{
	r->producer = producer;
}

void relay_set_config(struct relay *r, const struct config *cfg)
{
	r->opt.cfg = cfg;
	if (r->spool && spool_set_topic(r->spool, cfg->topic) < 0)
		log_warn("Out of memory: what is spooled from now on goes to the old topic");
}

bool relay_has_spool(const struct relay *r)
{
	return r->spool;
}

void relay_read_counters(const struct relay *r, struct relay_counters *out)
{
	*out = (struct relay_counters){.recovered = r->recovered, .dropped = r->dropped};
	if (!r->spool)
		return;
	out->spooled = r->abandoned ? r->unread + r->kept : spool_unread(r->spool);
	out->dropped += spool_damaged(r->spool);
}

void relay_flush(struct relay *r)
{
	if (r->spool)
		r->dropped += spool_flush(r->spool);
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	ev_timer_stop(r->opt.loop, &r->pump);
	ev_timer_stop(r->opt.loop, &r->watch);
	ev_timer_stop(r->opt.loop, &r->hold);
	spool_free(r->spool);
	free(r->runs);
	free(r);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With a spool it is in one of five states; what each event does in them ("-": nothing; "=>": the
 * state that follows).
 *
 *			STRAIGHT	STALLED		BEHIND		ENDED		ABANDONED
 *	unread are	copies		copies		packets		any		any
 *	Kafka		answers		does not	either		either		-
 *
 *	packet		producer	spool => BEHIND	spool		-		spool
 *	 producer full	spool => BEHIND			-
 *	 no disk space	refused		producer	refused		-		refused
 *	 spool is full	refused		refused		refused		-		refused
 *	settled		-		=> STRAIGHT	answers		-		-
 *	trouble, or no	copied		copied		copied,		copied		-
 *	 answer in two	=> STALLED			does not
 *	 looks
 *	readable, room	-		-		read on; all:	read on while	-
 *	 of producer			=> STRAIGHT or	emptying
 *						STALLED
 *	look		the disk is tried again; what was behind at two of them hangs
 *	end		=> ENDED	=> ENDED	=> ENDED	-		-
 *	abandon		copied		copied		copied		copied		-
 *			=> ABANDONED	=> ABANDONED	=> ABANDONED	=> ABANDONED
 *	undelivered	-		-		-		-		kept or lost
 *
 * "refused": PACKET_E_FULL, and on_room follows. STRAIGHT, STALLED and BEHIND are what may_pass()
 * and `stalled` say. ENDED empties the spool when relay_end() is to do so, or for as long as some
 * of it is in memory alone: then on_emptied follows. Without a spool it is STRAIGHT always, and a
 * full producer refuses.
 *
 * Order. While anything in the spool is unread, every packet of the input goes behind it; the
 * producer is fed from the front. When all is read, packets go straight again. So the producer
 * gets all packets in their order, and its sequence numbers map to the spool's numbers in runs:
 * each run is a stretch of packets that came from the spool one after the other. Runs are kept
 * until they are settled; then their packets leave the disk.
 *
 * What is on disk outlives a kill -9, what is in librdkafka's queue does not. So before the first
 * packet goes to an empty spool, and when Kafka has answered nothing for a moment, all that went
 * straight and is not settled is copied to the spool. The producer has these packets and goes on
 * with them: reading skips the copies, and they leave the disk as they are settled. (Taking back
 * what is queued would leave what is in flight in memory alone, and a purge has to guess what
 * became of it.)
 *
 * A disk that takes nothing, for now or for long, must cost nothing that memory holds. While all
 * that is unread in the spool are copies, a packet may go past it: the producer has what comes
 * before. Then what the disk does not take goes to the producer, though Kafka does not answer; with
 * that full, or something else unread, it waits with the input. What the spool has taken and cannot
 * write is read from its memory, so the spool gets empty whatever the disk does.
 *
 *	spool:   | runs: read, in the producer's hands | copies | unread | -> appended here
 *	producer:| the same, by their sequence numbers | the same |
 */
#include "producer/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/config_ref.h"
#include "producer/disk_health.h"
#include "producer/runs.h"
#include "spool/spool.h"

#define BATCH   4096
#define AGAIN_S 1.   /* what had no memory is tried again */
#define WATCH_S 0.25 /* no answer for so long, twice, and what waits is copied */

struct relay {
	struct relay_options opt;
	struct producer *producer;
	struct spool *spool; /* NULL: none */
	ev_timer pump;       /* more is to be read from the spool */
	ev_timer watch;      /* while something is queued: does Kafka still answer? */
	bool waited;         /* something was queued at its last look */
	uint64_t settled;    /* delivered and failed then */
	uint64_t below;      /* all below are settled */
	struct runs runs;
	uint64_t recovered;
	uint64_t lost;      /* what the disk had not taken at the end */
	bool stalled;       /* Kafka does not answer: packets go to disk */
	bool input_blocked; /* the input was told PACKET_E_FULL */
	struct disk_health disk;
	bool ended, emptying;
	bool empty;      /* to the last packet, not only what is in memory alone */
	bool abandoned;  /* the producer gives packets up: the spool is not read any more */
	uint64_t unread; /* when that began */
	uint64_t kept;   /* given up, and on disk */
	struct log_limit send_limit;
};

/* ---- runs ---- */

void relay_on_settled(struct relay *r, uint64_t seq)
{
	if (seq > r->below)
		r->stalled = false;
	r->below = seq;
	if (r->spool)
		spool_acknowledge(r->spool, runs_settle(&r->runs, seq));
}

/* ---- copies of what is in the producer's hands alone ---- */

static int put_copy(struct relay *r, const struct packet *pkt, uint64_t seq, const char *topic,
		    int (*append)(struct spool *s, const struct packet *pkt))
{
	uint64_t number = spool_next(r->spool);
	int err = spool_set_topic(r->spool, topic);

	if (err == 0)
		err = runs_reserve(&r->runs);
	if (err == 0)
		err = append(r->spool, pkt);
	if (err)
		return err;
	runs_add_copy(&r->runs, seq, number);
	return 0;
}

static int append_copy(void *ctx, const struct packet *pkt, uint64_t seq, const char *topic)
{
	return put_copy(ctx, pkt, seq, topic, spool_append);
}

/* The same at the end of a run, when waiting for the disk holds up nobody. */
static int append_last_copy(void *ctx, const struct packet *pkt, uint64_t seq, const char *topic)
{
	return put_copy(ctx, pkt, seq, topic, spool_append_waiting);
}

/* Those that were not passed by reading: they are queued, not spooled. */
static uint64_t unread_copies(const struct relay *r)
{
	return runs_copies_from(&r->runs, spool_next(r->spool) - spool_unread(r->spool));
}

/* Has all that is in memory alone on disk, as far as there is room now; see inflight_copy(). */
static int copy(struct relay *r)
{
	int err = inflight_copy(producer_inflight(r->producer), append_copy, r);

	if (err < 0)
		log_error("Cannot copy unacknowledged packets to the spool: %s", strerror(-err));
	return err;
}

/* The producer has all that comes before the next packet. */
static bool may_pass(const struct relay *r)
{
	return !r->spool || spool_unread(r->spool) == unread_copies(r);
}

/* Kafka takes nothing for now. */
void relay_on_trouble(struct relay *r)
{
	if (!r->spool || r->abandoned)
		return;
	r->stalled = true;
	copy(r); /* what has no room yet follows before the next packet, or at the next look */
}

bool relay_keep_all(struct relay *r)
{
	return r->spool && !r->abandoned && copy(r) == 0;
}

bool relay_is_written(const struct relay *r)
{
	return spool_is_written(r->spool);
}

uint64_t relay_abandon(struct relay *r)
{
	if (!r->spool || r->abandoned)
		return 0;
	inflight_copy(producer_inflight(r->producer), append_last_copy, r);
	r->unread = spool_unread(r->spool) - unread_copies(r);
	r->abandoned = true;
	/* A run leaves the disk from its front: what is settled behind one that is not stays. */
	return runs_count(&r->runs, producer_inflight(r->producer), true, r->below, 0);
}

bool relay_on_undelivered(struct relay *r, uint64_t seq)
{
	bool kept = r->spool && runs_have(&r->runs, seq);

	r->kept += kept;
	return kept;
}

/* ---- from the spool to the producer ---- */

static int send_spooled(void *ctx, const struct packet *pkt, uint64_t number, const char *topic)
{
	struct relay *r = ctx;
	uint64_t seq = inflight_next(producer_inflight(r->producer));
	int err;

	if (runs_is_copy(&r->runs, number))
		return 0; /* the producer has it */
	/* First: what is sent and not noted would be sent again. */
	err = runs_reserve(&r->runs);
	if (err == 0)
		err = producer_send_spooled(r->producer, pkt, topic);
	if (err)
		return err;
	runs_add(&r->runs, seq, number);
	return 0;
}

static void pump_in(struct relay *r, double s)
{
	ev_timer_stop(r->opt.loop, &r->pump);
	ev_timer_set(&r->pump, s, 0.);
	ev_timer_start(r->opt.loop, &r->pump);
}

/* For want of memory; nothing else would have it tried again. */
static void on_not_sent(struct relay *r, int err)
{
	uint64_t held;

	if (log_limit_pass(&r->send_limit, 60, &held))
		log_error("Cannot send spooled packets: %s; trying again", strerror(-err));
	pump_in(r, AGAIN_S);
}

/* What is to be sent before the end is sent. */
static bool is_emptied(const struct relay *r)
{
	return may_pass(r) || (!r->empty && spool_is_written(r->spool));
}

static void pump(struct relay *r)
{
	int n;

	if (!r->spool || r->abandoned || (r->ended && !r->emptying))
		return;
	n = spool_read(r->spool, send_spooled, r, BATCH);
	if (n < 0)
		on_not_sent(r, n);
	if (n == BATCH)
		pump_in(r, 0.);
	if (r->emptying && is_emptied(r)) {
		r->emptying = false;
		r->opt.on_emptied(r->opt.ctx);
	}
}

static void unblock_input(struct relay *r)
{
	if (!r->input_blocked)
		return;
	r->input_blocked = false;
	r->opt.on_room(r->opt.ctx);
}

static void on_spool_readable(void *ctx)
{
	struct relay *r = ctx;

	pump(r);
	if (may_pass(r))
		unblock_input(r);
}

static void on_pump(struct ev_loop *loop, ev_timer *w, int revents)
{
	on_spool_readable(w->data);
}

static void on_spool_damaged(void *ctx, uint64_t packets)
{
	producer_add_losses(((struct relay *)ctx)->producer, packets);
}

static void on_spool_room(void *ctx)
{
	struct relay *r = ctx;

	disk_health_recover(&r->disk);
	unblock_input(r);
}

void relay_on_room(struct relay *r)
{
	pump(r);
	unblock_input(r);
}

/* ---- does Kafka answer? ---- */

/* Runs while something is queued or waits, so that an idle instance does not wake. */
static void on_watch(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct relay *r = w->data;
	struct producer_counters c;

	producer_read_counters(r->producer, &c);
	if (c.queued > 0 && r->waited && c.delivered + c.failed == r->settled)
		relay_on_trouble(r);
	r->waited = c.queued > 0;
	r->settled = c.delivered + c.failed;
	if (!r->abandoned) {
		disk_health_look(&r->disk);
		unblock_input(r);
	}
	if (r->emptying)
		pump(r);
	producer_read_counters(r->producer, &c);
	if (r->abandoned || (c.queued == 0 && !r->input_blocked && !r->emptying))
		ev_timer_stop(loop, w);
}

static void start_watch(struct relay *r)
{
	if (ev_is_active(&r->watch))
		return;
	r->watch.repeat = WATCH_S + producer_linger(r->producer);
	r->waited = false;
	ev_timer_again(r->opt.loop, &r->watch);
}

/* ---- from the input ---- */

static int send_straight(struct relay *r, const struct packet *pkt)
{
	int err = producer_send(r->producer, pkt);

	if (err == 0 && r->spool)
		start_watch(r);
	return err;
}

/* Behind all that is there; what went straight before it comes first. */
static int send_to_spool(struct relay *r, const struct packet *pkt)
{
	int err;

	if (!disk_health_is_good(&r->disk))
		return SPOOL_E_NOSPACE;
	err = copy(r);
	if (err == 0)
		err = spool_set_topic(r->spool, r->opt.cfg->topic); /* a copy may be for another */
	if (err == 0)
		err = spool_append(r->spool, pkt);
	disk_health_note(&r->disk, err);
	return err;
}

int relay_send(struct relay *r, const struct packet *pkt)
{
	bool passes = may_pass(r);
	int err = PACKET_E_FULL;

	if (passes && !r->stalled)
		err = send_straight(r, pkt);
	if (err == PACKET_E_FULL && r->spool)
		err = send_to_spool(r, pkt);
	r->kept += err == 0 && r->abandoned;
	if (err == SPOOL_E_NOSPACE)
		err = passes && r->stalled ? send_straight(r, pkt) : PACKET_E_FULL;
	if (err == PACKET_E_FULL) {
		r->input_blocked = true;
		if (r->spool)
			start_watch(r);
	}
	return err;
}

bool relay_end(struct relay *r, bool empty)
{
	r->ended = true;
	r->empty = empty;
	r->emptying = r->spool && (empty || !is_emptied(r));
	if (r->emptying) {
		pump_in(r, 0.);
		start_watch(r);
	}
	return r->emptying;
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
		.on_damaged = on_spool_damaged,
		.ctx = r,
	};
	int err = spool_new(&r->spool, &opt);

	if (err == 0)
		r->recovered = spool_count(r->spool) + spool_damaged(r->spool);
	return err;
}

int relay_new(struct relay **out, const struct relay_options *opt)
{
	struct relay *r = calloc(1, sizeof(*r));
	int err = 0;

	if (!r)
		return -ENOMEM;
	r->opt = *opt;
	config_ref(opt->cfg);
	ev_timer_init(&r->pump, on_pump, 0., 0.);
	ev_timer_init(&r->watch, on_watch, 0., WATCH_S);
	r->pump.data = r->watch.data = r;
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

void relay_reload(struct relay *r, const struct config *cfg)
{
	config_hold(&r->opt.cfg, cfg);
	if (r->spool)
		spool_set_limits(r->spool, cfg->spool_size, cfg->spool_segment, cfg->spool_sync_ms);
}

bool relay_has_spool(const struct relay *r)
{
	return r->spool;
}

void relay_read_counters(const struct relay *r, struct relay_counters *out)
{
	*out = (struct relay_counters){.recovered = r->recovered};
	if (!r->spool)
		return;
	out->spooled =
		r->abandoned ? r->unread + r->kept : spool_unread(r->spool) - unread_copies(r);
	out->spooled -= r->lost;
	out->dropped = spool_damaged(r->spool) + r->lost;
	out->unreadable = spool_unreadable(r->spool);
	spool_measure(r->spool, &out->usage);
}

/* Of the spool's last packets, which could not be written: those that Kafka has not. */
static uint64_t lost_of(const struct relay *r, uint64_t unwritten)
{
	uint64_t from = spool_next(r->spool) - unwritten;
	uint64_t unread = spool_unread(r->spool) < unwritten ? spool_unread(r->spool) : unwritten;

	unread -= runs_copies_from(&r->runs, spool_next(r->spool) - unread);
	if (r->abandoned)
		unread += runs_count(&r->runs, producer_inflight(r->producer), false, 0, from);
	return unread;
}

void relay_flush(struct relay *r)
{
	if (r->spool)
		r->lost = lost_of(r, spool_flush(r->spool));
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	ev_timer_stop(r->opt.loop, &r->pump);
	ev_timer_stop(r->opt.loop, &r->watch);
	spool_free(r->spool);
	runs_clear(&r->runs);
	config_unref(r->opt.cfg);
	free(r);
}

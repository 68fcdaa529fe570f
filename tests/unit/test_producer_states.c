/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A producer in each of its states: what each event does, as the table in producer.c says. Its
 * client is a list of what it was given; a test says what becomes of that, and what time it is.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kafka/kafka.h"
#include "kafka/record_decode.h"
#include "packet/block_writer.h"
#include "producer/inflight.h"
#include "producer/outtopics.h"
#include "producer/packet_message.h"
#include "producer/producer.h"
#include "producer/producer_impl.h"
#include "producer/producer_reports.h"

#define MAX 64

/* ---- what stands around it ---- */

static struct {
	double now;
	ev_timer *timer;           /* the one that runs */
	bool soon;                 /* the other one does */
	rd_kafka_resp_err_t reply; /* what the client says to a packet */
	uint64_t sent[MAX], given_back[MAX];
	uint64_t told[MAX];           /* what each that was sent tells of losses */
	uint64_t dropcount, reported; /* of the next packet to be sent; of those in reports */
	size_t n_sent, n_given_back;
	uint64_t room;
	unsigned int clients, frees, purges, purges_inflight, flushes;
	bool no_client; /* none can be made */
	bool dead, connected, next_connected;
	struct outclient *next; /* the last one that was made, if not the first */
	int64_t captured_ms;    /* of what is reported */
	bool blocks, waits;
	struct outblock *open; /* of the client's blocks, not sent */
	unsigned int dropped, closed;
	/* what it was told */
	unsigned int rooms, drained, troubles, undelivered, maybe;
	uint64_t settled;
	struct rd_kafka_message_s report[MAX];
	size_t n_reports, at;
	bool unproven;
} world;

ev_tstamp ev_now(EV_P)
{
	return world.now;
}

void ev_timer_start(struct ev_loop *loop, ev_timer *w)
{
	world.soon = true;
	w->active = 1;
}

void ev_timer_again(struct ev_loop *loop, ev_timer *w)
{
	world.timer = w;
}

void ev_timer_stop(struct ev_loop *loop, ev_timer *w)
{
	if (world.timer == w)
		world.timer = NULL;
	w->active = 0;
}

int outclient_new(struct outclient **out, const struct outclient_options *opt,
		  const struct config *cfg, unsigned int hold_ms, char *why, size_t size)
{
	if (world.no_client)
		return -ENOMEM;
	world.clients++;
	world.dead = false;
	*out = malloc(1);
	if (world.clients > 1)
		world.next = *out;
	return *out ? 0 : -ENOMEM;
}

void outclient_free(struct outclient *c, unsigned int wait_ms)
{
	world.frees += c != NULL;
	free(c);
}

struct kafka *outclient_kafka(const struct outclient *c)
{
	return (struct kafka *)c;
}

rd_kafka_resp_err_t outclient_send(struct outclient *c, const struct outclient_item *item,
				   double now, union packet_holder *holder)
{
	static const rd_kafka_message_t message;

	if (world.reply)
		return world.reply;
	assert_true(world.n_sent < MAX);
	world.told[world.n_sent] = item->pkt->dropcount;
	world.sent[world.n_sent++] = item->seq;
	holder->message = &message;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

uint32_t outclient_value_len(const struct outclient *c, const struct packet *pkt)
{
	return pkt->caplen;
}

bool outclient_has_blocks(const struct outclient *c)
{
	return world.blocks;
}

bool outclient_waits(const struct outclient *c)
{
	return world.waits;
}

/* Of a report: `_private` is the block. */
struct outblock *outclient_block(const struct outclient *c, const rd_kafka_message_t *m)
{
	return world.blocks ? m->_private : NULL;
}

void outclient_drop(struct outclient *c, struct outblock *b)
{
	world.dropped++;
}

void outclient_send_open(struct outclient *c)
{
	world.closed++;
}

void outclient_take_open(struct outclient *c, void (*fn)(void *ctx, const struct outblock *b),
			 void *ctx)
{
	if (world.open)
		fn(ctx, world.open);
	world.open = NULL;
}

rd_kafka_resp_err_t outclient_refusal(const struct outclient *c, rd_kafka_resp_err_t err)
{
	return err > 0 ? err : RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool outclient_is_dead(const struct outclient *c)
{
	return world.dead;
}

void outclient_purge(struct outclient *c, bool inflight)
{
	world.purges++;
	world.purges_inflight += inflight;
}

double outclient_linger(const struct outclient *c)
{
	return 0;
}

struct outclient_room outclient_room(const struct outclient *c)
{
	return (struct outclient_room){.packets = world.room, .bytes = 1 << 20};
}

void kafka_hurry(struct kafka *k)
{
}

void kafka_flush_start(struct kafka *k)
{
	world.flushes++;
}

void kafka_connect_now(struct kafka *k)
{
}

bool kafka_connected(const struct kafka *k)
{
	return (const void *)k == world.next ? world.next_connected : world.connected;
}

const struct kafkastats *kafka_stats(const struct kafka *k)
{
	return NULL;
}

void kafka_begin_rtt(struct kafka *k)
{
}

void *kafka_alloc(struct kafka *k, size_t size)
{
	return NULL;
}

rd_kafka_t *kafka_client(const struct kafka *k)
{
	return NULL;
}

rd_kafka_topic_t *packet_message_open_topic(rd_kafka_t *rk, const char *name,
					    struct first_batch *firsts)
{
	return NULL;
}

/* Of a report: `_private` is the sequence number. */
uint64_t packet_message_seq(const rd_kafka_message_t *m, uint64_t next)
{
	return (uintptr_t)m->_private;
}

const char *record_decode_one(const rd_kafka_message_t *m, struct packet *pkt)
{
	*pkt = (struct packet){.data = (const uint8_t *)"packet",
			       .caplen = 6,
			       .wirelen = 6,
			       .dropcount = world.reported};
	return NULL;
}

int64_t packet_message_time_ms(const rd_kafka_message_t *m)
{
	return world.captured_ms;
}

void packet_message_taken(const rd_kafka_message_t *m)
{
}

bool packet_message_may_be_there(const rd_kafka_message_t *m)
{
	return m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT || world.unproven;
}

bool packet_message_is_unproven(const rd_kafka_message_t *m)
{
	return world.unproven;
}

/* In place of librdkafka's. */
const char *rd_kafka_topic_name(const rd_kafka_topic_t *rkt)
{
	return "pcap";
}

const rd_kafka_message_t *rd_kafka_event_message_next(rd_kafka_event_t *event)
{
	return world.at < world.n_reports ? &world.report[world.at++] : NULL;
}

/* ---- who owns it ---- */

static void on_room(void *ctx)
{
	world.rooms++;
}

static void on_drained(void *ctx)
{
	world.drained++;
}

static void on_trouble(void *ctx)
{
	world.troubles++;
}

static void on_settled(void *ctx, uint64_t seq)
{
	world.settled = seq;
}

static void on_undelivered(void *ctx, const struct packet *pkt, uint64_t seq, bool maybe)
{
	assert_true(world.n_given_back < MAX);
	world.given_back[world.n_given_back++] = seq;
	world.undelivered++;
	world.maybe += maybe;
}

static char topic[] = "pcap", brokers[] = "here:9092";
static const struct config cfg = {.topic = topic, .brokers = brokers};

static int open_world_of(void **state, bool blocks)
{
	const struct producer_options opt = {.cfg = &cfg,
					     .on_room = on_room,
					     .on_drained = on_drained,
					     .on_trouble = on_trouble,
					     .on_settled = on_settled,
					     .on_undelivered = on_undelivered};

	memset(&world, 0, sizeof(world));
	world.now = 1000;
	world.room = 10;
	world.connected = world.next_connected = true;
	world.blocks = blocks;
	return producer_new((struct producer **)state, &opt);
}

static int open_world(void **state)
{
	return open_world_of(state, false);
}

static int open_block_world(void **state)
{
	return open_world_of(state, true);
}

static int close_world(void **state)
{
	producer_free(*state);
	return world.clients != world.frees;
}

/* ---- events ---- */

static int send_one(struct producer *p)
{
	const struct packet pkt = {.data = (const uint8_t *)"packet",
				   .caplen = 6,
				   .wirelen = 6,
				   .dropcount = world.dropcount};

	return producer_send(p, &pkt);
}

static void send_some(struct producer *p, unsigned int n)
{
	while (n--)
		assert_int_equal(send_one(p), 0);
}

static int send_spooled(struct producer *p)
{
	static const struct packet pkt = {.data = (const uint8_t *)"packet",
					  .caplen = 6,
					  .wirelen = 6};

	return producer_send_spooled(p, &pkt, "pcap");
}

/* Reports of packets first .. last, and what follows each batch of them. */
static void report(struct producer *p, uint64_t first, uint64_t last, rd_kafka_resp_err_t err)
{
	for (world.n_reports = world.at = 0; first <= last; first++)
		world.report[world.n_reports++] =
			(struct rd_kafka_message_s){.err = err,
						    .len = 6,
						    .offset = world.unproven
								      ? RD_KAFKA_OFFSET_INVALID
								      : 7,
						    ._private = (void *)(uintptr_t)first};
	producer_on_delivery(p, NULL);
	producer_advance(p);
}

/* The timer, and what was put off to the next round. */
static void tick(struct producer *p, double s)
{
	ev_timer *w = world.timer;

	world.now += s;
	if (world.soon) {
		world.soon = false;
		p->soon.active = 0;
		p->soon.cb(NULL, &p->soon, EV_TIMER);
	}
	if (w)
		w->cb(NULL, w, EV_TIMER);
}

#define DOWN RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART

/* Two packets are with the client, which then fails: 0 is reported, 1 is not yet. */
static void to_collecting(struct producer *p)
{
	send_some(p, 2);
	report(p, 0, 0, DOWN);
	assert_int_equal(p->state, COLLECTING);
}

/* The new client takes one of the two. */
static void to_resending(struct producer *p)
{
	to_collecting(p);
	report(p, 1, 1, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
	world.reply = RD_KAFKA_RESP_ERR__QUEUE_FULL;
	tick(p, 2);
	assert_int_equal(p->state, RESENDING);
	world.n_sent = 0;
}

static void assert_sent(size_t n, ...)
{
	va_list args;

	assert_int_equal(world.n_sent, n);
	va_start(args, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(world.sent[i], va_arg(args, int));
	va_end(args);
	world.n_sent = 0;
}

static struct producer_counters counters(const struct producer *p)
{
	struct producer_counters c;

	producer_read_counters(p, &c);
	assert_int_equal(c.sent, c.delivered + c.failed + c.queued + world.undelivered);
	return c;
}

/* ---- what is lost, the next packet tells ---- */

static void a_packet_that_fails_is_told_by_the_next_one(void **state)
{
	struct producer *p = *state;

	world.dropcount = 2;
	send_some(p, 1);
	world.dropcount = 0;
	send_some(p, 1);
	world.reported = 2;
	report(p, 0, 0, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
	world.reported = 0;
	world.reply = RD_KAFKA_RESP_ERR__QUEUE_FULL;
	world.dropcount = 4;
	assert_int_equal(send_one(p), PACKET_E_FULL); /* and tells it when it is taken */
	world.reply = 0;
	send_some(p, 1);
	world.dropcount = 0;
	send_some(p, 1);
	assert_sent(4, 0, 1, 2, 3);
	assert_int_equal(world.told[0], 2);
	assert_int_equal(world.told[1], 0);
	assert_int_equal(world.told[2], 3 + 4);
	assert_int_equal(world.told[3], 0);
}

static void a_packet_that_is_never_taken_is_told_by_the_next_one(void **state)
{
	struct producer *p = *state;

	world.reply = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
	world.dropcount = 5;
	send_some(p, 2);
	world.reply = 0;
	world.dropcount = 0;
	assert_int_equal(send_spooled(p), 0);
	send_some(p, 1);
	assert_sent(2, 2, 3);
	assert_int_equal(world.told[0], 2 * (5 + 1));
	assert_int_equal(world.told[1], 0);
}

static void a_packet_that_is_kept_tells_it(void **state)
{
	struct producer *p = *state;

	to_collecting(p);
	producer_add_losses(p, 3);
	send_some(p, 2);
	report(p, 1, 1, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
	world.n_sent = 0;
	tick(p, 2);
	assert_sent(4, 0, 1, 2, 3);
	assert_int_equal(world.told[1], 0); /* it was before the loss */
	assert_int_equal(world.told[2], 3);
	assert_int_equal(world.told[3], 0);
}

/* ---- RUNNING ---- */

static void running_sends_and_counts(void **state)
{
	struct producer *p = *state;

	send_some(p, 2);
	assert_int_equal(send_spooled(p), 0);
	assert_sent(3, 0, 1, 2);
	assert_int_equal(counters(p).queued, 3);
	report(p, 1, 2, 0);
	assert_int_equal(world.settled, 0);
	report(p, 0, 0, 0);
	assert_int_equal(world.settled, 3);
	assert_int_equal(counters(p).delivered, 3);
}

/* From the capture to the report; those of one partition in a row count as the first. */
static void running_counts_how_old_packets_are(void **state)
{
	struct producer *p = *state;
	const struct delivery_ages *ages = producer_ages(p);

	send_some(p, 4);
	world.captured_ms = (int64_t)(world.now * 1e3) - 30;
	report(p, 0, 1, 0);
	assert_int_equal(ages->counts[3], 2); /* above 25 ms, up to 50 */
	assert_int_equal(ages->sum_ms, 60);
	world.captured_ms = (int64_t)(world.now * 1e3) + 1000; /* the clock was set back */
	report(p, 2, 2, 0);
	assert_int_equal(ages->counts[0], 1);
	assert_int_equal(ages->sum_ms, 60);
	report(p, 3, 3, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
	assert_int_equal(ages->counts[0] + ages->counts[3], 3);
}

static void running_refuses_when_its_client_is_full(void **state)
{
	struct producer *p = *state;

	send_some(p, 1);
	world.reply = RD_KAFKA_RESP_ERR__QUEUE_FULL;
	assert_int_equal(send_one(p), PACKET_E_FULL);
	assert_int_equal(send_spooled(p), PACKET_E_FULL);
	assert_int_equal(world.rooms, 0);
	report(p, 0, 0, 0);
	assert_int_equal(world.rooms, 1);
	assert_int_equal(counters(p).sent, 1);
}

static void running_counts_what_fails_for_good(void **state)
{
	struct producer *p = *state;

	send_some(p, 3);
	report(p, 1, 1, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
	assert_int_equal(p->state, RUNNING);
	assert_int_equal(counters(p).failed, 1);
	/* With enable.gapless.guarantee the client is dead after it. */
	world.dead = true;
	report(p, 0, 0, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
	assert_int_equal(p->state, COLLECTING);
	report(p, 2, 2, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
	assert_int_equal(counters(p).failed, 3);
	assert_int_equal(world.settled, 3);
	assert_int_equal(p->state, COLLECTING);
	tick(p, 1);
	assert_int_equal(p->state, RUNNING);
	assert_int_equal(world.clients, 2);
}

/* librdkafka does not take it, whatever time passes. */
static void running_counts_what_its_client_never_takes(void **state)
{
	struct producer *p = *state;

	world.reply = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
	assert_int_equal(send_one(p), 0);
	assert_int_equal(counters(p).failed, 1);
	assert_int_equal(p->state, RUNNING);
	tick(p, 0);
	assert_int_equal(world.settled, 1);
}

static void running_collects_after_a_failure(void **state)
{
	struct producer *p = *state;

	to_collecting(*state);
	assert_int_equal(world.troubles, 1);
	assert_int_equal(world.purges, 1);
	assert_int_equal(world.purges_inflight, 0);
	assert_int_equal(counters(p).queued, 2);
}

/* librdkafka says that they are delivered; no answer of a broker does. */
static void running_collects_what_is_not_proven_to_be_there(void **state)
{
	struct producer *p = *state;

	send_some(p, 2);
	world.unproven = true;
	report(p, 0, 1, 0);
	assert_int_equal(p->state, COLLECTING);
	assert_int_equal(counters(p).delivered, 0);
	assert_int_equal(counters(p).queued, 2);
	assert_int_equal(counters(p).doubled, 2);
	assert_int_equal(world.settled, 0);
}

static void running_collects_when_its_client_dies(void **state)
{
	struct producer *p = *state;

	send_some(p, 1);
	producer_collect(p, RD_KAFKA_RESP_ERR__FATAL, "dead");
	assert_int_equal(p->state, COLLECTING);
	assert_int_equal(world.troubles, 1);
}

static void running_collects_when_a_packet_is_refused_for_its_topic(void **state)
{
	struct producer *p = *state;

	world.reply = RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
	assert_int_equal(send_one(p), 0); /* kept */
	assert_int_equal(p->state, COLLECTING);
	assert_int_equal(counters(p).queued, 1);
}

static void running_is_drained_once_all_is_settled(void **state)
{
	struct producer *p = *state;

	send_some(p, 1);
	producer_drain(p);
	assert_int_equal(world.flushes, 1);
	tick(p, 0);
	assert_int_equal(world.drained, 0);
	report(p, 0, 0, 0);
	assert_int_equal(world.drained, 1);
	tick(p, 0);
	assert_int_equal(world.drained, 1);
}

/* ---- COLLECTING ---- */

static void collecting_keeps_what_comes_up_to_its_room(void **state)
{
	struct producer *p = *state;

	to_collecting(p);
	world.n_sent = 0;
	assert_int_equal(send_spooled(p), PACKET_E_FULL);
	send_some(p, 8);
	assert_int_equal(send_one(p), PACKET_E_FULL);
	assert_sent(0);
	assert_int_equal(counters(p).queued, 10);
	assert_int_equal(world.rooms, 0);
	report(p, 1, 1, 0);
	assert_int_equal(world.rooms, 1);
	assert_int_equal(counters(p).delivered, 1);
}

static void collecting_purges_until_all_is_back(void **state)
{
	struct producer *p = *state;

	to_collecting(p);
	tick(p, 5);
	tick(p, 5);
	assert_int_equal(world.purges, 3);
	assert_int_equal(world.clients, 1);
	producer_collect(p, RD_KAFKA_RESP_ERR__FATAL, "again"); /* it is so already */
	assert_int_equal(world.troubles, 1);
}

static void collecting_backs_off_then_makes_a_client(void **state)
{
	struct producer *p = *state;

	to_collecting(p);
	report(p, 1, 1, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
	world.n_sent = 0;
	tick(p, 0.05);
	assert_int_equal(world.clients, 1);
	tick(p, 0.06);
	assert_int_equal(world.clients, 2);
	assert_int_equal(world.frees, 1);
	assert_sent(2, 0, 1);
	assert_int_equal(p->state, RUNNING);
}

static void collecting_tries_again_without_memory_for_a_client(void **state)
{
	struct producer *p = *state;

	to_collecting(p);
	report(p, 1, 1, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
	world.no_client = true;
	tick(p, 1);
	assert_int_equal(p->state, COLLECTING);
	world.no_client = false;
	tick(p, 0.5);
	assert_int_equal(p->state, COLLECTING);
	tick(p, 0.6);
	assert_int_equal(p->state, RUNNING);
}

static void collecting_is_not_drained(void **state)
{
	struct producer *p = *state;

	send_some(p, 1);
	producer_collect(p, RD_KAFKA_RESP_ERR__FATAL, "dead");
	producer_drain(p);
	report(p, 0, 0, 0);
	assert_int_equal(world.drained, 0);
	tick(p, 2);
	assert_int_equal(p->state, RUNNING);
	assert_int_equal(world.drained, 1);
}

/* ---- RESENDING ---- */

static void resending_sends_in_the_old_order(void **state)
{
	struct producer *p = *state;

	to_resending(p);
	send_some(p, 1); /* behind the two */
	assert_int_equal(send_spooled(p), PACKET_E_FULL);
	assert_sent(0);
	world.reply = 0;
	producer_advance(p);
	assert_sent(3, 0, 1, 2);
	assert_int_equal(p->state, RUNNING);
	assert_int_equal(world.rooms, 1);
	report(p, 0, 2, 0);
	assert_int_equal(world.settled, 3);
}

static void resending_collects_after_a_failure(void **state)
{
	struct producer *p = *state;

	to_resending(p);
	world.reply = 0;
	send_some(p, 0);
	p->outstanding = 0;
	producer_collect(p, DOWN, "again");
	assert_int_equal(p->state, COLLECTING);
	assert_int_equal(world.troubles, 2);
	/* Nothing was delivered since: it waits longer. */
	tick(p, 0.5);
	assert_int_equal(p->state, COLLECTING);
	tick(p, 0.6);
	assert_int_equal(p->state, RUNNING);
	assert_sent(2, 0, 1);
}

static void resending_counts_what_its_client_never_takes(void **state)
{
	struct producer *p = *state;

	to_resending(p);
	world.reply = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
	producer_advance(p);
	assert_int_equal(p->state, RUNNING);
	assert_int_equal(counters(p).failed, 2);
}

/* ---- a reload ---- */

static struct outclient *prepare(struct producer *p)
{
	struct outclient *next = NULL;
	char why[128];

	assert_int_equal(producer_prepare(p, &cfg, &next, why, sizeof(why)), 0);
	return next;
}

static void a_reload_drains_the_old_client_first(void **state)
{
	struct producer *p = *state;

	send_some(p, 2);
	producer_replace(p, &cfg, prepare(p));
	assert_int_equal(p->state, COLLECTING);
	assert_int_equal(world.troubles, 0);
	assert_int_equal(world.purges, 0);
	assert_int_equal(world.flushes, 1);
	report(p, 0, 1, 0);
	tick(p, 0);
	assert_int_equal(p->state, RUNNING);
	assert_int_equal(world.clients, 2);
	assert_int_equal(world.frees, 1);
}

static void a_reload_takes_back_what_the_old_client_does_not_send(void **state)
{
	struct producer *p = *state;

	send_some(p, 2);
	producer_replace(p, &cfg, prepare(p));
	tick(p, 0.2);
	assert_int_equal(world.purges, 1);
	tick(p, 9);
	assert_int_equal(world.purges_inflight, 0);
	tick(p, 2);
	assert_int_equal(world.purges_inflight, 1);
	world.n_sent = 0;
	report(p, 0, 1, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT);
	tick(p, 0);
	assert_sent(2, 0, 1);
	assert_int_equal(counters(p).doubled, 2);
}

/* One packet is delivered, so that the client is one that may recover; two more are not. */
static void replace_in_outage(struct producer *p)
{
	send_some(p, 3);
	report(p, 0, 0, 0);
	producer_replace(p, &cfg, prepare(p));
	world.next_connected = false;
}

static void a_reload_takes_back_the_queue_of_a_client_that_is_well(void **state)
{
	struct producer *p = *state;

	replace_in_outage(p);
	world.next_connected = true;
	tick(p, 0.2);
	assert_int_equal(world.purges, 1);
	assert_int_equal(world.purges_inflight, 0);
}

/* It has lost its broker: it alone can send again without doubling. */
static void a_reload_waits_for_a_client_that_may_recover(void **state)
{
	struct producer *p = *state;

	replace_in_outage(p);
	world.connected = false;
	tick(p, 0.2);
	tick(p, 1000);
	world.room = 2; /* it is full: the next client could not send either */
	tick(p, 1000);
	world.room = 10;
	world.next_connected = true;
	tick(p, 29.9);
	assert_int_equal(world.purges, 0);
	tick(p, 0.2);
	assert_int_equal(world.purges, 1);
	assert_int_equal(world.purges_inflight, 0);
	tick(p, 10);
	assert_int_equal(world.purges_inflight, 1);
}

static void a_reload_waits_for_a_client_that_recovers(void **state)
{
	struct producer *p = *state;

	replace_in_outage(p);
	world.connected = false;
	tick(p, 0.2);
	world.connected = world.next_connected = true;
	tick(p, 29);
	report(p, 1, 1, 0);
	tick(p, 29);
	tick(p, 29);
	report(p, 2, 2, 0);
	assert_int_equal(world.purges, 0);
	tick(p, 0);
	assert_int_equal(p->state, RUNNING);
	assert_int_equal(counters(p).doubled, 0);
}

/* Where the next client gets through before the first look. */
static void a_reload_waits_for_a_client_that_comes_back_later(void **state)
{
	struct producer *p = *state;

	replace_in_outage(p);
	world.connected = false;
	world.next_connected = true;
	tick(p, 0.2);
	tick(p, 29);
	assert_int_equal(world.purges, 0);
	world.connected = true;
	report(p, 1, 2, 0);
	tick(p, 0);
	assert_int_equal(p->state, RUNNING);
	assert_int_equal(counters(p).doubled, 0);
}

/* The connection stays, and nothing is answered. */
static void a_reload_waits_for_a_broker_that_hangs(void **state)
{
	struct producer *p = *state;

	replace_in_outage(p);
	tick(p, 0.2);
	tick(p, 1000);
	world.next_connected = true;
	tick(p, 0.2);
	assert_int_equal(world.purges, 0);
	world.room = 2; /* what comes would be lost */
	tick(p, 0.2);
	assert_int_equal(world.purges, 1);
}

/* It need not be an outage that the next client has not got through yet. */
static void a_reload_waits_for_the_next_client_to_connect(void **state)
{
	struct producer *p = *state;

	replace_in_outage(p);
	tick(p, 0.2);
	tick(p, 0.2);
	assert_int_equal(world.purges, 0);
	world.next_connected = true;
	tick(p, 0.2);
	assert_int_equal(world.purges, 1);
}

/* These brokers are not those that it delivered to. */
static void a_reload_of_the_brokers_waits_for_none(void **state)
{
	static char there[] = "there:9092";
	static const struct config other = {.topic = topic, .brokers = there};
	struct producer *p = *state;

	send_some(p, 2);
	report(p, 0, 0, 0);
	world.connected = world.next_connected = false;
	producer_replace(p, &other, prepare(p));
	tick(p, 0.2);
	assert_int_equal(world.purges, 1);
}

static void a_reload_while_collecting_waits_its_turn(void **state)
{
	struct producer *p = *state;

	to_collecting(p);
	producer_replace(p, &cfg, prepare(p));
	producer_replace(p, &cfg, prepare(p)); /* whose turn comes: the first is gone */
	assert_int_equal(world.frees, 1);
	assert_int_equal(world.flushes, 0); /* its client is given up anyway */
	report(p, 1, 1, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
	tick(p, 0); /* no backing off: these are other settings */
	assert_int_equal(p->state, RUNNING);
	assert_int_equal(world.clients, 3);
	assert_int_equal(world.frees, 2);
}

static void a_reload_while_resending_collects(void **state)
{
	struct producer *p = *state;

	to_resending(p);
	producer_replace(p, &cfg, prepare(p));
	assert_int_equal(p->state, COLLECTING);
	world.reply = 0;
	tick(p, 0);
	assert_int_equal(p->state, RUNNING);
	assert_sent(2, 0, 1);
}

static void a_reload_is_refused_at_the_end(void **state)
{
	struct outclient *next = NULL;
	char why[128];

	producer_drain(*state);
	assert_int_equal(producer_prepare(*state, &cfg, &next, why, sizeof(why)), -EBUSY);
}

/* ---- ABANDONED ---- */

static void abandoned_gives_all_back(void **state)
{
	struct producer *p = *state;

	to_resending(p);
	world.reply = 0;
	send_some(p, 1);
	producer_abandon(p);
	assert_int_equal(world.undelivered, 3); /* what was kept, at once */
	assert_int_equal(world.purges_inflight, 1);
	assert_int_equal(send_one(p), PACKET_E_FULL);
	assert_int_equal(send_spooled(p), PACKET_E_FULL);
	tick(p, 0);
	assert_int_equal(world.drained, 1);
}

static void abandoned_waits_for_the_reports(void **state)
{
	struct producer *p = *state;
	char why[128];
	struct outclient *next;

	send_some(p, 4);
	producer_abandon(p);
	tick(p, 0);
	assert_int_equal(world.drained, 0);
	producer_collect(p, RD_KAFKA_RESP_ERR__FATAL, "dead"); /* it is the end anyway */
	report(p, 0, 0, 0);
	report(p, 1, 1, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT);
	report(p, 2, 2, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	assert_int_equal(world.drained, 0);
	report(p, 3, 3, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
	assert_int_equal(world.drained, 1);
	assert_int_equal(p->state, ABANDONED);
	assert_int_equal(world.undelivered, 3);
	assert_int_equal(world.maybe, 1);
	assert_int_equal(world.given_back[0], 1);
	assert_int_equal(producer_prepare(p, &cfg, &next, why, sizeof(why)), -EBUSY);
}

#define CASE(name)   cmocka_unit_test_setup_teardown(name, open_world, close_world)
#define BLOCKS(name) cmocka_unit_test_setup_teardown(name, open_block_world, close_world)

/* ---- blocks: a message is many packets ---- */

#define BLOCK_ROOM 1000

/* Of packets first, first + step, ... */
static struct outblock *make_block(uint64_t first, uint64_t step, uint32_t packets)
{
	static struct {
		struct outblock block;
		struct block_writer writer;
		uint8_t bytes[BLOCK_ROOM];
		uint32_t seqs[MAX];
	} memory[4];
	static unsigned int used;
	struct outblock *b = &memory[used % 4].block;
	struct block_writer *w = &memory[used % 4].writer;
	const struct packet pkt = {.data = (const uint8_t *)"packet", .caplen = 6, .wirelen = 6};

	memset(b, 0, sizeof(*b));
	block_writer_init(w, memory[used % 4].bytes, BLOCK_ROOM);
	b->seqs = memory[used % 4].seqs;
	b->topic = topic;
	b->bytes = memory[used++ % 4].bytes;
	for (uint32_t i = 0; i < packets; i++) {
		assert_true(block_writer_put(w, &pkt));
		outblock_add(b, &pkt, first + i * step);
	}
	b->len = w->len;
	return b;
}

static void report_block(struct producer *p, struct outblock *b, rd_kafka_resp_err_t err)
{
	world.at = 0;
	world.n_reports = 1;
	world.report[0] = (struct rd_kafka_message_s){.err = err, .len = b->len, ._private = b};
	producer_on_delivery(p, NULL);
	producer_advance(p);
}

static void all_packets_of_a_block_are_delivered(void **state)
{
	struct producer *p = *state;

	send_some(p, 4);
	report_block(p, make_block(0, 2, 2), 0);
	assert_int_equal(counters(p).delivered, 2);
	assert_int_equal(world.settled, 1);
	report_block(p, make_block(1, 2, 2), 0);
	assert_int_equal(counters(p).delivered, 4);
	assert_int_equal(world.settled, 4);
	assert_int_equal(world.dropped, 2);
	assert_int_equal(p->queued_bytes, 0);
}

/* With those of a block that was not sent yet. */
static void packets_of_blocks_are_sent_again_in_the_old_order(void **state)
{
	struct producer *p = *state;

	send_some(p, 6);
	world.n_sent = 0;
	world.open = make_block(1, 2, 2);
	report_block(p, make_block(0, 2, 3), DOWN);
	assert_int_equal(p->state, COLLECTING);
	assert_int_equal(counters(p).queued, 6);
	report_block(p, make_block(5, 1, 1), RD_KAFKA_RESP_ERR__PURGE_INFLIGHT);
	assert_int_equal(counters(p).doubled, 1);
	tick(p, 2);
	assert_sent(6, 0, 1, 2, 3, 4, 5);
	assert_int_equal(p->state, RUNNING);
	report_block(p, make_block(0, 1, 6), 0);
	assert_int_equal(world.settled, 6);
	assert_int_equal(p->queued_bytes, 0);
}

static void a_block_that_is_too_large_is_made_smaller(void **state)
{
	struct producer *p = *state;
	struct outblock *b = make_block(0, 1, 3);

	send_some(p, 3);
	world.n_sent = 0;
	p->rules.batch_size = 100; /* it was alone in its batch */
	report_block(p, b, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	assert_int_equal(counters(p).failed, 0);
	tick(p, 2);
	assert_int_equal(p->rules.block_max, b->len / 2);
	assert_sent(3, 0, 1, 2);
	report_block(p, make_block(0, 1, 1), RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	assert_int_equal(counters(p).failed, 1);
	report_block(p, make_block(1, 1, 2), 0);
	assert_int_equal(world.settled, 3);
	send_some(p, 1);
	assert_int_equal(world.told[0], 1);
}

static void a_block_that_fails_for_good_counts_its_packets(void **state)
{
	struct producer *p = *state;

	send_some(p, 3);
	report_block(p, make_block(0, 1, 3), RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
	assert_int_equal(counters(p).failed, 3);
	assert_int_equal(world.settled, 3);
	send_some(p, 1);
	assert_int_equal(world.told[3], 3);
}

static void an_abandoned_producer_gives_back_packets(void **state)
{
	struct producer *p = *state;

	send_some(p, 5);
	world.open = make_block(3, 1, 2);
	producer_abandon(p);
	assert_int_equal(world.undelivered, 2);
	assert_int_equal(world.maybe, 0);
	report_block(p, make_block(0, 1, 3), RD_KAFKA_RESP_ERR__PURGE_INFLIGHT);
	assert_int_equal(world.undelivered, 5);
	assert_int_equal(world.maybe, 3);
	assert_int_equal(world.drained, 1);
	assert_int_equal(counters(p).queued, 0);
}

/* For the partitions, or an answer: a file can wait for that, a capture goes on. */
static void packets_wait_for_what_their_client_awaits(void **state)
{
	struct producer *p = *state;

	send_some(p, 1);
	world.waits = true;
	world.reply = RD_KAFKA_RESP_ERR__QUEUE_FULL;
	assert_int_equal(send_spooled(p), PACKET_E_FULL);
	send_some(p, 2);
	assert_int_equal(send_spooled(p), PACKET_E_FULL);
	assert_int_equal(counters(p).queued, 3);
	world.waits = false;
	world.reply = 0;
	producer_advance(p);
	assert_sent(3, 0, 1, 2);
	assert_int_equal(p->state, RUNNING);
	assert_int_equal(world.rooms, 1);
}

/* What is open goes with what is queued, at the end and at a reload. */
static void blocks_are_closed_at_the_end(void **state)
{
	struct producer *p = *state;

	send_some(p, 1);
	producer_drain(p);
	assert_int_equal(world.closed, 1);
	tick(p, 0);
	assert_int_equal(world.drained, 0);
	report_block(p, make_block(0, 1, 1), 0);
	assert_int_equal(world.drained, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(running_sends_and_counts),
		CASE(running_counts_how_old_packets_are),
		CASE(running_refuses_when_its_client_is_full),
		CASE(a_packet_that_fails_is_told_by_the_next_one),
		CASE(a_packet_that_is_never_taken_is_told_by_the_next_one),
		CASE(a_packet_that_is_kept_tells_it),
		CASE(running_counts_what_fails_for_good),
		CASE(running_counts_what_its_client_never_takes),
		CASE(running_collects_after_a_failure),
		CASE(running_collects_what_is_not_proven_to_be_there),
		CASE(running_collects_when_its_client_dies),
		CASE(running_collects_when_a_packet_is_refused_for_its_topic),
		CASE(running_is_drained_once_all_is_settled),
		CASE(collecting_keeps_what_comes_up_to_its_room),
		CASE(collecting_purges_until_all_is_back),
		CASE(collecting_backs_off_then_makes_a_client),
		CASE(collecting_tries_again_without_memory_for_a_client),
		CASE(collecting_is_not_drained),
		CASE(resending_sends_in_the_old_order),
		CASE(resending_collects_after_a_failure),
		CASE(resending_counts_what_its_client_never_takes),
		CASE(a_reload_drains_the_old_client_first),
		CASE(a_reload_takes_back_what_the_old_client_does_not_send),
		CASE(a_reload_takes_back_the_queue_of_a_client_that_is_well),
		CASE(a_reload_waits_for_a_client_that_may_recover),
		CASE(a_reload_waits_for_a_client_that_recovers),
		CASE(a_reload_waits_for_a_client_that_comes_back_later),
		CASE(a_reload_waits_for_a_broker_that_hangs),
		CASE(a_reload_waits_for_the_next_client_to_connect),
		CASE(a_reload_of_the_brokers_waits_for_none),
		CASE(a_reload_while_collecting_waits_its_turn),
		CASE(a_reload_while_resending_collects),
		CASE(a_reload_is_refused_at_the_end),
		CASE(abandoned_gives_all_back),
		CASE(abandoned_waits_for_the_reports),
		BLOCKS(all_packets_of_a_block_are_delivered),
		BLOCKS(packets_of_blocks_are_sent_again_in_the_old_order),
		BLOCKS(a_block_that_is_too_large_is_made_smaller),
		BLOCKS(a_block_that_fails_for_good_counts_its_packets),
		BLOCKS(an_abandoned_producer_gives_back_packets),
		CASE(packets_wait_for_what_their_client_awaits),
		BLOCKS(packets_wait_for_what_their_client_awaits),
		BLOCKS(blocks_are_closed_at_the_end),
	};

	return cmocka_run_group_tests_name("producer_states", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay on a real loop, with a real spool on a disk that is full, hangs or goes away. Kafka is
 * a list: what the producer was given, in order, and how much of it is settled.
 */
#include <sys/syscall.h>

#include "producer/inflight.h"
#include "producer/relay.h"
#include "spool_rig.h"

#define MAX_PACKETS 200000
#define PACKET_SIZE 1000

/* ---- the producer and Kafka ---- */

static struct {
	uint32_t id[MAX_PACKETS]; /* by sequence number */
	uint64_t next, settled, copied;
	uint64_t room; /* how many may be unsettled */
	bool blocked;
	unsigned int counted;   /* how often its counters were read: twice at each look */
	unsigned int no_memory; /* how often it has none for a packet of the spool */
	uint64_t lost, lost_at; /* as it was told, and how many it had then */
} kafka;

static struct packet packet_of(uint32_t id, uint8_t bytes[PACKET_SIZE])
{
	memset(bytes, 0, PACKET_SIZE);
	memcpy(bytes, &id, sizeof(id));
	return (struct packet){.data = bytes,
			       .caplen = PACKET_SIZE,
			       .wirelen = PACKET_SIZE,
			       .time_us = 1700000000000000 + id,
			       .linktype = 1};
}

static int give(const struct packet *pkt)
{
	kafka.blocked = kafka.next - kafka.settled >= kafka.room;
	if (kafka.blocked)
		return PACKET_E_FULL;
	assert_true(kafka.next < MAX_PACKETS);
	memcpy(&kafka.id[kafka.next++], pkt->data, sizeof(uint32_t));
	return 0;
}

int producer_send(struct producer *p, const struct packet *pkt)
{
	return give(pkt);
}

int producer_send_spooled(struct producer *p, const struct packet *pkt, const char *topic)
{
	int r;

	if (kafka.no_memory) {
		kafka.no_memory--;
		return -ENOMEM;
	}
	r = give(pkt);
	if (r == 0)
		kafka.copied = kafka.next;
	return r;
}

void producer_add_losses(struct producer *p, uint64_t packets)
{
	kafka.lost += packets;
	kafka.lost_at = kafka.next;
}

struct inflight *producer_inflight(struct producer *p)
{
	return NULL;
}

double producer_linger(const struct producer *p)
{
	return 0;
}

void producer_read_counters(const struct producer *p, struct producer_counters *out)
{
	kafka.counted++;
	*out = (struct producer_counters){.delivered = kafka.settled,
					  .queued = kafka.next - kafka.settled};
}

uint64_t inflight_next(const struct inflight *f)
{
	return kafka.next;
}

bool inflight_has_settled(const struct inflight *f, uint64_t seq)
{
	return seq < kafka.settled;
}

int inflight_copy(struct inflight *f, inflight_fn fn, void *ctx)
{
	uint8_t bytes[PACKET_SIZE];
	int r = 0;

	if (kafka.copied < kafka.settled)
		kafka.copied = kafka.settled;
	while (kafka.copied < kafka.next && r == 0) {
		struct packet pkt = packet_of(kafka.id[kafka.copied], bytes);

		r = fn(ctx, &pkt, kafka.copied, "pcap");
		kafka.copied += r == 0;
	}
	return r;
}

/* ---- a heap that has nothing more, for the loop's tables ---- */

static _Thread_local struct {
	bool empty;
	unsigned int asked;
} heap;

/* In place of libc's. */
void *reallocarray(void *p, size_t n, size_t size)
{
	if (!heap.empty)
		return realloc(p, n * size);
	heap.asked++;
	return NULL;
}

/* ---- the relay and its input ---- */

struct world {
	struct rig *rig;
	struct config cfg;
	struct relay *relay;
	uint32_t fed;
	bool open, emptied; /* open: the input may go on */
};

static void on_relay_room(void *ctx)
{
	((struct world *)ctx)->open = true;
}

static void on_emptied(void *ctx)
{
	((struct world *)ctx)->emptied = true;
}

static void open_relay(struct world *w)
{
	const struct relay_options opt = {.loop = w->rig->loop,
					  .cfg = &w->cfg,
					  .on_room = on_relay_room,
					  .on_emptied = on_emptied,
					  .ctx = w};

	w->open = true;
	assert_int_equal(relay_new(&w->relay, &opt), 0);
	relay_set_producer(w->relay, NULL);
}

static int open_world(void **state)
{
	static char topic[] = "pcap";
	struct world *w = calloc(1, sizeof(*w));
	void *rig;

	memset(&kafka, 0, sizeof(kafka));
	kafka.room = 5000;
	assert_int_equal(setup(&rig), 0);
	w->rig = rig;
	w->cfg = (struct config){.topic = topic,
				 .spool_directory = w->rig->dir,
				 .spool_size = 1u << 30,
				 .spool_segment = 1u << 20,
				 .spool_sync_ms = 50};
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;

	hold_writes(false);
	heap.empty = false;
	relay_free(w->relay);
	each_file(w->rig, true);
	umount2(w->rig->dir, MNT_DETACH);
	rmdir(w->rig->dir);
	ev_loop_destroy(w->rig->loop);
	free(w->rig);
	free(w);
	return 0;
}

/* Offers what the input has, `max` packets at most. */
static void feed(struct world *w, unsigned int max)
{
	uint8_t bytes[PACKET_SIZE];

	while (max-- && w->open) {
		struct packet pkt = packet_of(w->fed, bytes);
		int r = relay_send(w->relay, &pkt);

		assert_true(r == 0 || r == PACKET_E_FULL);
		w->open = r == 0;
		w->fed += r == 0;
	}
}

/* Kafka answers what it has. */
static void answer(struct world *w)
{
	bool blocked = kafka.blocked;

	kafka.settled = kafka.next;
	kafka.blocked = false;
	relay_on_settled(w->relay, kafka.settled);
	if (blocked)
		relay_on_room(w->relay);
}

/* All that came in is with Kafka, in order. */
static bool all_arrived(const struct world *w)
{
	return kafka.next == w->fed && kafka.settled == kafka.next;
}

static void assert_in_order(const struct world *w, uint64_t n)
{
	struct relay_counters c;

	assert_true(kafka.next >= n);
	for (uint64_t i = 0; i < kafka.next; i++)
		assert_int_equal(kafka.id[i], i);
	relay_read_counters(w->relay, &c);
	assert_int_equal(c.dropped, 0);
}

/* Kafka hangs until nothing more is taken in. */
static void hang_until_full(struct world *w)
{
	feed(w, 1000);
	answer(w);
	feed(w, 500);
	relay_on_trouble(w->relay);
	WAIT(w->rig, (feed(w, 100), kafka.next - kafka.settled == kafka.room && !w->open));
}

/* ---- tests ---- */

/* Told before the packet behind it is sent, for that one to tell. */
static void what_is_damaged_on_disk_is_told_at_its_place(void **state)
{
	struct world *w = *state;
	static uint8_t buf[1u << 18];
	uint8_t bytes[PACKET_SIZE];
	struct relay_counters c;
	char path[512];
	size_t size;

	rig_open(w->rig);
	for (uint32_t i = 0; i < 100; i++) {
		struct packet pkt = packet_of(i, bytes);

		assert_int_equal(spool_append(w->rig->spool, &pkt), 0);
	}
	rig_close(w->rig);
	size = slurp(w->rig, path, sizeof(path), buf, sizeof(buf));
	buf[size / 2] ^= 0xff;
	spit(path, buf, size);
	open_relay(w);
	WAIT(w->rig, kafka.next == 99);
	relay_read_counters(w->relay, &c);
	assert_int_equal(c.dropped, 1);
	assert_int_equal(kafka.lost, 1);
	assert_int_equal(kafka.id[kafka.lost_at], kafka.id[kafka.lost_at - 1] + 2);
}

/* The worst fault that was found: for as long as the disk stayed full, every packet was dropped. */
static void a_hiccup_on_a_full_disk_costs_nothing(void **state)
{
	struct world *w = *state;
	char filler[80];

	small_disk(w->rig, "size=1m");
	open_relay(w);
	fill_disk(w->rig, filler, sizeof(filler));
	for (int round = 0; round < 3; round++) {
		uint32_t before;

		feed(w, 500);
		relay_on_trouble(w->relay);
		WAIT(w->rig, (feed(w, 50), w->fed > kafka.settled + 2000));
		WAIT(w->rig, (answer(w), all_arrived(w)));
		before = w->fed;
		feed(w, 3000); /* straight: without a turn of the loop */
		assert_int_equal(kafka.next, before + 3000);
		answer(w);
	}
	assert_in_order(w, 10000);
}

/* First in the producer's memory, then with the input; and the disk is tried again and again. */
static void what_a_full_disk_refuses_waits_in_memory(void **state)
{
	struct world *w = *state;
	char filler[80];
	uint32_t held;

	small_disk(w->rig, "size=16m");
	open_relay(w);
	fill_disk(w->rig, filler, sizeof(filler));
	hang_until_full(w);
	held = w->fed;
	assert_int_equal(unlink(filler), 0);
	WAIT(w->rig, (feed(w, 100), w->fed > held + 5000));
	WAIT(w->rig, (answer(w), feed(w, 500), w->fed > 30000));
	WAIT(w->rig, (answer(w), all_arrived(w)));
	assert_in_order(w, 30000);
}

static void a_full_spool_holds_the_input(void **state)
{
	struct world *w = *state;

	w->cfg.spool_size = 4u << 20;
	open_relay(w);
	hang_until_full(w);
	assert_true(w->fed < 15000);
	WAIT(w->rig, (answer(w), feed(w, 500), w->fed > 30000));
	WAIT(w->rig, (answer(w), all_arrived(w)));
	assert_in_order(w, 30000);
}

static void a_hiccup_on_a_disk_that_hangs_costs_nothing(void **state)
{
	struct world *w = *state;
	uint32_t before;

	kafka.room = 50000;
	open_relay(w);
	feed(w, 100);
	hold_writes(true);
	relay_on_trouble(w->relay);
	/* Far more than waits for the disk. */
	WAIT(w->rig, (feed(w, 100), w->fed > 40000));
	WAIT(w->rig, (answer(w), all_arrived(w)));
	before = w->fed;
	feed(w, 3000);
	assert_int_equal(kafka.next, before + 3000);
	hold_writes(false);
	answer(w);
	relay_on_trouble(w->relay);
	WAIT(w->rig, (feed(w, 100), w->fed > before + 10000));
	WAIT(w->rig, (answer(w), all_arrived(w)));
	assert_in_order(w, before + 10000);
}

/* It hangs when it was behind from one look to the next, not at one of them. */
static void a_disk_that_is_behind_at_one_look_does_not_hang(void **state)
{
	struct world *w = *state;
	unsigned int counted;

	kafka.room = 50000;
	open_relay(w);
	feed(w, 100);
	hold_writes(true);
	relay_on_trouble(w->relay);
	WAIT(w->rig, (feed(w, 100), !w->open));
	counted = kafka.counted;
	WAIT(w->rig, (w->open = true, feed(w, 1), w->open)); /* past the spool */
	assert_int_equal(kafka.next, w->fed);
	assert_true(kafka.counted >= counted + 4);
}

/* Nothing may be left where it is when the disk does not take it. */
static void a_stop_empties_what_a_full_disk_refused(void **state)
{
	struct world *w = *state;
	char filler[80];

	small_disk(w->rig, "size=1m");
	open_relay(w);
	fill_disk(w->rig, filler, sizeof(filler));
	kafka.room = 0;
	relay_on_trouble(w->relay);
	WAIT(w->rig, (feed(w, 10), !w->open));
	kafka.room = 5000;
	assert_true(relay_end(w->relay, false));
	WAIT(w->rig, (answer(w), w->emptied));
	answer(w);
	assert_true(all_arrived(w));
	assert_in_order(w, 10);
}

static void a_stop_sends_what_a_disk_that_hangs_has_not(void **state)
{
	struct world *w = *state;

	open_relay(w);
	hold_writes(true);
	kafka.room = 0;
	relay_on_trouble(w->relay);
	feed(w, 1000);
	assert_int_equal(w->fed, 1000);
	assert_true(relay_end(w->relay, false));
	WAIT(w->rig, kafka.blocked);
	assert_false(relay_is_written(w->relay));
	kafka.room = 5000;
	WAIT(w->rig, (answer(w), w->emptied));
	answer(w);
	assert_true(all_arrived(w));
	assert_in_order(w, 1000);
}

/* Also when it was behind at first. */
static void a_stop_leaves_what_is_on_disk(void **state)
{
	struct world *w = *state;

	open_relay(w);
	hold_writes(true);
	kafka.room = 0;
	relay_on_trouble(w->relay);
	feed(w, 1000);
	assert_true(relay_end(w->relay, false));
	WAIT(w->rig, kafka.blocked);
	hold_writes(false);
	WAIT(w->rig, w->emptied);
	assert_true(relay_is_written(w->relay));
	assert_int_equal(kafka.next, 0);
	assert_false(relay_end(w->relay, false));
}

/* Nothing else may happen that would have it tried again. */
static void what_had_no_memory_is_sent_later(void **state)
{
	struct world *w = *state;

	open_relay(w);
	kafka.no_memory = 2;
	relay_on_trouble(w->relay);
	feed(w, 100);
	WAIT(w->rig, kafka.next == w->fed);
	assert_int_equal(kafka.no_memory, 0);
	assert_in_order(w, 100);
}

static void what_cannot_be_noted_is_not_sent(void **state)
{
	struct world *w = *state;

	open_relay(w);
	relay_on_trouble(w->relay);
	feed(w, 100);
	heap.empty = true;
	WAIT(w->rig, heap.asked > 0);
	heap.empty = false;
	assert_int_equal(kafka.next, 0);
	WAIT(w->rig, kafka.next == w->fed);
	assert_in_order(w, 100);
}

/* Given up: the account is true, and what is said to be on disk is there. */
static void what_is_given_up_on_a_full_disk_is_counted(void **state)
{
	struct world *w = *state;
	struct relay_counters c;
	uint64_t kept = 0;

	small_disk(w->rig, "size=4m");
	open_relay(w);
	hang_until_full(w);
	kafka.settled += 100;
	relay_on_settled(w->relay, kafka.settled);
	assert_int_equal(relay_abandon(w->relay), 0);
	for (uint64_t seq = kafka.settled; seq < kafka.next; seq++)
		kept += relay_on_undelivered(w->relay, seq);
	relay_flush(w->relay);
	relay_read_counters(w->relay, &c);
	assert_true(c.spooled > 0 && c.dropped > 0 && kept > 0);
	assert_int_equal(kafka.settled + (kafka.next - kafka.settled - kept) + c.spooled +
				 c.dropped,
			 w->fed);
	relay_free(w->relay);
	w->relay = NULL;
	rig_open(w->rig);
	assert_int_equal(spool_count(w->rig->spool), c.spooled);
	rig_close(w->rig);
}

/* ---- the states, as the table in relay.c has them ---- */

static uint64_t spooled(const struct world *w)
{
	struct relay_counters c;

	relay_read_counters(w->relay, &c);
	return c.spooled;
}

static void without_a_spool_it_goes_straight_or_not(void **state)
{
	struct world *w = *state;

	w->cfg.spool_directory = NULL;
	kafka.room = 10;
	open_relay(w);
	feed(w, 20);
	assert_int_equal(w->fed, 10);
	relay_on_trouble(w->relay);
	assert_false(relay_keep_all(w->relay));
	answer(w);
	assert_true(w->open);
	feed(w, 5);
	assert_int_equal(kafka.next, 15);
	assert_false(relay_end(w->relay, true));
	assert_int_equal(relay_abandon(w->relay), 0);
	assert_false(relay_on_undelivered(w->relay, 14));
	assert_int_equal(spooled(w), 0);
}

static void a_full_producer_has_the_rest_spooled(void **state)
{
	struct world *w = *state;

	kafka.room = 10;
	open_relay(w);
	feed(w, 15);
	assert_int_equal(w->fed, 15);
	assert_int_equal(kafka.next, 10);
	assert_int_equal(spooled(w), 5);
	kafka.room = 20; /* what comes is behind them all the same */
	feed(w, 1);
	assert_int_equal(kafka.next, 10);
	WAIT(w->rig, (answer(w), all_arrived(w)));
	feed(w, 1);
	assert_int_equal(kafka.next, 17);
	assert_in_order(w, 17);
}

static void after_two_looks_without_an_answer_it_is_spooled(void **state)
{
	struct world *w = *state;

	open_relay(w);
	feed(w, 10);
	WAIT(w->rig, kafka.copied == 10);
	assert_int_equal(spooled(w), 0); /* copies */
	feed(w, 1);
	assert_int_equal(kafka.next, 10);
	assert_int_equal(spooled(w), 1);
	WAIT(w->rig, kafka.next == 11);
	feed(w, 1); /* all is read, and yet there is no answer */
	assert_int_equal(kafka.next, 11);
	WAIT(w->rig, kafka.next == 12);
	answer(w);
	feed(w, 1);
	assert_int_equal(kafka.next, 13);
	assert_in_order(w, 13);
}

static void a_run_that_ends_empties_its_spool(void **state)
{
	struct world *w = *state;

	kafka.room = 10;
	open_relay(w);
	feed(w, 100);
	assert_true(relay_end(w->relay, true));
	WAIT(w->rig, kafka.blocked);
	assert_false(w->emptied);
	WAIT(w->rig, (answer(w), w->emptied));
	assert_int_equal(kafka.next, 100);
	assert_int_equal(spooled(w), 0);
	assert_in_order(w, 100);
}

/* And what comes after: the run is over, the next one sends it. */
static void what_is_given_up_is_kept(void **state)
{
	struct world *w = *state;

	open_relay(w);
	feed(w, 10);
	kafka.settled = 3;
	relay_on_settled(w->relay, 3);
	assert_int_equal(relay_abandon(w->relay), 0);
	kafka.room = 0;
	feed(w, 5);
	for (uint64_t seq = 3; seq < 10; seq++)
		assert_true(relay_on_undelivered(w->relay, seq));
	assert_false(relay_on_undelivered(w->relay, 10)); /* it never had that */
	relay_on_room(w->relay);
	assert_int_equal(spooled(w), 12);
	assert_int_equal(kafka.next, 10);
	assert_int_equal(relay_abandon(w->relay), 0); /* once */
	relay_flush(w->relay);
	assert_int_equal(spooled(w), 12);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_damaged_on_disk_is_told_at_its_place),
		CASE(a_hiccup_on_a_full_disk_costs_nothing),
		CASE(what_a_full_disk_refuses_waits_in_memory),
		CASE(a_full_spool_holds_the_input),
		CASE(a_hiccup_on_a_disk_that_hangs_costs_nothing),
		CASE(a_disk_that_is_behind_at_one_look_does_not_hang),
		CASE(a_stop_empties_what_a_full_disk_refused),
		CASE(a_stop_sends_what_a_disk_that_hangs_has_not),
		CASE(a_stop_leaves_what_is_on_disk),
		CASE(what_had_no_memory_is_sent_later),
		CASE(what_cannot_be_noted_is_not_sent),
		CASE(what_is_given_up_on_a_full_disk_is_counted),
		CASE(without_a_spool_it_goes_straight_or_not),
		CASE(a_full_producer_has_the_rest_spooled),
		CASE(after_two_looks_without_an_answer_it_is_spooled),
		CASE(a_run_that_ends_empties_its_spool),
		CASE(what_is_given_up_is_kept),
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}

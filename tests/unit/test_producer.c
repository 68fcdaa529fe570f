/* SPDX-License-Identifier: Apache-2.0 */
/* A producer and its clients, with clusters that librdkafka mocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <malloc.h>
#include <semaphore.h>

#include "deadline.h"
#include "kafka/kafka.h"
#include "producer/first_batch.h"
#include "producer/outclient.h"
#include "producer/producer.h"

#define INIT_PRODUCER_ID 22 /* kafka.apache.org/protocol: API keys */
#define REFUSALS         20
#define LOOK_S           0.01

static struct {
	sem_t go;
	bool held; /* a client does not end before that */
} destroy;

/* In place of librdkafka's. */
void rd_kafka_destroy_flags(rd_kafka_t *rk, int flags)
{
	void (*real)(rd_kafka_t *, int);

	*(void **)&real = dlsym(RTLD_NEXT, "rd_kafka_destroy_flags");
	if (destroy.held)
		sem_wait(&destroy.go);
	real(rk, flags);
}

struct world {
	rd_kafka_t *rk; /* of the mocks */
	rd_kafka_mock_cluster_t *mock, *refusing;
	struct ev_loop *loop;
	struct config cfg, other; /* a cluster each */
	struct producer *producer;
	struct outclient *next;
	int troubles;
};

static void on_event(void *ctx)
{
}

static void on_trouble(void *ctx)
{
	struct world *w = ctx;

	w->troubles++;
}

static void on_undelivered(void *ctx, const struct packet *pkt, uint64_t seq, bool maybe)
{
}

static rd_kafka_mock_cluster_t *make_cluster(struct world *w, struct config *cfg)
{
	static char topic[] = "pcap";
	rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(w->rk, 1);

	assert_non_null(mock);
	cfg->mode = CONFIG_MODE_PRODUCER;
	cfg->topic = topic;
	cfg->brokers = (char *)rd_kafka_mock_cluster_bootstraps(mock);
	return mock;
}

static int open_world_of(void **state, enum config_record record)
{
	struct world *w = calloc(1, sizeof(*w));
	struct producer_options opt = {.on_room = on_event,
				       .on_drained = on_event,
				       .on_undelivered = on_undelivered,
				       .on_trouble = on_trouble,
				       .ctx = w};

	w->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), NULL, 0);
	w->mock = make_cluster(w, &w->cfg);
	w->refusing = make_cluster(w, &w->other);
	for (int i = 0; i < REFUSALS; i++)
		rd_kafka_mock_push_request_errors(w->refusing, INIT_PRODUCER_ID, 1,
						  RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
	opt.loop = w->loop = ev_loop_new(EVBACKEND_EPOLL);
	opt.cfg = &w->cfg;
	w->cfg.record = record;
	w->cfg.block_size = 4096;
	w->cfg.block_time_ms = 20;
	*state = w;
	return producer_new(&w->producer, &opt);
}

static int open_world(void **state)
{
	return open_world_of(state, CONFIG_RECORD_PACKET);
}

static int open_block_world(void **state)
{
	return open_world_of(state, CONFIG_RECORD_BLOCK);
}

static int close_world(void **state)
{
	struct world *w = *state;

	outclient_free(w->next, 2000);
	producer_free(w->producer);
	ev_loop_destroy(w->loop);
	rd_kafka_mock_cluster_destroy(w->refusing);
	rd_kafka_mock_cluster_destroy(w->mock);
	rd_kafka_destroy(w->rk);
	free(w);
	return 0;
}

static void on_look(struct ev_loop *loop, ev_timer *w, int revents)
{
	ev_break(loop, EVBREAK_ALL);
}

static void run_for(struct world *w, double s)
{
	ev_timer end;

	ev_timer_init(&end, on_look, s, 0.);
	ev_timer_start(w->loop, &end);
	ev_run(w->loop, 0);
	ev_timer_stop(w->loop, &end);
}

/* Runs the loop until then; false: it takes too long. */
static bool run_until(struct world *w, bool (*is_so)(struct world *w))
{
	double deadline = ev_time() + DEADLINE_S;
	ev_timer look;

	ev_timer_init(&look, on_look, 0., LOOK_S);
	ev_timer_again(w->loop, &look);
	while (!is_so(w) && ev_time() < deadline)
		ev_run(w->loop, 0);
	ev_timer_stop(w->loop, &look);
	return is_so(w);
}

static bool next_is_dead(struct world *w)
{
	return outclient_is_dead(w->next);
}

static bool is_settled(struct world *w)
{
	struct producer_counters c;

	producer_read_counters(w->producer, &c);
	return c.sent > 0 && c.queued == 0;
}

static void send_one(struct world *w)
{
	const struct packet pkt = {.data = (const uint8_t *)"packet",
				   .caplen = 6,
				   .wirelen = 6,
				   .linktype = PACKET_LINKTYPE_DEFAULT};

	assert_int_equal(producer_send(w->producer, &pkt), 0);
	assert_true(run_until(w, is_settled));
}

/* A reload's client has nothing of ours: that it cannot live is no trouble of the one in use. */
static void test_a_client_that_waits_may_die(void **state)
{
	struct world *w = *state;
	char why[256];

	send_one(w);
	assert_int_equal(producer_prepare(w->producer, &w->other, &w->next, why, sizeof(why)), 0);
	assert_true(run_until(w, next_is_dead));
	send_one(w);
	assert_int_equal(w->troubles, 0);
}

/* Its threads go on for as long as its end takes, and ask for partitions. */
static void test_what_a_clients_threads_use_outlives_its_owner(void **state)
{
	struct world *w = *state;
	struct first_batch *firsts;
	rd_kafka_topic_t *topic;
	char why[256];

	assert_int_equal(producer_prepare(w->producer, &w->other, &w->next, why, sizeof(why)), 0);
	topic = rd_kafka_topic_new(kafka_client(outclient_kafka(w->next)), w->other.topic, NULL);
	firsts = rd_kafka_topic_opaque(topic);
	first_batch_sent(firsts, 3, 4, true);
	mallopt(M_PERTURB, 0x55); /* what is freed does not stay as it is */
	destroy.held = true;
	outclient_free(w->next, 0);
	w->next = NULL;
	assert_int_equal(first_batch_check(firsts, UINT32_MAX, true), FIRST_BATCH_WAIT);
	rd_kafka_topic_destroy(topic);
	sem_post(&destroy.go);
	destroy.held = false;
}

#define FLOWS 50

#define SMALL 300
#define LARGE 20000

/* A UDP packet of that flow, so many bytes long. */
static void send_bytes_of_flow(struct world *w, uint8_t flow, uint32_t len)
{
	static uint8_t frame[LARGE] = {[12] = 0x08, [14] = 0x45, [23] = 17};
	const struct packet pkt = {.data = frame,
				   .caplen = len,
				   .wirelen = len,
				   .linktype = PACKET_LINKTYPE_DEFAULT};

	frame[29] = frame[35] = flow;
	assert_int_equal(producer_send(w->producer, &pkt), 0);
}

static void send_of_flow(struct world *w, uint8_t flow)
{
	send_bytes_of_flow(w, flow, SMALL);
}

/* Some hundred to each of the mock's four partitions, that it learns of after the first. */
static void test_blocks_are_delivered(void **state)
{
	struct world *w = *state;
	struct producer_counters c;

	for (int i = 0; i < 20 * FLOWS; i++)
		send_of_flow(w, (uint8_t)(i % FLOWS));
	assert_true(run_until(w, is_settled));
	for (int i = 0; i < 100 * FLOWS; i++)
		send_of_flow(w, (uint8_t)(i % FLOWS));
	assert_true(run_until(w, is_settled));
	producer_read_counters(w->producer, &c);
	assert_int_equal(c.delivered, 120 * FLOWS);
	assert_int_equal(w->troubles, 0);
}

#define SLOW_MS 50

/* Until the first of a partition are answered others may wait, but not in the capture buffer. */
static void test_the_capture_goes_on_until_the_first_answer(void **state)
{
	struct world *w = *state;
	struct producer_counters c;

	rd_kafka_mock_broker_set_rtt(w->mock, 1, SLOW_MS);
	do {
		for (uint8_t i = 0; i < FLOWS; i++)
			send_bytes_of_flow(w, i, i % 25 ? SMALL : LARGE);
		run_for(w, LOOK_S);
		producer_read_counters(w->producer, &c);
	} while (c.delivered < FLOWS);
	assert_true(run_until(w, is_settled));
	assert_int_equal(w->troubles, 0);
}

/* In every state: open, queued, sent; with the memory that each has. */
static void test_blocks_go_with_their_client(void **state)
{
	struct world *w = *state;

	send_one(w);
	rd_kafka_mock_broker_set_down(w->mock, 1);
	for (int i = 0; i < 100 * FLOWS; i++)
		send_of_flow(w, (uint8_t)(i % FLOWS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_client_that_waits_may_die, open_world,
						close_world),
		cmocka_unit_test_setup_teardown(test_what_a_clients_threads_use_outlives_its_owner,
						open_world, close_world),
		cmocka_unit_test_setup_teardown(test_blocks_are_delivered, open_block_world,
						close_world),
		cmocka_unit_test_setup_teardown(test_the_capture_goes_on_until_the_first_answer,
						open_world, close_world),
		cmocka_unit_test_setup_teardown(test_the_capture_goes_on_until_the_first_answer,
						open_block_world, close_world),
		cmocka_unit_test_setup_teardown(test_blocks_go_with_their_client, open_block_world,
						close_world),
	};

	sem_init(&destroy.go, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

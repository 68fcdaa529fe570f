/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "producer/first_batch.h"
#include "producer/packet_message.h"

#define ROUND (1ULL << 31) /* sequence numbers that a message can tell apart */

struct client {
	rd_kafka_t *rk;
	rd_kafka_queue_t *reports;
	rd_kafka_topic_t *topic;
	struct packet_message msg;
	struct first_batch firsts;
};

static int begin(void **state)
{
	struct client *c = calloc(1, sizeof(*c));
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	assert_non_null(c);
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
	c->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
	assert_non_null(c->rk);
	c->reports = rd_kafka_queue_get_main(c->rk);
	c->topic = packet_message_open_topic(c->rk, "t", &c->firsts);
	assert_non_null(c->topic);
	packet_message_init(&c->msg);
	*state = c;
	return 0;
}

static int end(void **state)
{
	struct client *c = *state;

	rd_kafka_topic_destroy(c->topic);
	rd_kafka_queue_destroy(c->reports);
	rd_kafka_destroy(c->rk);
	free(c);
	return 0;
}

/* The sequence number in the report of a packet that was sent with `seq`, asked for at `next`. */
static uint64_t reported(struct client *c, uint64_t seq, uint64_t next)
{
	const struct packet pkt = {.data = (const uint8_t *)"x", .caplen = 1, .wirelen = 1};
	const struct packet_message_options opt = {.topic = c->topic,
						   .hash = UINT32_MAX,
						   .seq = (uint32_t)seq,
						   .risky = seq % 2};
	const rd_kafka_message_t *m;
	rd_kafka_event_t *event;

	assert_int_equal(packet_message_send(&c->msg, c->rk, &pkt, &opt),
			 RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_purge(c->rk, RD_KAFKA_PURGE_F_QUEUE);
	event = rd_kafka_queue_poll(c->reports, 5000);
	assert_int_equal(rd_kafka_event_type(event), RD_KAFKA_EVENT_DR);
	m = rd_kafka_event_message_next(event);
	assert_non_null(m);
	seq = packet_message_seq(m, next);
	rd_kafka_event_destroy(event);
	return seq;
}

static void a_report_tells_the_sequence_number(void **state)
{
	const uint64_t seqs[] = {0,         1,         ROUND - 1,     ROUND,         ROUND + 1,
				 2 * ROUND, 3 * ROUND, 5 * ROUND - 1, 1ULL << 40 | 1};

	for (size_t i = 0; i < sizeof(seqs) / sizeof(seqs[0]); i++) {
		assert_int_equal(reported(*state, seqs[i], seqs[i] + 1), seqs[i]);
		assert_int_equal(reported(*state, seqs[i], seqs[i] + 200000), seqs[i]);
		assert_int_equal(reported(*state, seqs[i], seqs[i] + ROUND - 1), seqs[i]);
	}
}

/* Also of one whose time stamp is another: the broker's, or as the topic takes no older one. */
static void a_report_tells_when_the_packet_was_captured(void **state)
{
	struct client *c = *state;
	const struct packet pkt = {.data = (const uint8_t *)"x",
				   .caplen = 1,
				   .wirelen = 1,
				   .time_us = 5000999};
	const struct packet_message_options opt = {.topic = c->topic, .timestamp_ms = 99};
	rd_kafka_event_t *event;

	assert_int_equal(packet_message_send(&c->msg, c->rk, &pkt, &opt), 0);
	rd_kafka_purge(c->rk, RD_KAFKA_PURGE_F_QUEUE);
	event = rd_kafka_queue_poll(c->reports, 5000);
	assert_int_equal(packet_message_time_ms(rd_kafka_event_message_next(event)), 5000);
	rd_kafka_event_destroy(event);
}

static void its_partition_is_marked(void **state)
{
	struct client *c = *state;
	const rd_kafka_message_t m = {.rkt = c->topic, .partition = 3};

	first_batch_sent(&c->firsts, 3, 4, true);
	assert_int_equal(first_batch_check(&c->firsts, UINT32_MAX, true), FIRST_BATCH_WAIT);
	packet_message_taken(&m);
	assert_int_equal(first_batch_check(&c->firsts, UINT32_MAX, true), FIRST_BATCH_GO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_report_tells_the_sequence_number, begin, end),
		cmocka_unit_test_setup_teardown(a_report_tells_when_the_packet_was_captured, begin,
						end),
		cmocka_unit_test_setup_teardown(its_partition_is_marked, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

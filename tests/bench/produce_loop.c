/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As fast as librdkafka takes packets: no capture, made-up keys and time stamps.
 *
 *	produce_loop BROKERS TOPIC COUNT SIZE PARTITIONS [step=US] [NAME=VALUE]...
 *
 * The digits of PARTITIONS are the partitions of the flows, which take turns; or it is a way to
 * fill N of them: turns/N, one after the other (each/N), or turns after the first two thirds, which
 * are the first one's (ahead/N). Byte 20 of a packet counts from 0 to 99. The last packet is of
 *now, and each a microsecond, or that many, before the next.
 *
 * Prints how many were delivered, and the time that took from the first of them on: to connect is
 * no part of it.
 */
#include <endian.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUEUE 131072 /* queue.buffering.max.messages */

struct progress {
	uint64_t delivered;
	uint64_t first_us; /* when the first was delivered, monotonic */
};

static uint64_t now_us(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct progress *p = opaque;

	if (m->err)
		return;
	if (!p->delivered++)
		p->first_us = now_us(CLOCK_MONOTONIC);
}

/* Not for each message by itself: that would cost more than the message. */
static void wait_for_room(rd_kafka_t *rk)
{
	while (rd_kafka_outq_len(rk) > QUEUE / 2)
		rd_kafka_poll(rk, 10);
}

static bool produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, int32_t partition, const uint64_t *key,
		    uint64_t us, const uint8_t *data, size_t len)
{
	rd_kafka_vu_t v[] = {
		{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
		{.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
		{.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
		{.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)data, len}},
		{.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key, sizeof(*key)}},
		{.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = (int64_t)(us / 1000)},
	};
	rd_kafka_error_t *error = rd_kafka_produceva(rk, v, sizeof(v) / sizeof(v[0]));

	if (!error)
		return true;
	rd_kafka_error_destroy(error); /* the queue is full */
	return false;
}

static int32_t partition_of(const char *how, uint64_t i, uint64_t count)
{
	const char *slash = strchr(how, '/');
	uint64_t n = slash ? strtoull(slash + 1, NULL, 10) : strlen(how);

	if (!slash)
		return how[i % n] - '0';
	if (*how == 'e')
		return (int32_t)(i * n / count);
	return *how == 'a' && i < count / 3 * 2 ? 0 : (int32_t)(i % n);
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "produce_loop: %s: %s\n", what, why);
	exit(1);
}

static rd_kafka_t *open_kafka(char **argv, struct progress *progress, uint64_t *step)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;
	char why[512];

	rd_kafka_conf_set_opaque(conf, progress);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], why, sizeof(why));
	for (char **arg = argv + 6; *arg; arg++) {
		char *value = strchr(*arg, '=');

		if (!value)
			die(*arg, "not NAME=VALUE");
		*value++ = '\0';
		if (strcmp(*arg, "step") == 0)
			*step = strtoull(value, NULL, 10);
		else if (rd_kafka_conf_set(conf, *arg, value, why, sizeof(why)))
			die(*arg, why);
	}
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!rk)
		die("rd_kafka_new", why);
	return rk;
}

int main(int argc, char **argv)
{
	static uint8_t packet[65536];
	struct progress progress = {0};
	uint64_t count, us, key, step = 1;
	rd_kafka_topic_t *topic;
	const char *partitions;
	rd_kafka_t *rk;
	size_t size;

	if (argc < 6)
		die("usage", "BROKERS TOPIC COUNT SIZE PARTITIONS [NAME=VALUE]...");
	count = strtoull(argv[3], NULL, 10);
	size = strtoull(argv[4], NULL, 10);
	partitions = argv[5];
	rk = open_kafka(argv, &progress, &step);
	topic = rd_kafka_topic_new(rk, argv[2], NULL);
	us = now_us(CLOCK_REALTIME) - count * step;
	for (uint64_t i = 0; i < count; i++, us += step) {
		key = htobe64(us);
		packet[20] = (uint8_t)(i % 100);
		while (!produce(rk, topic, partition_of(partitions, i, count), &key, us, packet,
				size))
			wait_for_room(rk);
		if (i % 1024 == 0)
			rd_kafka_poll(rk, 0);
	}
	rd_kafka_flush(rk, 60000);
	printf("delivered=%llu us=%llu\n", (unsigned long long)progress.delivered,
	       (unsigned long long)(now_us(CLOCK_MONOTONIC) - progress.first_us));
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	return progress.delivered == count ? 0 : 1;
}

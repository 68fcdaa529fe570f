/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As fast as librdkafka takes packets: no capture, made-up keys and time stamps.
 *
 *	produce_loop BROKERS TOPIC COUNT SIZE PARTITIONS [step=US] [blocks] [NAME=VALUE]...
 *
 * The digits of PARTITIONS are the partitions of the flows, which take turns; or it is a way to
 * fill N of them: turns/N, one after the other (each/N), or turns after the first two thirds, which
 * are the first one's (ahead/N). Byte 20 of a packet counts from 0 to 99. The last packet is of
 * now, and each a microsecond, or that many, before the next. `blocks`: many packets a record.
 *
 * Prints how many were delivered, and the time that took from the first of them on: to connect is
 * no part of it.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bare.h"
#include "bare_block.h"

struct loop {
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	uint64_t delivered;
	uint64_t first_us; /* when the first was delivered, monotonic */
	struct bare_blocks blocks;
	bool in_blocks;
};

static uint64_t now_us(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct loop *l = opaque;
	uint64_t packets = l->in_blocks ? bare_blocks_done(&l->blocks, m) : !m->err;

	if (packets && !l->delivered)
		l->first_us = now_us(CLOCK_MONOTONIC);
	l->delivered += packets;
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

static void produce(struct loop *l, uint64_t count, uint64_t step, size_t size, const char *how)
{
	static uint8_t packet[65536];
	uint64_t us = now_us(CLOCK_REALTIME) - count * step;

	for (uint64_t i = 0; i < count; i++, us += step) {
		int32_t partition = partition_of(how, i, count);

		packet[20] = (uint8_t)(i % 100);
		if (l->in_blocks)
			bare_blocks_put(&l->blocks, partition, us, packet, size);
		else
			bare_produce(l->rk, l->topic, partition, us, packet, size);
		if (i % 1024 == 0)
			rd_kafka_poll(l->rk, 0);
	}
	bare_blocks_send(&l->blocks, UINT64_MAX);
	rd_kafka_flush(l->rk, 60000);
}

int main(int argc, char **argv)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	struct loop l = {0};
	const char *step;
	uint64_t count;

	if (argc < 6)
		bare_die("usage", "BROKERS TOPIC COUNT SIZE PARTITIONS [step=US] [blocks] "
				  "[NAME=VALUE]...");
	count = strtoull(argv[3], NULL, 10);
	step = bare_option(argv + 6, "step");
	l.in_blocks = bare_option(argv + 6, "blocks");
	rd_kafka_conf_set_opaque(conf, &l);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	l.rk = l.blocks.rk = bare_kafka(RD_KAFKA_PRODUCER, conf, argv[1], argv + 6);
	l.topic = l.blocks.topic = rd_kafka_topic_new(l.rk, argv[2], NULL);
	produce(&l, count, step ? strtoull(step, NULL, 10) : 1, strtoull(argv[4], NULL, 10),
		argv[5]);
	printf("delivered=%llu us=%llu\n", (unsigned long long)l.delivered,
	       (unsigned long long)(now_us(CLOCK_MONOTONIC) - l.first_us));
	rd_kafka_topic_destroy(l.topic);
	rd_kafka_destroy(l.rk);
	return l.delivered == count ? 0 : 1;
}

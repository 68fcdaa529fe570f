/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor that the consumer is measured against: a topic from its start to its end, read by
 * rd_kafka_consume_batch_queue() and written as pcap through stdio.
 *
 *	bare_consumer BROKERS TOPIC PARTITIONS FILE [headers] [NAME=VALUE]...
 */
#include <endian.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 1000

struct pcap_record {
	uint32_t sec, usec, caplen, len;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bare_consumer: %s: %s\n", what, why);
	exit(1);
}

/* "headers": it looks for headers too, as a reader of our records must. */
static bool headers_wanted;

static void look_for_headers(const rd_kafka_message_t *m)
{
	rd_kafka_headers_t *headers;

	if (headers_wanted && rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR__NOENT)
		die("record", "no headers were expected");
}

static rd_kafka_t *open_kafka(char **argv)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;
	char why[512];

	rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], why, sizeof(why));
	rd_kafka_conf_set(conf, "enable.partition.eof", "true", why, sizeof(why));
	for (char **arg = argv + 5; *arg; arg++) {
		char *value = strchr(*arg, '=');

		if (strcmp(*arg, "headers") == 0) {
			headers_wanted = true;
			continue;
		}
		if (!value)
			die(*arg, "not NAME=VALUE");
		*value++ = '\0';
		if (rd_kafka_conf_set(conf, *arg, value, why, sizeof(why)))
			die(*arg, why);
	}
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	if (!rk)
		die("rd_kafka_new", why);
	return rk;
}

static void write_packet(FILE *out, const rd_kafka_message_t *m)
{
	struct pcap_record h;
	uint64_t us;

	if (!m->key || m->key_len != sizeof(us))
		die("record", "no key of ours");
	memcpy(&us, m->key, sizeof(us));
	us = be64toh(us);
	h = (struct pcap_record){(uint32_t)(us / 1000000), (uint32_t)(us % 1000000),
				 (uint32_t)m->len, (uint32_t)m->len};
	if (fwrite(&h, sizeof(h), 1, out) != 1 || fwrite(m->payload, m->len, 1, out) != 1)
		die("write", "failed");
}

int main(int argc, char **argv)
{
	static const uint32_t head[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
	rd_kafka_message_t *batch[BATCH];
	unsigned long long packets = 0;
	rd_kafka_queue_t *queue;
	rd_kafka_topic_t *topic;
	int partitions, ended = 0;
	rd_kafka_t *rk;
	FILE *out;

	if (argc < 5)
		die("usage", "BROKERS TOPIC PARTITIONS FILE [headers] [NAME=VALUE]...");
	partitions = atoi(argv[3]);
	out = fopen(argv[4], "wb");
	if (!out || fwrite(head, sizeof(head), 1, out) != 1)
		die(argv[4], "cannot write");
	rk = open_kafka(argv);
	topic = rd_kafka_topic_new(rk, argv[2], NULL);
	queue = rd_kafka_queue_new(rk);
	for (int32_t i = 0; i < partitions; i++)
		rd_kafka_consume_start_queue(topic, i, RD_KAFKA_OFFSET_BEGINNING, queue);
	while (ended < partitions) {
		ssize_t n = rd_kafka_consume_batch_queue(queue, 1000, batch, BATCH);

		for (ssize_t i = 0; i < n; i++) {
			if (batch[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
				ended++;
			} else if (!batch[i]->err) {
				look_for_headers(batch[i]);
				write_packet(out, batch[i]);
				packets++;
			}
			rd_kafka_message_destroy(batch[i]);
		}
	}
	if (fclose(out))
		die(argv[4], "cannot write");
	printf("packets=%llu\n", packets);
	for (int32_t i = 0; i < partitions; i++)
		rd_kafka_consume_stop(topic, i);
	rd_kafka_queue_destroy(queue);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	return 0;
}

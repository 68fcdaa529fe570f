/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor that an ordered read is measured against: the least program that merges. A topic from
 * its start to its end, a queue for each partition, a heap of what comes next in each, written as
 * pcap through stdio. It looks for headers, as a reader of our records must; it neither mends
 * disorder within a partition nor bounds its memory.
 *
 *	bare_merge BROKERS TOPIC PARTITIONS FILE [NAME=VALUE]...
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

struct source {
	rd_kafka_queue_t *queue;
	rd_kafka_message_t *batch[BATCH];
	ssize_t next, n;
	bool ended;
};

struct head {
	uint64_t us;
	int32_t partition;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bare_merge: %s: %s\n", what, why);
	exit(1);
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

static uint64_t time_of(const rd_kafka_message_t *m)
{
	uint64_t us;

	if (!m->key || m->key_len != sizeof(us))
		die("record", "no key of ours");
	memcpy(&us, m->key, sizeof(us));
	return be64toh(us);
}

/* The next message of a partition; NULL: it has ended. */
static rd_kafka_message_t *first(struct source *s)
{
	while (!s->ended) {
		if (s->next == s->n) {
			/* With a time to wait it waits for a whole batch: for one message then. */
			s->n = rd_kafka_consume_batch_queue(s->queue, 0, s->batch, BATCH);
			if (s->n <= 0)
				s->n = rd_kafka_consume_batch_queue(s->queue, 10, s->batch, 1);
			s->next = 0;
			continue;
		}
		if (!s->batch[s->next]->err)
			return s->batch[s->next];
		s->ended = s->batch[s->next]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
		rd_kafka_message_destroy(s->batch[s->next++]);
	}
	return NULL;
}

static bool is_before(const struct head *a, const struct head *b)
{
	return a->us != b->us ? a->us < b->us : a->partition < b->partition;
}

static void sift_down(struct head *heap, int n, int i)
{
	struct head moved = heap[i];

	for (;;) {
		int child = 2 * i + 1;

		if (child + 1 < n && is_before(&heap[child + 1], &heap[child]))
			child++;
		if (child >= n || !is_before(&heap[child], &moved))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = moved;
}

static void write_packet(FILE *out, const rd_kafka_message_t *m, uint64_t us)
{
	const struct pcap_record h = {(uint32_t)(us / 1000000), (uint32_t)(us % 1000000),
				      (uint32_t)m->len, (uint32_t)m->len};
	rd_kafka_headers_t *headers;

	if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR__NOENT)
		die("record", "no headers were expected");
	if (fwrite(&h, sizeof(h), 1, out) != 1 || fwrite(m->payload, m->len, 1, out) != 1)
		die("write", "failed");
}

static unsigned long long merge(struct source *sources, int partitions, FILE *out)
{
	struct head *heap = calloc((size_t)partitions, sizeof(*heap));
	unsigned long long packets = 0;
	int n = 0;

	if (!heap)
		die("memory", "short");
	for (int i = 0; i < partitions; i++) {
		const rd_kafka_message_t *m = first(&sources[i]);

		if (m)
			heap[n++] = (struct head){time_of(m), i};
	}
	for (int i = n / 2; i-- > 0;)
		sift_down(heap, n, i);
	while (n) {
		struct source *s = &sources[heap[0].partition];
		rd_kafka_message_t *m = s->batch[s->next++];

		write_packet(out, m, heap[0].us);
		rd_kafka_message_destroy(m);
		packets++;
		m = first(s);
		if (m)
			heap[0].us = time_of(m);
		else
			heap[0] = heap[--n];
		sift_down(heap, n, 0);
	}
	free(heap);
	return packets;
}

int main(int argc, char **argv)
{
	static const uint32_t head[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
	struct source *sources;
	rd_kafka_topic_t *topic;
	int partitions;
	rd_kafka_t *rk;
	FILE *out;

	if (argc < 5)
		die("usage", "BROKERS TOPIC PARTITIONS FILE [NAME=VALUE]...");
	partitions = atoi(argv[3]);
	sources = calloc((size_t)partitions, sizeof(*sources));
	out = fopen(argv[4], "wb");
	if (!sources || !out || fwrite(head, sizeof(head), 1, out) != 1)
		die(argv[4], "cannot write");
	rk = open_kafka(argv);
	topic = rd_kafka_topic_new(rk, argv[2], NULL);
	for (int32_t i = 0; i < partitions; i++) {
		sources[i].queue = rd_kafka_queue_new(rk);
		rd_kafka_consume_start_queue(topic, i, RD_KAFKA_OFFSET_BEGINNING, sources[i].queue);
	}
	printf("packets=%llu\n", merge(sources, partitions, out));
	if (fclose(out))
		die(argv[4], "cannot write");
	for (int32_t i = 0; i < partitions; i++) {
		rd_kafka_consume_stop(topic, i);
		rd_kafka_queue_destroy(sources[i].queue);
	}
	free(sources);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	return 0;
}

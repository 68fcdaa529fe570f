/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor that an ordered read is measured against: the least program that merges. A topic from
 * its start to its end, a queue for each partition, a heap of what comes next in each, written as
 * pcap through stdio. It looks for headers, as a reader of our records must; it neither mends
 * disorder within a partition nor bounds its memory.
 *
 *	bare_merge BROKERS TOPIC PARTITIONS FILE [NAME=VALUE]...
 */
#include <stdlib.h>

#include "bare.h"

#define BATCH 1000

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

static unsigned long long merge(struct source *sources, int partitions, FILE *out)
{
	struct head *heap = calloc((size_t)partitions, sizeof(*heap));
	unsigned long long packets = 0;
	int n = 0;

	if (!heap)
		bare_die("memory", "short");
	for (int i = 0; i < partitions; i++) {
		const rd_kafka_message_t *m = first(&sources[i]);

		if (m)
			heap[n++] = (struct head){bare_time(m), i};
	}
	for (int i = n / 2; i-- > 0;)
		sift_down(heap, n, i);
	while (n) {
		struct source *s = &sources[heap[0].partition];
		rd_kafka_message_t *m = s->batch[s->next++];

		bare_look_for_headers(m);
		bare_write(out, m);
		rd_kafka_message_destroy(m);
		packets++;
		m = first(s);
		if (m)
			heap[0].us = bare_time(m);
		else
			heap[0] = heap[--n];
		sift_down(heap, n, 0);
	}
	free(heap);
	return packets;
}

int main(int argc, char **argv)
{
	struct source *sources;
	rd_kafka_topic_t *topic;
	int partitions;
	rd_kafka_t *rk;
	FILE *out;

	if (argc < 5)
		bare_die("usage", "BROKERS TOPIC PARTITIONS FILE [NAME=VALUE]...");
	partitions = atoi(argv[3]);
	sources = calloc((size_t)partitions, sizeof(*sources));
	if (!sources)
		bare_die("memory", "short");
	out = bare_create(argv[4]);
	rk = bare_reader(argv[1], argv + 5);
	topic = rd_kafka_topic_new(rk, argv[2], NULL);
	for (int32_t i = 0; i < partitions; i++) {
		sources[i].queue = rd_kafka_queue_new(rk);
		rd_kafka_consume_start_queue(topic, i, RD_KAFKA_OFFSET_BEGINNING, sources[i].queue);
	}
	printf("packets=%llu\n", merge(sources, partitions, out));
	if (fclose(out))
		bare_die(argv[4], "cannot write");
	for (int32_t i = 0; i < partitions; i++) {
		rd_kafka_consume_stop(topic, i);
		rd_kafka_queue_destroy(sources[i].queue);
	}
	free(sources);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	return 0;
}

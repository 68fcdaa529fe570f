/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor that the consumer is measured against: a topic from its start to its end, read by
 * rd_kafka_consume_batch_queue() and written as pcap through stdio.
 *
 *	bare_consumer BROKERS TOPIC PARTITIONS FILE [headers] [NAME=VALUE]...
 *
 * "headers": it looks for headers too, as a reader of our records must.
 */
#include <stdlib.h>

#include "bare.h"

#define BATCH 1000

int main(int argc, char **argv)
{
	rd_kafka_message_t *batch[BATCH];
	unsigned long long packets = 0;
	rd_kafka_queue_t *queue;
	rd_kafka_topic_t *topic;
	int partitions, ended = 0;
	rd_kafka_t *rk;
	bool headers;
	FILE *out;

	if (argc < 5)
		bare_die("usage", "BROKERS TOPIC PARTITIONS FILE [headers] [NAME=VALUE]...");
	partitions = atoi(argv[3]);
	out = bare_create(argv[4]);
	headers = bare_option(argv + 5, "headers");
	rk = bare_reader(argv[1], argv + 5);
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
				if (headers)
					bare_look_for_headers(batch[i]);
				bare_write(out, batch[i]);
				packets++;
			}
			rd_kafka_message_destroy(batch[i]);
		}
	}
	if (fclose(out))
		bare_die(argv[4], "cannot write");
	printf("packets=%llu\n", packets);
	for (int32_t i = 0; i < partitions; i++)
		rd_kafka_consume_stop(topic, i);
	rd_kafka_queue_destroy(queue);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	return 0;
}

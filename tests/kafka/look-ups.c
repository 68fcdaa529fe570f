/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look-ups BROKERS TOPIC: each line on stdin is a question, FROM TO SLACK (microseconds,
 * microseconds, milliseconds). The answer is a line on stdout: START END of each partition, without
 * the record at its END that is read for what it may hold.
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>

#include "consumer/offset_query.h"

static rd_kafka_t *open_kafka(const char *brokers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[256];

	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof(why));
	rd_kafka_conf_set(conf, "group.id", "look-ups", why, sizeof(why));
	return rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
}

static int answer(rd_kafka_t *rk, const char *topic, const struct offset_question *question)
{
	struct offset_query *q;
	const struct offset_lookup_result *r;

	if (offset_query_new(&q, rk, topic, question) < 0)
		return 1;
	r = &q->result;
	for (int i = 0; i < 20 && !r->complete; i++)
		offset_query_ask(q);
	for (size_t i = 0; i < r->n; i++)
		printf("%" PRId64 " %" PRId64 " ", r->partitions[i].start,
		       r->partitions[i].end - r->partitions[i].late_end);
	printf("\n");
	offset_query_free(q);
	return 0;
}

int main(int argc, char **argv)
{
	struct offset_question question = {.offset = CONFIG_OFFSET_BEGIN};
	rd_kafka_t *rk = argc == 3 ? open_kafka(argv[1]) : NULL;
	int r = 0;

	if (!rk)
		return 1;
	while (r == 0 && scanf("%" SCNd64 " %" SCNd64 " %" SCNu64, &question.range.from_us,
			       &question.range.to_us, &question.slack_ms) == 3)
		r = answer(rk, argv[2], &question);
	rd_kafka_destroy(rk);
	return r;
}

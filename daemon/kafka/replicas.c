/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/replicas.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "kafka/topic_config.h"

#define ASK_MS 2000 /* each of two questions */

static int count_without_leader(const rd_kafka_metadata_topic_t *topic, int *first)
{
	int n = 0;

	for (int i = topic->partition_cnt - 1; i >= 0; i--)
		if (topic->partitions[i].leader < 0) {
			*first = topic->partitions[i].id;
			n++;
		}
	return n;
}

/* Fewer than must be, or, where that is not known, than there are. */
static bool is_short(const rd_kafka_metadata_partition_t *p, int min)
{
	return p->isr_cnt < (min > 0 ? min : p->replica_cnt);
}

static int count_short(const rd_kafka_metadata_topic_t *topic, int min,
		       const rd_kafka_metadata_partition_t **first)
{
	int n = 0;

	for (int i = topic->partition_cnt - 1; i >= 0; i--)
		if (is_short(&topic->partitions[i], min)) {
			*first = &topic->partitions[i];
			n++;
		}
	return n;
}

static void explain_short(const rd_kafka_metadata_partition_t *p, int n, int all, int min,
			  char *buf, size_t size)
{
	char needed[80] = "perhaps fewer than min.insync.replicas";

	if (min > p->replica_cnt) {
		snprintf(buf, size,
			 "%d of %d partitions have too few replicas: partition %d has %d, "
			 "min.insync.replicas is %d (NOT_ENOUGH_REPLICAS); lower that, or give the "
			 "topic more replicas",
			 n, all, p->id, p->replica_cnt, min);
		return;
	}
	if (min > 0)
		snprintf(needed, sizeof(needed), "min.insync.replicas is %d (NOT_ENOUGH_REPLICAS)",
			 min);
	snprintf(
		buf, size,
		"%d of %d partitions lack replicas in sync: partition %d has %d of %d, %s; brokers "
		"are away, or too slow to follow",
		n, all, p->id, p->isr_cnt, p->replica_cnt, needed);
}

/* What is wrong, in one line; nothing when nothing is. `min`: min.insync.replicas; 0: not known. */
static void explain(const rd_kafka_metadata_topic_t *topic, int min, char *buf, size_t size)
{
	const rd_kafka_metadata_partition_t *p = NULL;
	int first = 0, n = count_without_leader(topic, &first);

	if (n > 0) {
		snprintf(
			buf, size,
			"%d of %d partitions, partition %d first, have no leader: the brokers that "
			"hold all of their records are away",
			n, topic->partition_cnt, first);
		return;
	}
	n = count_short(topic, min, &p);
	if (n > 0)
		explain_short(p, n, topic->partition_cnt, min, buf, size);
}

static void take_setting(void *ctx, const char *topic, const char *name, const char *value)
{
	int64_t n;

	if (!strcmp(name, "min.insync.replicas") && units_parse_integer(value, &n) && n > 0 &&
	    n < INT32_MAX)
		*(int *)ctx = (int)n;
}

void replicas_ask(rd_kafka_t *rk, rd_kafka_topic_t *topic, char *buf, size_t size)
{
	const char *name = rd_kafka_topic_name(topic);
	const struct topic_config_question question = {.topics = &name,
						       .n = 1,
						       .timeout_ms = ASK_MS};
	const struct rd_kafka_metadata *told = NULL;
	int min = 0;

	*buf = '\0';
	if (rd_kafka_metadata(rk, 0, topic, &told, ASK_MS) || !told)
		return;
	topic_config_ask(rk, &question, take_setting, &min);
	if (told->topic_cnt == 1)
		explain(&told->topics[0], min, buf, size);
	rd_kafka_metadata_destroy(told);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/partitions.h"

#include <stdlib.h>

#define PARTITIONS_MAX 1000000 /* no cluster has that many for one topic */

struct partition *partitions_get(struct partitions *ps, int32_t id)
{
	struct partition *all;

	if (id < 0 || id >= PARTITIONS_MAX)
		return NULL;
	if (id < ps->n)
		return &ps->all[id];
	all = reallocarray(ps->all, (size_t)id + 1, sizeof(*all));
	if (!all)
		return NULL;
	for (int32_t i = ps->n; i <= id; i++)
		all[i] = (struct partition){.start = -1,
					    .next = -1,
					    .end = PARTITION_NO_END,
					    .stored = -1,
					    .marked = -1};
	ps->all = all;
	ps->n = id + 1;
	return &ps->all[id];
}

rd_kafka_topic_partition_list_t *partitions_list(const struct partitions *ps, const char *topic,
						 bool (*match)(const struct partition *p))
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(ps->n);

	for (int32_t i = 0; i < ps->n; i++)
		if (match(&ps->all[i]))
			rd_kafka_topic_partition_list_add(list, topic, i)->offset =
				partition_position(&ps->all[i]);
	return list;
}

void partitions_clear(struct partitions *ps)
{
	free(ps->all);
	*ps = (struct partitions){0};
}

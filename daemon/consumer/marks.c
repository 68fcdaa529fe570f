/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/marks.h"

void marks_take(struct partitions *ps)
{
	for (int32_t i = 0; i < ps->n; i++) {
		struct partition *p = &ps->all[i];
		bool ours = p->assigned || p->going;

		p->marked = ours && p->next >= 0 ? partition_position(p) : -1;
	}
}

static bool is_new(const struct partition *p)
{
	return p->marked >= 0 && p->marked != p->stored;
}

rd_kafka_topic_partition_list_t *marks_give(struct partitions *ps, const char *topic)
{
	rd_kafka_topic_partition_list_t *list = partitions_list(ps, topic, is_new);

	for (int i = 0; i < list->cnt; i++) {
		struct partition *p = &ps->all[list->elems[i].partition];

		list->elems[i].offset = p->stored = p->marked;
	}
	return list;
}

void marks_give_again(struct partitions *ps, const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt; i++) {
		struct partition *p = &ps->all[list->elems[i].partition];

		if (p->stored == list->elems[i].offset)
			p->stored = -1;
	}
}

/* What waits for its turn is dropped, and so is as good as not taken. */
void marks_freeze(struct partition *p)
{
	p->going = true;
	if (p->next >= 0)
		p->next = partition_position(p);
	p->waits = false;
}

bool marks_are_given(const struct partitions *ps)
{
	for (int32_t i = 0; i < ps->n; i++)
		if (ps->all[i].going && ps->all[i].next >= 0 &&
		    ps->all[i].stored != ps->all[i].next)
			return false;
	return true;
}

void marks_forget(struct partitions *ps)
{
	for (int32_t i = 0; i < ps->n; i++)
		if (!ps->all[i].assigned) {
			ps->all[i].marked = -1;
			ps->all[i].going = false;
		}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a consumer knows of each partition of its topic: a table by partition number.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#define PARTITION_NO_END INT64_MAX

struct partition {
	bool known;     /* Kafka told of it */
	bool assigned;  /* its messages are ours */
	bool added;     /* made after the start: no part of what -e waits for */
	bool done;      /* taken up to `end` */
	bool paused;    /* librdkafka was asked to stop it, which outlasts an assignment */
	bool passed;    /* of a range of time: nothing, up to a record at `start` stamped later */
	bool late_end;  /* the last one before `end` counts only if it holds what is asked for */
	bool going;     /* the group takes it, see marks.h */
	int64_t start;  /* where its reading starts; -1 not known */
	int64_t next;   /* offset after the last one taken, or where to start; -1 not known */
	int64_t end;    /* messages from here on are not taken */
	int64_t stored; /* what was last given to the group to commit; -1 nothing */
	int64_t marked; /* what may be stored next, see marks.h; -1 nothing */
	bool waits;     /* of what was taken, something waits for its turn (intake_mark()) */
	int64_t waits_from; /* and this is its lowest offset */
};

/* The offset after the last one before which all went on: where to read again. */
static inline int64_t partition_position(const struct partition *p)
{
	return p->waits ? p->waits_from : p->next;
}

struct partitions {
	struct partition *all;
	int32_t n;
};

/* The partition, made when it is new; NULL: out of memory, or no valid number. */
struct partition *partitions_get(struct partitions *ps, int32_t id);

/* Up to where it is known to hold what is asked for. */
static inline int64_t partition_sure_end(const struct partition *p)
{
	return p->end - p->late_end;
}

/* The partition, or NULL. */
static inline struct partition *partitions_find(const struct partitions *ps, int32_t id)
{
	return (uint32_t)id < (uint32_t)ps->n ? &ps->all[id] : NULL;
}

/* Those that `match`, at their positions; the caller destroys the list. */
rd_kafka_topic_partition_list_t *partitions_list(const struct partitions *ps, const char *topic,
						 bool (*match)(const struct partition *p));

void partitions_clear(struct partitions *ps);

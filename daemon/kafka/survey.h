/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is in a cluster: topics, their partitions, and a few records of each.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kafka/record_sample.h"

#define SURVEY_PARTS 5

/* Records from an offset on, up to the next part, and what those that were looked at hold. */
struct survey_part {
	int64_t begin;
	uint64_t records, packets, bytes;
};

/* Or of blocks. */
static inline bool survey_part_is_packets(const struct survey_part *p)
{
	return p->packets <= p->records;
}

struct survey_partition {
	int32_t id, leader;      /* leader: a broker's id, -1: none */
	rd_kafka_resp_err_t err; /* why the offsets are not known */
	int64_t begin, end; /* what can be read now: offsets from begin, up to but without end */
	struct record_sample sample;
	/* Of the sample; one of packets begins about where blocks before it end, or the other way
	 * round. */
	struct survey_part parts[SURVEY_PARTS];
	size_t n_parts;
	rd_kafka_resp_err_t sample_err; /* why the sample is not complete */
	bool again;                     /* private: to be asked about (again) */
	bool gaps; /* not every offset is a record: the sample, or the topic's settings, tell */
};

struct survey_topic {
	char *name;
	rd_kafka_resp_err_t err;             /* of the topic: there are no partitions then */
	struct survey_partition *partitions; /* by id */
	size_t n;
};

struct survey {
	const char *topic;    /* which to ask for, borrowed; NULL: all but Kafka's own */
	unsigned int most_ms; /* how long it may take */

	/* The answer. */
	rd_kafka_resp_err_t err;     /* none came */
	struct survey_topic *topics; /* by name */
	size_t n;
};

/* Frees the answer. */
void survey_clear(struct survey *s);

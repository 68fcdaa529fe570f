/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of a topic or a partition: reckoned from its offsets and from the few records of it
 * that were looked at. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kafka/survey.h"

struct topic_facts {
	bool knows_records, knows_packets; /* of one partition at least; else they are 0 */
	uint64_t records;
	bool about_records; /* some offsets are no records, or some partitions did not tell */
	uint64_t packets;
	bool about_packets;        /* an estimate, or some partitions did not tell */
	bool about_times;          /* earlier or later packets may be in records not looked at */
	uint64_t size;             /* bytes of keys and values, always an estimate */
	rd_kafka_resp_err_t err;   /* why all of this is not all; the first reason */
	struct record_sample seen; /* owned: topic_facts_clear() */
};

void topic_facts_of_partition(struct topic_facts *f, const struct survey_partition *p);
void topic_facts_of_topic(struct topic_facts *f, const struct survey_topic *t);
void topic_facts_clear(struct topic_facts *f);

/* At least one record that was looked at holds packets. */
static inline bool topic_facts_has_packets(const struct topic_facts *f)
{
	return f->seen.ours > 0;
}

/* We may not read it: an answer like another. */
bool topic_facts_is_denied(rd_kafka_resp_err_t err);

/* It holds packets, or that is not known; or those without are shown too (`all`). */
bool topic_facts_is_shown(const struct topic_facts *f, bool all);

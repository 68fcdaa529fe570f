/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a few records tell of where they are from: whether they are packets of ours, of which time,
 * of what size, captured where. Pure.
 *
 * It is no more than a sample: each count is of the records that were looked at.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_SAMPLE_LINKTYPES 16
#define RECORD_SAMPLE_NAMES     64

/* Different names, sorted; no more than RECORD_SAMPLE_NAMES are kept. */
struct name_set {
	char **list;
	size_t n;
};

struct record_sample {
	uint64_t records; /* looked at */
	uint64_t ours;    /* of those, that hold packets */
	uint64_t packets; /* in those */
	uint64_t bytes;   /* of keys and values of all of them */

	/* All of ours; without any they say nothing. */
	int64_t first_us, last_us;                   /* the earliest and the latest capture time */
	uint16_t linktypes[RECORD_SAMPLE_LINKTYPES]; /* LINKTYPE_ numbers, sorted */
	size_t n_linktypes;
	struct name_set hosts, interfaces;
};

/*
 * Takes a record into a sample that began as zeroes. Ours is a record of docs/record.md whose key
 * is a plausible time: one of 1980 to 2100, or the time stamp that its sender gave it (other
 * programs have keys of 8 bytes too). Of a block it looks at each packet.
 */
void record_sample_add(struct record_sample *sample, const rd_kafka_message_t *msg);

/* Takes what another sample saw into this one. */
void record_sample_merge(struct record_sample *into, const struct record_sample *from);

void record_sample_clear(struct record_sample *sample);

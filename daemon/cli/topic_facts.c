/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/topic_facts.h"

#include <string.h>

/* What `n` of `part` is of `whole`; no more than offsets can count. */
static uint64_t scale(uint64_t n, uint64_t whole, uint64_t part)
{
	double scaled = (double)n * (double)whole / (double)part;

	return scaled < (double)INT64_MAX ? (uint64_t)scaled : INT64_MAX;
}

/* `of_sample` of those looked at, as many of all. */
static uint64_t extrapolate(const struct topic_facts *f, uint64_t of_sample)
{
	return scale(of_sample, f->records, f->seen.records);
}

static void estimate(struct topic_facts *f)
{
	const struct record_sample *s = &f->seen;
	bool plain = s->packets == s->records && s->ours == s->records;

	f->knows_packets = s->records > 0 || (f->knows_records && f->records == 0);
	if (s->records == 0)
		return;
	f->size = extrapolate(f, s->bytes);
	if (plain) {
		f->packets = f->records;
		f->about_packets = f->about_records;
	} else if (s->records >= f->records && !f->about_records) {
		f->packets = s->packets;
	} else {
		f->packets = extrapolate(f, s->packets);
		f->about_packets = true;
	}
}

/* Packets and blocks. */
static bool is_mixed(const struct survey_partition *p)
{
	bool mixed = false;

	for (size_t i = 1; i < p->n_parts; i++)
		mixed |= survey_part_is_packets(&p->parts[i]) !=
			 survey_part_is_packets(&p->parts[0]);
	return mixed;
}

/* Where the kind of records turns, each part is reckoned by itself. */
static void estimate_parts(struct topic_facts *f, const struct survey_partition *p)
{
	if (!is_mixed(p))
		return;
	f->packets = f->size = 0;
	f->about_packets = true;
	for (size_t i = 0; i < p->n_parts; i++) {
		const struct survey_part *part = &p->parts[i];
		int64_t end = i + 1 < p->n_parts ? p->parts[i + 1].begin : p->end;

		if (part->records == 0)
			continue;
		f->packets += scale(part->packets, (uint64_t)(end - part->begin), part->records);
		f->size += scale(part->bytes, (uint64_t)(end - part->begin), part->records);
	}
}

void topic_facts_of_partition(struct topic_facts *f, const struct survey_partition *p)
{
	memset(f, 0, sizeof(*f));
	f->err = p->err ? p->err : p->sample_err;
	f->knows_records = !p->err;
	f->records = !p->err && p->end > p->begin ? (uint64_t)(p->end - p->begin) : 0;
	f->about_records = p->gaps;
	record_sample_merge(&f->seen, &p->sample);
	f->about_times = !f->knows_records || f->seen.records < f->records;
	estimate(f);
	estimate_parts(f, p);
}

/* Partitions that could not be looked into are taken to be as the others, of `told` records. */
static void fill_up(struct topic_facts *f, uint64_t told)
{
	if (told == 0 || told == f->records)
		return;
	f->packets = scale(f->packets, f->records, told);
	f->size = scale(f->size, f->records, told);
}

void topic_facts_of_topic(struct topic_facts *f, const struct survey_topic *t)
{
	uint64_t told = 0;

	memset(f, 0, sizeof(*f));
	f->err = t->err;
	for (size_t i = 0; i < t->n; i++) {
		struct topic_facts part;

		topic_facts_of_partition(&part, &t->partitions[i]);
		f->records += part.records;
		f->packets += part.packets;
		f->size += part.size;
		f->knows_records |= part.knows_records;
		f->knows_packets |= part.knows_packets;
		f->about_records |= part.about_records || !part.knows_records;
		f->about_packets |= part.about_packets || !part.knows_packets;
		f->about_times |= part.about_times;
		f->err = f->err ? f->err : part.err;
		told += part.knows_packets ? part.records : 0;
		record_sample_merge(&f->seen, &part.seen);
		topic_facts_clear(&part);
	}
	fill_up(f, told);
}

bool topic_facts_is_denied(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

bool topic_facts_is_shown(const struct topic_facts *f, bool all)
{
	return all || topic_facts_has_packets(f) || (f->err && !topic_facts_is_denied(f->err));
}

void topic_facts_clear(struct topic_facts *f)
{
	record_sample_clear(&f->seen);
}

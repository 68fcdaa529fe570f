/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/record_sample.h"

#include <stdlib.h>
#include <string.h>

#include "kafka/record_decode.h"
#include "packet/record.h"

#define US          INT64_C(1000000)
#define EARLIEST_US (INT64_C(315532800) * US)    /* 1980 */
#define LATEST_US   (INT64_C(4102444800) * US)   /* 2100 */
#define YEAR_10000  (INT64_C(253402300800) * US) /* no longer RFC 3339 */

/* ---- names and numbers ---- */

static void add_name(struct name_set *set, const char *name, size_t len)
{
	size_t at = 0;
	char *copy, **grown;

	if (!name || len == 0 || set->n == RECORD_SAMPLE_NAMES)
		return;
	copy = calloc(1, len + 1); /* not strndup(): ASan wants a NUL in what that reads */
	if (copy)
		memcpy(copy, name, len);
	while (copy && at < set->n && strcmp(set->list[at], copy) < 0)
		at++;
	if (!copy || !*copy || (at < set->n && !strcmp(set->list[at], copy))) {
		free(copy);
		return;
	}
	grown = reallocarray(set->list, set->n + 1, sizeof(*grown));
	if (!grown) {
		free(copy);
		return;
	}
	set->list = grown;
	memmove(&grown[at + 1], &grown[at], (set->n++ - at) * sizeof(*grown));
	grown[at] = copy;
}

static void merge_names(struct name_set *into, const struct name_set *from)
{
	for (size_t i = 0; i < from->n; i++)
		add_name(into, from->list[i], strlen(from->list[i]));
}

static void clear_names(struct name_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->list[i]);
	free(set->list);
}

static void add_linktype(struct record_sample *s, uint16_t linktype)
{
	size_t at = 0;

	while (at < s->n_linktypes && s->linktypes[at] < linktype)
		at++;
	if ((at < s->n_linktypes && s->linktypes[at] == linktype) ||
	    s->n_linktypes == RECORD_SAMPLE_LINKTYPES)
		return;
	memmove(&s->linktypes[at + 1], &s->linktypes[at],
		(s->n_linktypes++ - at) * sizeof(s->linktypes[0]));
	s->linktypes[at] = linktype;
}

static void add_time(struct record_sample *s, bool first, int64_t us)
{
	if (first || us < s->first_us)
		s->first_us = us;
	if (first || us > s->last_us)
		s->last_us = us;
}

/* ---- a record ---- */

static bool is_plausible(const rd_kafka_message_t *msg, uint64_t time_us)
{
	const struct packet pkt = {.time_us = time_us};
	rd_kafka_timestamp_type_t type;
	int64_t stamp_ms = rd_kafka_message_timestamp(msg, &type);

	if (time_us >= EARLIEST_US && time_us < LATEST_US)
		return true;
	return type == RD_KAFKA_TIMESTAMP_CREATE_TIME && time_us < YEAR_10000 &&
	       stamp_ms == record_timestamp_ms(&pkt);
}

static int add_packet(void *ctx, const struct packet *pkt)
{
	struct record_sample *s = ctx;

	add_time(s, s->packets++ == 0, (int64_t)pkt->time_us);
	add_linktype(s, pkt->linktype);
	add_name(&s->hosts, pkt->host, pkt->host_len);
	add_name(&s->interfaces, pkt->interface, pkt->interface_len);
	return 0;
}

void record_sample_add(struct record_sample *s, const rd_kafka_message_t *msg)
{
	char why[RECORD_DECODE_WHY_SIZE];
	uint64_t time_us;

	s->records++;
	s->bytes += msg->key_len + msg->len;
	if (!msg->payload || !record_get_key(msg->key, msg->key_len, &time_us) ||
	    !is_plausible(msg, time_us))
		return;
	record_decode(msg, add_packet, s, why);
	s->ours += !*why;
}

void record_sample_merge(struct record_sample *into, const struct record_sample *from)
{
	if (from->ours > 0) {
		add_time(into, into->ours == 0, from->first_us);
		add_time(into, false, from->last_us);
	}
	into->records += from->records;
	into->ours += from->ours;
	into->packets += from->packets;
	into->bytes += from->bytes;
	for (size_t i = 0; i < from->n_linktypes; i++)
		add_linktype(into, from->linktypes[i]);
	merge_names(&into->hosts, &from->hosts);
	merge_names(&into->interfaces, &from->interfaces);
}

void record_sample_clear(struct record_sample *s)
{
	clear_names(&s->hosts);
	clear_names(&s->interfaces);
	memset(s, 0, sizeof(*s));
}

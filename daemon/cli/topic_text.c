/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/topic_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cli/text_table.h"
#include "config/point_in_time.h"
#include "packet/filter.h"

#define US    INT64_C(1000000)
#define SHOWN 3 /* of the names or link types of a row */

/* What both tables have at their end. */
#define FACTS                                                                                      \
	{"RECORDS", true}, {"PACKETS", true}, {"SIZE", true}, {"FIRST PACKET", false},             \
		{"LAST PACKET", false}, {"LINK TYPES", false}, {"HOSTS", false},                   \
	{                                                                                          \
		"INTERFACES", false                                                                \
	}

static const struct text_column topic_columns[] = {{"TOPIC", false}, {"PARTITIONS", true}, FACTS};
static const struct text_column partition_columns[] = {
	{"PARTITION", true}, {"LEADER", true}, {"BEGIN", true}, {"END", true}, FACTS};

#define COUNT(array)      (sizeof(array) / sizeof((array)[0]))
#define TOPIC_PACKETS     (1U << 3) /* the column of that name, as a bit */
#define PARTITION_PACKETS (1U << 5)

/* ---- cells ---- */

static int add_text(struct text_table *t, const char *text)
{
	return text_table_add(t, *text ? text : "-");
}

static int add_unknown(struct text_table *t)
{
	return text_table_add(t, "-");
}

static int add_number(struct text_table *t, bool about, int64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%s%" PRId64, about ? "~" : "", number);
	return text_table_add(t, text);
}

/* Three digits and a unit: "~1.2G". */
static int add_size(struct text_table *t, const struct topic_facts *f)
{
	static const char units[] = "BKMGTPE";
	double size = (double)f->size;
	char text[32] = "-";
	size_t unit = 0;

	for (; size >= 1000 && unit + 2 < sizeof(units); unit++)
		size /= 1024;
	if (f->seen.records > 0)
		snprintf(text, sizeof(text), "~%.*f%c", unit > 0 && size < 9.95 ? 1 : 0, size,
			 units[unit]);
	return text_table_add(t, text);
}

static int add_time(struct text_table *t, const struct topic_facts *f, int64_t us)
{
	char text[96] = "~";
	bool about = f->about_times;

	if (!topic_facts_has_packets(f))
		return add_unknown(t);
	point_in_time_format(text + about, sizeof(text) - about, us - us % US, true);
	return text_table_add(t, text);
}

static int add_linktypes(struct text_table *t, const struct record_sample *s)
{
	char text[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < s->n_linktypes && i < SHOWN; i++) {
		char name[64];

		filter_linktype_name(s->linktypes[i], name, sizeof(name));
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
					 i > 0 ? ", " : "", name);
	}
	if (s->n_linktypes > SHOWN)
		snprintf(text + used, sizeof(text) - used, ", +%zu", s->n_linktypes - SHOWN);
	return add_text(t, text);
}

static int add_names(struct text_table *t, const struct name_set *names)
{
	char text[SHOWN * 260 + 32] = ""; /* a name has 255 bytes */
	size_t used = 0;

	for (size_t i = 0; i < names->n && i < SHOWN; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
					 i > 0 ? ", " : "", names->list[i]);
	if (names->n > SHOWN)
		snprintf(text + used, sizeof(text) - used, ", +%zu", names->n - SHOWN);
	return add_text(t, text);
}

/* ---- rows ---- */

/* All of a row that FACTS names. */
static int add_facts(struct text_table *t, const struct topic_facts *f)
{
	int r = f->knows_records ? add_number(t, f->about_records, (int64_t)f->records)
				 : add_unknown(t);

	if (r == 0)
		r = f->knows_packets ? add_number(t, f->about_packets, (int64_t)f->packets)
				     : add_unknown(t);
	if (r == 0)
		r = add_size(t, f);
	if (r == 0)
		r = add_time(t, f, f->seen.first_us);
	if (r == 0)
		r = add_time(t, f, f->seen.last_us);
	if (r == 0)
		r = add_linktypes(t, &f->seen);
	if (r == 0)
		r = add_names(t, &f->seen.hosts);
	return r == 0 ? add_names(t, &f->seen.interfaces) : r;
}

/* The column of packets says something that the one of records does not. */
static bool differs(const struct topic_facts *f)
{
	return f->packets != f->records || f->about_packets != f->about_records;
}

static int add_topic(struct text_table *table, const struct survey_topic *t,
		     const struct topic_facts *f)
{
	int r = add_text(table, t->name);

	if (r == 0)
		r = add_number(table, false, (int64_t)t->n);
	return r == 0 ? add_facts(table, f) : r;
}

int topic_text_topics(FILE *out, const struct survey *s, bool all)
{
	struct text_table *table;
	bool packets = false, any = false;
	int r = text_table_new(&table, topic_columns, COUNT(topic_columns));

	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n && r == 0; i++) {
		struct topic_facts f;

		topic_facts_of_topic(&f, &s->topics[i]);
		if (topic_facts_is_shown(&f, all)) {
			packets |= differs(&f);
			any = true;
			r = add_topic(table, &s->topics[i], &f);
		}
		topic_facts_clear(&f);
	}
	if (r == 0 && any)
		text_table_print(table, packets ? 0 : TOPIC_PACKETS, out);
	text_table_free(table);
	return r;
}

static int add_partition(struct text_table *table, const struct survey_partition *p,
			 const struct topic_facts *f)
{
	int r = add_number(table, false, p->id);

	if (r == 0)
		r = p->leader < 0 ? add_unknown(table) : add_number(table, false, p->leader);
	if (r == 0)
		r = p->err ? add_unknown(table) : add_number(table, false, p->begin);
	if (r == 0)
		r = p->err ? add_unknown(table) : add_number(table, false, p->end);
	return r == 0 ? add_facts(table, f) : r;
}

static int add_total(struct text_table *table, const struct topic_facts *f)
{
	static const char *const words[] = {"all", "", "", ""};
	int r = 0;

	for (size_t i = 0; i < COUNT(words) && r == 0; i++)
		r = text_table_add(table, words[i]);
	return r == 0 ? add_facts(table, f) : r;
}

int topic_text_partitions(FILE *out, const struct survey_topic *t)
{
	struct text_table *table;
	struct topic_facts f;
	bool packets;
	int r = text_table_new(&table, partition_columns, COUNT(partition_columns));

	if (r < 0)
		return r;
	for (size_t i = 0; i < t->n && r == 0; i++) {
		topic_facts_of_partition(&f, &t->partitions[i]);
		r = add_partition(table, &t->partitions[i], &f);
		topic_facts_clear(&f);
	}
	topic_facts_of_topic(&f, t);
	packets = differs(&f);
	if (r == 0)
		r = add_total(table, &f);
	if (r == 0)
		text_table_print(table, packets ? 0 : PARTITION_PACKETS, out);
	topic_facts_clear(&f);
	text_table_free(table);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/topic_json.h"

#include <inttypes.h>

#include "base/json.h"
#include "config/point_in_time.h"

static const char *truth(bool value)
{
	return value ? "true" : "false";
}

/* The two fields of a time: RFC 3339, and microseconds since the epoch. */
static void put_time(FILE *out, const char *name, const struct topic_facts *f, int64_t us)
{
	char text[96];

	if (!topic_facts_has_packets(f)) {
		fprintf(out, ", \"%s\": null, \"%s_us\": null", name, name);
		return;
	}
	point_in_time_format(text, sizeof(text), us, false);
	fprintf(out, ", \"%s\": \"%s\", \"%s_us\": %" PRId64, name, text, name, us);
}

static void put_names(FILE *out, const char *name, const struct name_set *names)
{
	fprintf(out, ", \"%s\": [", name);
	for (size_t i = 0; i < names->n; i++) {
		fputs(i > 0 ? ", " : "", out);
		json_put_string(out, names->list[i]);
	}
	fputc(']', out);
}

static void put_error(FILE *out, rd_kafka_resp_err_t err)
{
	fputs(", \"error\": ", out);
	if (err)
		json_put_string(out, rd_kafka_err2str(err));
	else
		fputs("null", out);
}

/* The two fields of a number: itself, and whether it is exact. */
static void put_number(FILE *out, const char *name, uint64_t number, bool known, bool about)
{
	if (known)
		fprintf(out, ", \"%s\": %" PRIu64, name, number);
	else
		fprintf(out, ", \"%s\": null", name);
	fprintf(out, ", \"%s_exact\": %s", name, truth(known && !about));
}

static void put_facts(FILE *out, const struct topic_facts *f)
{
	fprintf(out, ", \"has_packets\": %s", truth(topic_facts_has_packets(f)));
	put_number(out, "records", f->records, f->knows_records, f->about_records);
	put_number(out, "packets", f->packets, f->knows_packets, f->about_packets);
	if (f->knows_packets)
		fprintf(out, ", \"size_estimate\": %" PRIu64, f->size);
	else
		fputs(", \"size_estimate\": null", out);
	put_time(out, "first", f, f->seen.first_us);
	put_time(out, "last", f, f->seen.last_us);
	fprintf(out, ", \"times_exact\": %s", truth(topic_facts_has_packets(f) && !f->about_times));
	fputs(", \"linktypes\": [", out);
	for (size_t i = 0; i < f->seen.n_linktypes; i++)
		fprintf(out, "%s%u", i > 0 ? ", " : "", f->seen.linktypes[i]);
	fputc(']', out);
	put_names(out, "hosts", &f->seen.hosts);
	put_names(out, "interfaces", &f->seen.interfaces);
	put_error(out, f->err);
}

static void put_partition(FILE *out, const struct survey_partition *p)
{
	struct topic_facts f;

	fprintf(out, "{\"partition\": %" PRId32 ", \"leader\": %" PRId32, p->id, p->leader);
	if (p->err)
		fputs(", \"begin\": null, \"end\": null", out);
	else
		fprintf(out, ", \"begin\": %" PRId64 ", \"end\": %" PRId64, p->begin, p->end);
	topic_facts_of_partition(&f, p);
	put_facts(out, &f);
	topic_facts_clear(&f);
	fputc('}', out);
}

static void put_topic(FILE *out, const struct survey_topic *t, const struct topic_facts *f,
		      bool partitions)
{
	fputs("{\"topic\": ", out);
	json_put_string(out, t->name);
	fprintf(out, ", \"partitions\": %zu", t->n);
	put_facts(out, f);
	if (partitions) {
		fputs(", \"by_partition\": [", out);
		for (size_t i = 0; i < t->n; i++) {
			fputs(i > 0 ? ",\n  " : "\n  ", out);
			put_partition(out, &t->partitions[i]);
		}
		fputc(']', out);
	}
	fputc('}', out);
}

void topic_json_put(FILE *out, const struct survey *s, const struct topic_json_options *opt)
{
	bool first = true;

	fputs("{\"brokers\": ", out);
	json_put_string(out, opt->brokers);
	fprintf(out, ", \"complete\": %s, \"topics\": [", truth(opt->complete));
	for (size_t i = 0; i < s->n; i++) {
		struct topic_facts f;

		topic_facts_of_topic(&f, &s->topics[i]);
		if (topic_facts_is_shown(&f, opt->all)) {
			fputs(first ? "\n " : ",\n ", out);
			put_topic(out, &s->topics[i], &f, opt->partitions);
			first = false;
		}
		topic_facts_clear(&f);
	}
	fputs("]}\n", out);
}

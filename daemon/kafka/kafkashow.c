/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/kafkashow.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/printable.h"
#include "kafka/kafkaconf.h"
#include "kafka/kafkaprops.h"
#include "kafka/user_properties.h"

#define MASK "****"

static const char *shown(const char *name, const char *value)
{
	return kafkaprops_is_secret(name) && value[0] != '\0' ? MASK : value;
}

void kafkashow_list(FILE *out)
{
	struct kafkaprops *props = kafkaprops_new();
	const struct kafkaprop *p;
	size_t n;

	if (props == NULL)
		return;
	fprintf(out, "# Kafka client properties of librdkafka %s: name, used by, values, default\n",
		rd_kafka_version_str());
	for (p = kafkaprops_table(props, &n); n > 0; n--, p++) {
		if (!p->settable)
			continue;
		fprintf(out, "%s%s%s (%s)\n", p->name, p->initial[0] != '\0' ? "=" : "", p->initial,
			p->role[0] == 'C'   ? "consumer"
			: p->role[0] == 'P' ? "producer"
					    : "both");
		if (p->range[0] != '\0')
			fprintf(out, "    values: %s\n", p->range);
		if (p->alias != NULL)
			fprintf(out, "    the same as %s\n", p->alias);
		else
			fprintf(out, "    %s\n", p->text);
	}
	kafkaprops_free(props);
}

static void print_pairs(FILE *out, const struct kafkaprops *props, const char **pairs, size_t n,
			bool topic)
{
	for (size_t i = 0; i + 1 < n; i += 2) {
		const struct kafkaprop *prop = kafkaprops_find(props, pairs[i], topic);

		if (prop == NULL || !prop->settable)
			continue;
		fprintf(out, "%s=", pairs[i]);
		printable_print(out, shown(pairs[i], pairs[i + 1]));
		fputc('\n', out);
	}
}

int kafkashow_dump(FILE *out, const struct config *cfg)
{
	struct kafkaprops *props = kafkaprops_new();
	rd_kafka_topic_conf_t *topic_conf;
	rd_kafka_conf_t *conf;
	const char **pairs;
	size_t n;
	int r;

	if (props == NULL)
		return -ENOMEM;
	r = kafkaconf_new(&conf, &topic_conf, cfg);
	if (r == 0) {
		pairs = rd_kafka_conf_dump(conf, &n);
		fprintf(out, "# Properties of the client\n");
		print_pairs(out, props, pairs, n, false);
		rd_kafka_conf_dump_free(pairs, n);
		pairs = rd_kafka_topic_conf_dump(topic_conf, &n);
		fprintf(out, "# Properties of the topic\n");
		print_pairs(out, props, pairs, n, true);
		rd_kafka_conf_dump_free(pairs, n);
		rd_kafka_topic_conf_destroy(topic_conf);
		rd_kafka_conf_destroy(conf);
	}
	kafkaprops_free(props);
	return r;
}

/* Writes `'text'` as Python shows a string. */
static void put_quoted(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', out);
		fputc(*text == '\n' ? ' ' : *text, out);
	}
	fputc('\'', out);
}

static void put_pair(FILE *out, bool first, const char *name, const char *value)
{
	fputs(first ? "" : ", ", out);
	put_quoted(out, name);
	fputs(": ", out);
	put_quoted(out, shown(name, value));
}

static void put_all(FILE *out, const struct config *cfg, const struct user_properties *given)
{
	const struct config_property *group = user_properties_find(given, "group.id");
	bool first = user_properties_find(given, "bootstrap.servers") != NULL;

	fputc('{', out);
	if (!first)
		put_pair(out, true, "bootstrap.servers", cfg->brokers);
	/* The old tool's line names a group for both modes. */
	put_pair(out, first, "group.id", group != NULL ? group->value : "pycapa");
	for (size_t i = 0; i < cfg->properties.n; i++) {
		const struct config_property *prop = &cfg->properties.list[i];

		if (prop != group && user_properties_find(given, prop->name) == prop)
			put_pair(out, false, prop->name, prop->value);
	}
	fputc('}', out);
}

void kafkashow_describe(char *buf, size_t size, const struct config *cfg)
{
	struct user_properties *given = user_properties_new(cfg);
	FILE *out = given != NULL && size > 0 ? fmemopen(buf, size, "w") : NULL;

	if (out != NULL) {
		put_all(out, cfg, given);
		fclose(out);
		buf[size - 1] = '\0';
	} else {
		snprintf(buf, size, "{}");
	}
	user_properties_free(given);
}

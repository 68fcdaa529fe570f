/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people see of the properties: the verdict on one, the lists, the line on connecting.
 * Secrets never pass through here unmasked.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/nearest.h"
#include "base/printable.h"
#include "config/brokers.h"
#include "kafka/kafkaconf.h"
#include "kafka/kafkaprops.h"

#define MASK "****"

/* Properties whose change would break what pycapa promises; `value` NULL: any but "". */
static const struct {
	const char *name;
	const char *value;
	const char *why;
} refused[] = {
	{"transactional.id", NULL, "pycapa does not use transactions; leave it out"},
	{"delivery.report.only.error", "true", "pycapa counts every delivery; leave it out"},
	{"enable.auto.offset.store", "true",
	 "pycapa stores offsets once packets are written; leave it out"},
	{"enable.partition.eof", NULL,
	 "pycapa sets it where it stops at the end of the topic; leave it out"},
};

bool kafkaconf_is_secret(const char *name)
{
	static const char *const parts[] = {"pass", "secret",    "key.pem",           "token",
					    "jaas", "kinit.cmd", "oauthbearer.config"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcasestr(name, parts[i]) != NULL)
			return true;
	}
	return false;
}

static const char *shown(const char *name, const char *value)
{
	return kafkaconf_is_secret(name) && value[0] != '\0' ? MASK : value;
}

bool kafkaconf_wrong_role(const char *name, enum config_mode mode)
{
	struct kafkaprops *props = kafkaprops_new();
	bool wrong = props != NULL && kafkaprops_wrong_role(props, name, mode);

	kafkaprops_free(props);
	return wrong;
}

static int explain_unknown(const struct kafkaprops *props, const char *name, char *why, size_t size)
{
	const struct kafkaprop *table;
	struct nearest near;
	size_t n;

	nearest_start(&near, name);
	table = kafkaprops_table(props, &n);
	for (size_t i = 0; i < n; i++) {
		if (table[i].settable)
			nearest_offer(&near, table[i].name);
	}
	if (near.best != NULL)
		snprintf(why, size, "no Kafka property '%s': did you mean %s?", name, near.best);
	else
		snprintf(why, size, "no Kafka property '%s': -X list shows them all", name);
	return -EINVAL;
}

static int explain_bad(const struct kafkaprop *prop, const char *name, const char *value,
		       const char *errstr, char *why, size_t size)
{
	if (kafkaconf_is_secret(name))
		snprintf(why, size, "%s: librdkafka refuses this value", name);
	else if (prop != NULL && prop->range[0] != '\0')
		snprintf(why, size, "%s: '%s' is not valid: %s", name, value, prop->range);
	else
		snprintf(why, size, "%s: '%s' is not valid: %s", name, value, errstr);
	return -EINVAL;
}

/* `conf` holds the value as librdkafka understands it: 1, t and TRUE are true. */
static int check_refused(const struct kafkaprops *props, const rd_kafka_conf_t *conf,
			 const char *name, const char *value, char *why, size_t size)
{
	const char *real = kafkaprops_real_name(props, name);

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char understood[64] = "";
		size_t room = sizeof(understood);

		if (strcmp(real, refused[i].name) != 0 || value[0] == '\0')
			continue;
		rd_kafka_conf_get(conf, real, understood, &room);
		if (refused[i].value == NULL || strcmp(understood, refused[i].value) == 0) {
			snprintf(why, size, "%s: %s", name, refused[i].why);
			return -EINVAL;
		}
	}
	return 0;
}

/* True for a whole number that is the same to a person and to librdkafka: 010 is 8 to it. */
static bool is_integer(const char *text)
{
	char *end;
	long long understood = strtoll(text, &end, 0);

	return end[strspn(end, " ")] == '\0' &&
	       (strpbrk(text, "xX") != NULL || understood == strtoll(text, NULL, 10));
}

static bool is_real(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	return isfinite(value) && end[strspn(end, " ")] == '\0';
}

/* librdkafka takes the number that a value begins with and leaves the rest: 10s is 10 ms. */
static int check_number(const struct kafkaprop *prop, const rd_kafka_conf_t *conf,
			const char *value, char *why, size_t size)
{
	char understood[64] = "";
	size_t room = sizeof(understood);

	rd_kafka_conf_get(conf, prop->name, understood, &room);
	/* A word that means a number, as all in acks=all, is compared as a whole. */
	if (strcmp(prop->type, "integer") == 0) {
		if (isalpha((unsigned char)value[0]) || is_integer(value))
			return 0;
	} else if (strcmp(prop->type, "float") != 0 || is_real(value)) {
		return 0;
	}
	snprintf(why, size, "%s: '%s' is not a number (librdkafka would read it as %s)", prop->name,
		 value, understood);
	return -EINVAL;
}

static int check_brokers(const struct kafkaprops *props, const char *name, const char *value,
			 char *why, size_t size)
{
	char text[1024];

	if (strcmp(kafkaprops_real_name(props, name), "metadata.broker.list") != 0 ||
	    brokers_check(value, text, sizeof(text)) == 0)
		return 0;
	snprintf(why, size, "%s: %s", name, text);
	return -EINVAL;
}

static int check(const struct kafkaprops *props, const char *name, const char *value, char *why,
		 size_t size)
{
	const struct kafkaprop *prop = kafkaprops_find_any(props, name);
	rd_kafka_conf_t *conf;
	char errstr[256] = "";
	int r;

	if (prop == NULL)
		return explain_unknown(props, name, why, size);
	if (!prop->settable) {
		snprintf(why, size, "%s cannot be set from outside the program", name);
		return -EINVAL;
	}
	if (value == NULL)
		return 0;
	conf = rd_kafka_conf_new();
	if (rd_kafka_conf_set(conf, name, value, errstr, sizeof(errstr)) != RD_KAFKA_CONF_OK)
		r = explain_bad(prop, name, value, errstr, why, size);
	else
		r = check_refused(props, conf, name, value, why, size);
	if (r == 0)
		r = check_number(prop, conf, value, why, size);
	if (r == 0)
		r = check_brokers(props, name, value, why, size);
	rd_kafka_conf_destroy(conf);
	return r;
}

int kafkaconf_check(const char *name, const char *value, char *why, size_t size)
{
	struct kafkaprops *props = kafkaprops_new();
	int r;

	if (props == NULL) {
		snprintf(why, size, "out of memory");
		return -ENOMEM;
	}
	r = check(props, name, value, why, size);
	kafkaprops_free(props);
	return r;
}

void kafkaconf_print_list(FILE *out)
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

int kafkaconf_dump(FILE *out, const struct config *cfg)
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

/* The last property of that name; NULL: none. */
static const struct config_property *last_of(const struct config *cfg, const char *name)
{
	for (size_t i = cfg->n_properties; i > 0; i--) {
		if (strcmp(cfg->properties[i - 1].name, name) == 0)
			return &cfg->properties[i - 1];
	}
	return NULL;
}

void kafkaconf_describe(char *buf, size_t size, const struct config *cfg)
{
	const struct config_property *group = last_of(cfg, "group.id");
	bool first = true;
	FILE *out;

	snprintf(buf, size, "{}");
	out = size > 0 ? fmemopen(buf, size, "w") : NULL;
	if (out == NULL)
		return;
	fputc('{', out);
	if (last_of(cfg, "bootstrap.servers") == NULL &&
	    last_of(cfg, "metadata.broker.list") == NULL) {
		put_pair(out, true, "bootstrap.servers", cfg->brokers);
		first = false;
	}
	/* The old tool's line names a group for both modes. */
	put_pair(out, first, "group.id", group != NULL ? group->value : "pycapa");
	for (size_t i = 0; i < cfg->n_properties; i++) {
		const struct config_property *prop = &cfg->properties[i];

		if (prop != group && last_of(cfg, prop->name) == prop)
			put_pair(out, false, prop->name, prop->value);
	}
	fputc('}', out);
	fclose(out);
	buf[size - 1] = '\0';
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/kafkacheck.h"

#include <ctype.h>
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/closest_name.h"
#include "config/brokers.h"
#include "kafka/kafkaprops.h"

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

static int explain_unknown(const struct kafkaprops *props, const char *name, char *why, size_t size)
{
	const struct kafkaprop *table;
	struct closest_name near;
	size_t n;

	closest_name_start(&near, name);
	table = kafkaprops_table(props, &n);
	for (size_t i = 0; i < n; i++) {
		if (table[i].settable)
			closest_name_offer(&near, table[i].name);
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
	if (kafkaprops_is_secret(name))
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
	/* librdkafka takes it, and makes a consumer without a queue. */
	if (value[0] == '\0' && strcmp(prop->name, "group.id") == 0) {
		snprintf(why, size, "group.id is empty: leave it out, and it is 'pycapa'");
		return -EINVAL;
	}
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

int kafkacheck_property(const char *name, const char *value, char *why, size_t size)
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

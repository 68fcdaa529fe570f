/* SPDX-License-Identifier: Apache-2.0 */
/*
 * They are set in a configuration of their own and read back: librdkafka's parser is the only one
 * that knows all spellings.
 */
#include "kafka/user_properties.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/kafkaprops.h"

struct user_properties {
	const struct config *cfg;
	struct kafkaprops *props;
	rd_kafka_conf_t *conf;
};

struct user_properties *user_properties_new(const struct config *cfg)
{
	struct user_properties *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->cfg = cfg;
	g->props = kafkaprops_new();
	if (g->props == NULL) {
		free(g);
		return NULL;
	}
	g->conf = rd_kafka_conf_new();
	/* What it refuses is told elsewhere. */
	for (size_t i = 0; i < cfg->properties.n; i++)
		rd_kafka_conf_set(g->conf, cfg->properties.list[i].name,
				  cfg->properties.list[i].value, NULL, 0);
	return g;
}

void user_properties_free(struct user_properties *g)
{
	if (g == NULL)
		return;
	rd_kafka_conf_destroy(g->conf);
	kafkaprops_free(g->props);
	free(g);
}

const struct kafkaprops *user_properties_props(const struct user_properties *g)
{
	return g->props;
}

const struct config_property *user_properties_find(const struct user_properties *g,
						   const char *name)
{
	const char *real = kafkaprops_real_name(g->props, name);

	for (size_t i = g->cfg->properties.n; i > 0; i--) {
		const struct config_property *prop = &g->cfg->properties.list[i - 1];

		if (strcmp(kafkaprops_real_name(g->props, prop->name), real) == 0)
			return prop;
	}
	return NULL;
}

const char *user_properties_text(const struct user_properties *g, const char *name, char *buf,
				 size_t size)
{
	if (user_properties_find(g, name) == NULL ||
	    rd_kafka_conf_get(g->conf, name, buf, &size) != RD_KAFKA_CONF_OK)
		return "";
	return buf;
}

bool user_properties_is(const struct user_properties *g, const char *name, const char *value)
{
	char text[64];

	return user_properties_find(g, name) != NULL &&
	       strcmp(user_properties_text(g, name, text, sizeof(text)), value) == 0;
}

long long user_properties_number(const struct user_properties *g, const char *name)
{
	char text[64];

	return strtoll(user_properties_text(g, name, text, sizeof(text)), NULL, 10);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <librdkafka/rdkafka.h>

#include "config/settings.h"
#include "kafka/advice.h"
#include "kafka/kafkaconf.h"
#include "kafka/kafkagiven.h"

#define MASK "****"

int config_add_property(struct config *cfg, struct config_property *prop)
{
	struct config_property *grown;

	grown = reallocarray(cfg->properties, cfg->n_properties + 1, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	cfg->properties = grown;
	cfg->properties[cfg->n_properties++] = *prop;
	memset(prop, 0, sizeof(*prop));
	return 0;
}

void config_clear(struct config *cfg)
{
	for (size_t i = 0; i < cfg->n_properties; i++)
		property_clear(&cfg->properties[i]);
	free(cfg->properties);
	free(cfg->instance);
	free(cfg->file);
	free(cfg->brokers);
	free(cfg->topic);
	free(cfg->interface);
	free(cfg->read_file);
	free(cfg->filter);
	free(cfg->filter_origin);
	free(cfg->spool_directory);
	free(cfg->write_file);
	free(cfg->offset_text);
	memset(cfg, 0, sizeof(*cfg));
}

struct comparison {
	void (*fn)(void *ctx, const struct config_difference *diff);
	void *ctx;
	unsigned int changes;
};

static void differ(struct comparison *cmp, const char *name, const char *before, const char *after,
		   enum config_change change)
{
	struct config_difference diff = {.name = name,
					 .before = before,
					 .after = after,
					 .change = change};

	cmp->changes |= (unsigned int)change;
	if (cmp->fn != NULL)
		cmp->fn(cmp->ctx, &diff);
}

/* Whether librdkafka reads the same in both. */
static bool is_same_value(const struct kafkagiven *old, const struct config_property *before,
			  const struct kafkagiven *new, const struct config_property *after)
{
	char was[256], is[256];
	const char *a, *b;

	if (strcmp(before->value, after->value) == 0)
		return true;
	if (kafkaconf_is_secret(after->name))
		return false;
	a = kafkagiven_text(old, before->name, was, sizeof(was));
	b = kafkagiven_text(new, after->name, is, sizeof(is));
	return *a != '\0' && strcmp(a, b) == 0;
}

/* `before` and `after`: the last words on one property; NULL: none. */
static void compare_property(struct comparison *cmp, const struct config_property *before,
			     const struct config_property *after, bool same)
{
	const char *name = after != NULL ? after->name : before->name;
	const char *old = before != NULL ? before->value : "";
	const char *new = after != NULL ? after->value : "";
	char label[256];

	if (same && before->stamp == after->stamp)
		return;
	snprintf(label, sizeof(label), "kafka-config %s%s", name, same ? " (its file)" : "");
	if (kafkaconf_is_secret(name)) {
		old = before != NULL ? MASK : "";
		new = after != NULL ? MASK : "";
	}
	differ(cmp, label, old, new, CONFIG_CHANGE_CLIENT);
}

static void compare_given(struct comparison *cmp, const struct config *before,
			  const struct config *after, const struct kafkagiven *old,
			  const struct kafkagiven *new)
{
	for (size_t i = 0; i < before->n_properties; i++) {
		const struct config_property *was = &before->properties[i];
		const struct config_property *is = kafkagiven_find(new, was->name);

		if (kafkagiven_find(old, was->name) == was)
			compare_property(cmp, was, is,
					 is != NULL && is_same_value(old, was, new, is));
	}
	for (size_t i = 0; i < after->n_properties; i++) {
		const struct config_property *is = &after->properties[i];

		if (kafkagiven_find(new, is->name) == is && kafkagiven_find(old, is->name) == NULL)
			compare_property(cmp, NULL, is, false);
	}
}

/* By what librdkafka understands: of two names of one property the last one counts. */
static void compare_properties(struct comparison *cmp, const struct config *before,
			       const struct config *after)
{
	struct kafkagiven *old = kafkagiven_new(before), *new = kafkagiven_new(after);

	/* Without memory it cannot be told what changed; something it may be. */
	if (old == NULL || new == NULL)
		differ(cmp, "kafka-config", "?", "?", CONFIG_CHANGE_CLIENT);
	else
		compare_given(cmp, before, after, old, new);
	kafkagiven_free(old);
	kafkagiven_free(new);
}

/* A setting's value as text of any length; NULL without memory. */
static char *format(const struct config *cfg, const struct setting *setting)
{
	int n = settings_format(NULL, 0, cfg, setting);
	char *text = malloc((size_t)n + 1);

	if (text != NULL)
		settings_format(text, (size_t)n + 1, cfg, setting);
	return text;
}

/* What is read from a file is opened once: nothing of the input changes then. */
static enum config_change cost_of(const struct setting *setting, const struct config *running)
{
	if (running->read_file != NULL && setting->change == CONFIG_CHANGE_CAPTURE)
		return CONFIG_CHANGE_RESTART;
	return setting->change;
}

static void compare_setting(struct comparison *cmp, const struct setting *setting,
			    const struct config *before, const struct config *after)
{
	char *old = format(before, setting), *new = format(after, setting);

	/* Without memory the values cannot be shown; a change it may still be. */
	if (old == NULL || new == NULL)
		differ(cmp, setting->name, "?", "?", cost_of(setting, before));
	else if (strcmp(old, new) != 0)
		differ(cmp, setting->name, old, new, cost_of(setting, before));
	free(old);
	free(new);
}

unsigned int config_diff(const struct config *before, const struct config *after,
			 void (*fn)(void *ctx, const struct config_difference *diff), void *ctx)
{
	struct comparison cmp = {.fn = fn, .ctx = ctx};
	const struct setting *table;
	size_t n;

	table = settings_table(&n);
	for (size_t i = 0; i < n; i++) {
		if (table[i].type == SETTING_PROPERTIES)
			compare_properties(&cmp, before, after);
		else if (table[i].type != SETTING_ACTION)
			compare_setting(&cmp, &table[i], before, after);
	}
	return cmp.changes;
}

/* The file that holds a secret in clear: its own, or the configuration file it was written in. */
static bool secret_file(const struct config_property *prop, char *path, size_t size)
{
	const char *colon = strrchr(prop->origin, ':');

	if (!kafkaconf_is_secret(prop->name))
		return false;
	if (prop->source != NULL)
		return snprintf(path, size, "%s", prop->source) < (int)size;
	if (colon == NULL)
		return false;
	return snprintf(path, size, "%.*s", (int)(colon - prop->origin), prop->origin) < (int)size;
}

static void warn_exposed(const struct config *cfg)
{
	char path[4096], last[4096] = "";
	struct stat st;

	for (size_t i = 0; i < cfg->n_properties; i++) {
		if (!secret_file(&cfg->properties[i], path, sizeof(path)) ||
		    strcmp(path, last) == 0 || stat(path, &st) < 0 || (st.st_mode & S_IROTH) == 0)
			continue;
		memcpy(last, path, sizeof(last));
		log_warn("%s holds a secret (%s) and everybody may read it: chmod o-rwx %s", path,
			 cfg->properties[i].name, path);
	}
}

static void warn_mechanism(const struct config *cfg)
{
	struct kafkagiven *given = kafkagiven_new(cfg);
	const char *mechanism, *warning;
	char buf[64];

	if (given == NULL)
		return;
	mechanism = kafkagiven_text(given, "sasl.mechanisms", buf, sizeof(buf));
	warning = advice_for_mechanism(mechanism, rd_kafka_version());
	if (warning)
		log_warn("sasl.mechanism=%s: %s", mechanism, warning);
	kafkagiven_free(given);
}

int config_set_identity(const struct config *cfg)
{
	const struct log_identity id = {
		.instance = cfg->instance,
		.mode = cfg->mode == CONFIG_MODE_CONSUMER ? "consumer" : "producer",
		.interface = cfg->mode == CONFIG_MODE_PRODUCER ? cfg->interface : NULL,
		.topic = cfg->topic,
	};

	return log_set_identity(&id);
}

void config_warn(const struct config *cfg)
{
	kafkaconf_warn(cfg);
	warn_mechanism(cfg);
	warn_exposed(cfg);
}

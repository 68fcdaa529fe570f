/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/config_builder.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/units.h"
#include "cli/effect_rules.h"
#include "cli/input_rules.h"
#include "cli/output_rules.h"
#include "cli/start_rules.h"
#include "cli/stop_rules.h"
#include "config/brokers.h"
#include "config/config_ref.h"
#include "config/property.h"
#include "config/settings_value.h"
#include "kafka/kafkacheck.h"
#include "kafka/kafkaconf.h"
#include "kafka/user_properties.h"
#include "packet/filter.h"

#define STATE_VARIABLE  "STATE_DIRECTORY"
#define STATE_DIRECTORY "$" STATE_VARIABLE
#define FILTER_WAIT_MS  5000

int config_builder_start(struct config_builder *builder, struct faults *faults, int64_t now_ms)
{
	int r;

	memset(builder, 0, sizeof(*builder));
	builder->faults = faults;
	builder->now_ms = now_ms;
	r = config_new(&builder->cfg);
	if (r < 0)
		config_faults_add(faults, NULL, "out of memory");
	return r;
}

static enum config_builder_source source_of(const struct config_builder *builder, const char *name)
{
	return builder->source[settings_index(settings_find(name))];
}

static void note_source(struct config_builder *builder, const struct setting *setting,
			const char *where, enum config_builder_source source)
{
	size_t i = settings_index(setting);

	free(builder->cfg->where[i]);
	builder->cfg->where[i] = strdup(where);
	builder->source[i] = source;
}

static bool is_for_mode(const struct setting *setting, enum config_mode mode)
{
	return setting->role & (mode == CONFIG_MODE_PRODUCER ? SETTING_PRODUCER : SETTING_CONSUMER);
}

/* A text behind what the setting has; NULL: out of memory. */
static char *join(const struct config_builder *builder, const struct setting *setting,
		  const char *text)
{
	int n = settings_format(NULL, 0, builder->cfg, setting);
	size_t size = (size_t)n + strlen(text) + 2;
	char *joined = malloc(size);

	if (!joined)
		return NULL;
	settings_format(joined, size, builder->cfg, setting);
	snprintf(joined + n, size - (size_t)n, "%s%s", n ? " " : "", text);
	return joined;
}

void config_builder_set(struct config_builder *builder, const struct setting *setting,
			const char *text, const char *where, enum config_builder_source source)
{
	enum config_mode mode = builder->cfg->mode;
	const char *name = source == CONFIG_BUILDER_FILE ? setting->name : "";
	bool again = setting->joined && source == source_of(builder, setting->name);
	char why[512], *joined = again ? join(builder, setting, text) : NULL;
	int r;

	note_source(builder, setting, where, source);
	if (again && !joined)
		snprintf(why, sizeof(why), "out of memory");
	r = again && !joined ? -ENOMEM
			     : settings_set(builder->cfg, setting, joined ? joined : text,
					    builder->now_ms, why, sizeof(why));
	free(joined);
	if (r == 0)
		return;
	/* Of an option of the other mode check_roles() says that it is one: not how to write it. */
	if (source == CONFIG_BUILDER_FILE || mode == CONFIG_MODE_NONE || is_for_mode(setting, mode))
		config_faults_add(builder->faults, where, "%s%s%s", name, *name ? ": " : "", why);
}

void config_builder_add_property(struct config_builder *builder, const char *text,
				 const char *where, const char *directory,
				 enum config_builder_source source)
{
	struct config_property prop = {0};
	char why[1024];
	int r;

	note_source(builder, settings_find("kafka-config"), where, source);
	r = property_parse(&prop, text, where, directory, why, sizeof(why));
	if (r == PROPERTY_E_NO_CREDENTIALS && builder->checking) {
		builder->unknown = true;
		log_info("%s: %s; its value is not checked", where, why);
		r = 0;
	}
	if (r != 0 || kafkacheck_property(prop.name, prop.value, why, sizeof(why)) < 0)
		config_faults_add(builder->faults, where, "%s", why);
	else if (prop.value != NULL && properties_add(&builder->cfg->properties, &prop) < 0)
		config_faults_add(builder->faults, where, "out of memory");
	property_clear(&prop);
}

static const char *where_of(const struct config_builder *builder, const char *name)
{
	return settings_origin(builder->cfg, name);
}

/* Without a word on it, a file makes a producer; the command line has to say. */
static bool decide_mode(struct config_builder *builder)
{
	struct config *cfg = builder->cfg;

	if (cfg->mode == CONFIG_MODE_NONE && cfg->file != NULL)
		cfg->mode = CONFIG_MODE_PRODUCER;
	if (cfg->mode != CONFIG_MODE_NONE)
		return true;
	config_faults_add(
		builder->faults, NULL,
		"say what to do: -p captures packets into Kafka, -c reads them from Kafka (-h "
		"shows all)");
	return false;
}

void config_builder_forget(char **field)
{
	free(*field);
	*field = NULL;
}

void config_builder_reset(struct config_builder *builder, const struct setting *setting)
{
	char why[128];

	if (settings_reset(builder->cfg, setting, why, sizeof(why)) < 0)
		config_faults_add(builder->faults, NULL, "%s", why);
}

static void refuse_role(struct config_builder *builder, const struct setting *setting)
{
	size_t i = settings_index(setting);
	bool producer = builder->cfg->mode == CONFIG_MODE_PRODUCER;
	const char *other = producer ? "consumer" : "producer", *where = builder->cfg->where[i];
	const char *use = producer ? "-c" : "-p";

	if (builder->source[i] == CONFIG_BUILDER_FILE)
		config_faults_add(builder->faults, where,
				  "%s is only for a %s: leave it out, or set mode = \"%s\"",
				  setting->name, other, other);
	else
		config_faults_add(builder->faults, where, "only for a %s: leave it out, or use %s",
				  other, strcmp(setting->name, "partition") ? use : "--partitions");
}

/* Not a fault is what a file says for its own mode, when an option asks for the other. */
static void check_roles(struct config_builder *builder)
{
	const struct setting *table;
	bool overruled = source_of(builder, "mode") == CONFIG_BUILDER_OPTION;
	size_t n;

	table = settings_table(&n);
	for (size_t i = 0; i < n; i++) {
		const struct setting *s = &table[i];
		if (is_for_mode(s, builder->cfg->mode) ||
		    builder->source[i] == CONFIG_BUILDER_DEFAULT)
			continue;
		if (builder->source[i] == CONFIG_BUILDER_FILE && overruled)
			config_builder_reset(builder, s);
		else
			refuse_role(builder, s);
	}
}

/* The directory that systemd made for the unit, the first of several; NULL: there is none. */
static char *state_directory(void)
{
	const char *state = getenv(STATE_VARIABLE);

	return state != NULL && state[0] != '\0' ? strndup(state, strcspn(state, ":")) : NULL;
}

/*
 * "$STATE_DIRECTORY" at the beginning is the directory that systemd made for the unit; outside of
 * it, as in --check-config by hand, the one that it would make.
 */
static void expand_spool(struct config_builder *builder, const char *state)
{
	struct config *cfg = builder->cfg;
	const char *rest;
	char *path;
	int n;

	if (strncmp(cfg->spool_directory, STATE_DIRECTORY, strlen(STATE_DIRECTORY)) != 0)
		return;
	rest = cfg->spool_directory + strlen(STATE_DIRECTORY);
	if (state == NULL && cfg->instance == NULL) {
		config_faults_add(builder->faults, where_of(builder, "spool-directory"),
				  "$STATE_DIRECTORY is not set (systemd sets it in a service with "
				  "StateDirectory=)");
		return;
	}
	if (state != NULL)
		n = asprintf(&path, "%s%s", state, rest);
	else
		n = asprintf(&path, "/var/lib/pycapa/%s%s", cfg->instance, rest);
	if (n < 0) {
		config_faults_add(builder->faults, NULL, "out of memory");
		return;
	}
	free(cfg->spool_directory);
	cfg->spool_directory = path;
}

/*
 * A service has a spool without a word on it, as it has a directory for it; a file that is read is
 * kept where it is. "" switches it off.
 */
static void decide_spool(struct config_builder *builder)
{
	struct config *cfg = builder->cfg;
	bool live = cfg->mode == CONFIG_MODE_PRODUCER && cfg->read_file == NULL;
	char *state = state_directory();

	if (cfg->spool_directory != NULL && cfg->spool_directory[0] == '\0')
		config_builder_forget(&cfg->spool_directory);
	if (cfg->spool_directory != NULL) {
		expand_spool(builder, state);
	} else if (live && cfg->instance != NULL &&
		   source_of(builder, "spool-directory") == CONFIG_BUILDER_DEFAULT) {
		cfg->spool_directory = state;
		state = NULL;
	}
	free(state);
}

static void check_spool(struct config_builder *builder)
{
	const struct config *cfg = builder->cfg;
	const char *where = where_of(builder, "spool-segment");

	if (cfg->spool_segment > cfg->spool_size)
		config_faults_add(builder->faults,
				  where != NULL ? where : where_of(builder, "spool-size"),
				  "spool-segment must not be larger than spool-size");
}

/* The place of the last property that the text names, else of the last one of all. */
static const char *where_of_property(const struct config_builder *builder, const char *text)
{
	for (size_t i = builder->cfg->properties.n; i > 0; i--) {
		const struct config_property *prop = &builder->cfg->properties.list[i - 1];

		if (strstr(text, prop->name) != NULL)
			return prop->origin;
	}
	return where_of(builder, "kafka-config");
}

/* Messages name the broker that is talked to; the client takes the last one that it is given. */
static void decide_brokers(struct config_builder *builder, const struct config_property *prop)
{
	char *copy = strdup(prop->value);

	if (copy == NULL) {
		config_faults_add(builder->faults, NULL, "out of memory");
		return;
	}
	free(builder->cfg->brokers);
	builder->cfg->brokers = copy;
}

/* Brokers only as they are in force: each list was checked by itself. */
static void check_brokers(struct config_builder *builder, const struct user_properties *given)
{
	const struct config_property *prop = user_properties_find(given, "bootstrap.servers");
	char buf[64], why[1024];
	const char *protocol;

	if (prop != NULL)
		decide_brokers(builder, prop);
	protocol = user_properties_text(given, "security.protocol", buf, sizeof(buf));
	if (!builder->unknown &&
	    brokers_check_protocol(builder->cfg->brokers, protocol[0] ? protocol : "plaintext", why,
				   sizeof(why)) < 0)
		config_faults_add(builder->faults,
				  prop != NULL ? prop->origin : where_of(builder, "kafka-broker"),
				  "%s", why);
}

static void check_properties(struct config_builder *builder)
{
	struct user_properties *given = user_properties_new(builder->cfg);
	char why[512];

	if (given == NULL) {
		config_faults_add(builder->faults, NULL, "out of memory");
		return;
	}
	check_brokers(builder, given);
	user_properties_free(given);
	if (!builder->unknown && kafkaconf_check_together(builder->cfg, why, sizeof(why)) < 0)
		config_faults_add(builder->faults, where_of_property(builder, why), "%s", why);
}

void config_builder_finish(struct config_builder *builder)
{
	if (!decide_mode(builder))
		return;
	check_roles(builder);
	input_rules_decide(builder);
	output_rules_decide(builder);
	stop_rules_decide(builder);
	start_rules_range(builder);
	start_rules_offset(builder);
	decide_spool(builder);
	check_spool(builder);
	check_properties(builder);
	effect_rules_warn(builder);
}

/* What one word that is no filter was probably to be, if that is known. */
static void hint_word(const struct config_builder *builder, char *buf, size_t size)
{
	const struct config *cfg = builder->cfg;
	const char *word = cfg->filter;

	if (source_of(builder, "filter") != CONFIG_BUILDER_OPTION || strpbrk(word, " /:()[]!<>=&|"))
		return;
	if (cfg->read_file != NULL && source_of(builder, "pace") == CONFIG_BUILDER_OPTION)
		snprintf(buf, size, "; --pace takes a number, such as --pace 10");
	else if (cfg->mode == CONFIG_MODE_CONSUMER &&
		 source_of(builder, "kafka-topic") == CONFIG_BUILDER_DEFAULT)
		snprintf(buf, size, "; did you mean -t %s?", word);
}

void config_builder_check_filter(struct config_builder *builder)
{
	const struct config *cfg = builder->cfg;
	bool consumer = cfg->mode == CONFIG_MODE_CONSUMER;
	bool patient = consumer && cfg->file == NULL; /* nothing is lost meanwhile */
	unsigned int wait_ms = builder->checking || patient ? UINT_MAX : FILTER_WAIT_MS;
	const char *word = consumer && cfg->filter != NULL ? filter_direction(cfg->filter) : NULL;
	char why[512], hint[256] = "";
	int r = -EINVAL;

	if (cfg->mode == CONFIG_MODE_NONE || cfg->filter == NULL)
		return;
	hint_word(builder, hint, sizeof(hint));
	if (word != NULL)
		snprintf(why, sizeof(why), "%s is for a live capture: records have no direction",
			 word);
	else
		r = filter_check_expression(cfg->filter, wait_ms, why, sizeof(why));
	if (r < 0 || (r == FILTER_E_NAME && patient))
		config_faults_add(builder->faults, where_of(builder, "filter"), "filter '%s': %s%s",
				  cfg->filter, why, word != NULL ? "" : hint);
	else if (r == FILTER_E_NAME && builder->checking)
		log_warn("%s: filter '%s': %s; %s until the name service knows it",
			 where_of(builder, "filter"), cfg->filter, why,
			 consumer ? "every start fails" : "the capture waits");
}

const struct config *config_builder_take(struct config_builder *builder)
{
	const struct config *cfg = builder->cfg;

	builder->cfg = NULL;
	if (builder->faults->count == 0)
		return cfg;
	config_unref(cfg);
	return NULL;
}

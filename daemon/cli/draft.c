/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/draft.h"

#include <ctype.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "capture/filter.h"
#include "config/brokers.h"
#include "config/property.h"
#include "kafka/kafkacheck.h"
#include "kafka/kafkaconf.h"
#include "kafka/kafkagiven.h"

#define STATE_VARIABLE  "STATE_DIRECTORY"
#define STATE_DIRECTORY "$" STATE_VARIABLE
#define FILTER_WAIT_MS  5000

int draft_start(struct draft *draft, struct config *cfg, struct faults *faults, int64_t now_ms)
{
	int r;

	memset(draft, 0, sizeof(*draft));
	draft->cfg = cfg;
	draft->faults = faults;
	draft->now_ms = now_ms;
	r = settings_init(cfg);
	if (r < 0)
		fault_add(faults, NULL, "out of memory");
	return r;
}

static void note_source(struct draft *draft, const struct setting *setting, const char *where,
			enum draft_source source)
{
	size_t i = settings_index(setting);

	free(draft->where[i]);
	draft->where[i] = strdup(where);
	draft->source[i] = source;
}

void draft_set(struct draft *draft, const struct setting *setting, const char *text,
	       const char *where, enum draft_source source)
{
	char why[512];

	note_source(draft, setting, where, source);
	if (settings_set(draft->cfg, setting, text, draft->now_ms, why, sizeof(why)) < 0)
		fault_add(draft->faults, where, "%s%s%s", source == DRAFT_FILE ? setting->name : "",
			  source == DRAFT_FILE ? ": " : "", why);
}

void draft_add_property(struct draft *draft, const char *text, const char *where,
			const char *directory, enum draft_source source)
{
	struct config_property prop = {0};
	char why[1024];
	int r;

	note_source(draft, settings_find("kafka-config"), where, source);
	r = property_parse(&prop, text, where, directory, why, sizeof(why));
	if (r == PROPERTY_E_NO_CREDENTIALS && draft->checking) {
		draft->unknown = true;
		log_info("%s: %s; its value is not checked", where, why);
		r = 0;
	}
	if (r != 0 || kafkacheck_property(prop.name, prop.value, why, sizeof(why)) < 0)
		fault_add(draft->faults, where, "%s", why);
	else if (prop.value != NULL && config_add_property(draft->cfg, &prop) < 0)
		fault_add(draft->faults, where, "out of memory");
	property_clear(&prop);
}

static enum draft_source source_of(const struct draft *draft, const char *name)
{
	return draft->source[settings_index(settings_find(name))];
}

static const char *where_of(const struct draft *draft, const char *name)
{
	return draft->where[settings_index(settings_find(name))];
}

/* Without a word on it, a file makes a producer; the command line has to say. */
static bool decide_mode(struct draft *draft)
{
	struct config *cfg = draft->cfg;

	if (cfg->mode == CONFIG_MODE_NONE && cfg->file != NULL)
		cfg->mode = CONFIG_MODE_PRODUCER;
	if (cfg->mode != CONFIG_MODE_NONE)
		return true;
	fault_add(draft->faults, NULL,
		  "say what to do: -p captures packets into Kafka, -c reads them from Kafka (-h "
		  "shows all)");
	return false;
}

static void forget(char **field)
{
	free(*field);
	*field = NULL;
}

static void reset(struct draft *draft, const struct setting *setting)
{
	char why[128];

	if (setting->initial == NULL)
		forget((char **)((char *)draft->cfg + setting->offset));
	else if (settings_set(draft->cfg, setting, setting->initial, 0, why, sizeof(why)) < 0)
		fault_add(draft->faults, NULL, "%s", why);
}

static void refuse_role(struct draft *draft, const struct setting *setting)
{
	size_t i = settings_index(setting);
	bool in_file = draft->source[i] == DRAFT_FILE;
	bool producer = draft->cfg->mode == CONFIG_MODE_PRODUCER;
	const char *other = producer ? "consumer" : "producer";

	if (!in_file && setting->scope == SETTING_FILE)
		fault_add(draft->faults, NULL,
			  "'%s' is no option, and a filter expression is for a producer (-p) only",
			  draft->cfg->filter);
	else
		fault_add(draft->faults, draft->where[i], "%s%sonly for a %s: leave it out, or %s",
			  in_file ? setting->name : "", in_file ? " is " : "", other,
			  in_file    ? (producer ? "set mode = \"consumer\""
						 : "set mode = \"producer\"")
			  : producer ? "use -c"
				     : "use -p");
}

/* Not a fault is what a file says for its own mode, when an option asks for the other. */
static void check_roles(struct draft *draft)
{
	const struct setting *table;
	bool producer = draft->cfg->mode == CONFIG_MODE_PRODUCER;
	bool overruled = source_of(draft, "mode") == DRAFT_OPTION;
	size_t n;

	table = settings_table(&n);
	for (size_t i = 0; i < n; i++) {
		const struct setting *s = &table[i];
		if ((s->role & (producer ? SETTING_PRODUCER : SETTING_CONSUMER)) ||
		    draft->source[i] == DRAFT_DEFAULT)
			continue;
		if (draft->source[i] == DRAFT_FILE && overruled)
			reset(draft, s);
		else
			refuse_role(draft, s);
	}
}

/* A name that no interface can have would be waited for, for ever. */
static void check_interface(struct draft *draft)
{
	const char *name = draft->cfg->interface;
	bool named = source_of(draft, "interface") != DRAFT_DEFAULT;

	/* The only one of libpcap's own devices whose name is longer. */
	if (name == NULL || strlen(name) < IFNAMSIZ || strcmp(name, "bluetooth-monitor") == 0)
		return;
	if (named)
		fault_add(draft->faults, where_of(draft, "interface"),
			  "'%s': no interface has a name longer than %d characters", name,
			  IFNAMSIZ - 1);
	else
		fault_add(draft->faults, draft->cfg->file,
			  "the interface is named after this file, and no interface has a name "
			  "longer than %d characters: set interface",
			  IFNAMSIZ - 1);
}

/* `pycapa -p eth0` would be a filter for the host of that name, on another interface. */
static void check_words(struct draft *draft)
{
	const char *words = draft->cfg->filter;
	char first[IFNAMSIZ];

	if (source_of(draft, "filter") != DRAFT_OPTION || draft->cfg->read_file != NULL ||
	    source_of(draft, "interface") != DRAFT_DEFAULT || strcspn(words, " ") >= IFNAMSIZ)
		return;
	snprintf(first, sizeof(first), "%.*s", (int)strcspn(words, " "), words);
	if (if_nametoindex(first) != 0 || strcmp(first, "any") == 0)
		fault_add(draft->faults, where_of(draft, "filter"),
			  "'%s' is an interface: pass -i %s", first, first);
}

/* What only an interface has; a file's own is no fault when an option reads a savefile instead. */
static void check_live(struct draft *draft)
{
	const struct setting *table;
	bool overruled = source_of(draft, "read-file") == DRAFT_OPTION;
	size_t n;

	table = settings_table(&n);
	for (size_t i = 0; i < n; i++) {
		bool in_file = draft->source[i] == DRAFT_FILE;

		if (!table[i].live || draft->source[i] == DRAFT_DEFAULT)
			continue;
		if (in_file && overruled)
			reset(draft, &table[i]);
		else
			fault_add(draft->faults, draft->where[i],
				  "%s%sonly for an interface, not for a file that is read: leave "
				  "it out",
				  in_file ? table[i].name : "", in_file ? " is " : "");
	}
}

/* An interface or a savefile: the command line's wins, two of one place are a fault. */
static void decide_input(struct draft *draft)
{
	struct config *cfg = draft->cfg;
	enum draft_source file = source_of(draft, "read-file");
	enum draft_source interface = source_of(draft, "interface");

	if (cfg->mode != CONFIG_MODE_PRODUCER)
		return;
	if (cfg->read_file != NULL && interface > file)
		forget(&cfg->read_file);
	else if (cfg->read_file != NULL && interface == file)
		fault_add(draft->faults, where_of(draft, "read-file"),
			  "a producer reads either a file or an interface: leave out one of "
			  "read-file and interface");
	if (cfg->read_file != NULL) {
		forget(&cfg->interface);
		check_live(draft);
	} else if (cfg->interface == NULL) {
		cfg->interface = strdup(cfg->instance != NULL ? cfg->instance : "eth0");
		if (cfg->interface == NULL)
			fault_add(draft->faults, NULL, "out of memory");
	}
	check_interface(draft);
	check_words(draft);
}

/* "-" is what leaving it out means, but that --pretty-print then has standard output to itself. */
static void decide_output(struct draft *draft)
{
	struct config *cfg = draft->cfg;

	if (cfg->write_file == NULL || strcmp(cfg->write_file, "-") != 0)
		return;
	if (cfg->pretty_print)
		fault_add(draft->faults, where_of(draft, "write-file"),
			  "--pretty-print writes text to standard output, where a capture cannot "
			  "go too: give --write-file a file");
	forget(&cfg->write_file);
}

static void decide_offset(struct draft *draft)
{
	const struct setting *offset = settings_find("kafka-offset");
	char why[128];

	if (draft->cfg->exit_at_end && source_of(draft, "kafka-offset") == DRAFT_DEFAULT &&
	    settings_set(draft->cfg, offset, "begin", draft->now_ms, why, sizeof(why)) < 0)
		fault_add(draft->faults, NULL, "%s", why);
}

static void note_filter(struct draft *draft)
{
	const char *where = where_of(draft, "filter");

	if (where == NULL || draft->cfg->filter == NULL)
		return;
	draft->cfg->filter_origin = strdup(where);
	if (draft->cfg->filter_origin == NULL)
		fault_add(draft->faults, NULL, "out of memory");
}

static void check_topic(struct draft *draft)
{
	const char *topic = draft->cfg->topic;

	for (const char *p = topic; *p != '\0'; p++) {
		if (isalnum((unsigned char)*p) || strchr("._-", *p) != NULL)
			continue;
		fault_add(
			draft->faults, where_of(draft, "kafka-topic"),
			"'%s' is no name of a Kafka topic: letters, digits, '.', '_' and '-' only",
			topic);
		return;
	}
	if (strcmp(topic, ".") == 0 || strcmp(topic, "..") == 0)
		fault_add(draft->faults, where_of(draft, "kafka-topic"),
			  "'%s' is no name of a Kafka topic", topic);
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
static void expand_spool(struct draft *draft, const char *state)
{
	struct config *cfg = draft->cfg;
	const char *rest;
	char *path;
	int n;

	if (strncmp(cfg->spool_directory, STATE_DIRECTORY, strlen(STATE_DIRECTORY)) != 0)
		return;
	rest = cfg->spool_directory + strlen(STATE_DIRECTORY);
	if (state == NULL && cfg->instance == NULL) {
		fault_add(draft->faults, where_of(draft, "spool-directory"),
			  "$STATE_DIRECTORY is not set (it is in a service with StateDirectory=)");
		return;
	}
	if (state != NULL)
		n = asprintf(&path, "%s%s", state, rest);
	else
		n = asprintf(&path, "/var/lib/pycapa/%s%s", cfg->instance, rest);
	if (n < 0) {
		fault_add(draft->faults, NULL, "out of memory");
		return;
	}
	free(cfg->spool_directory);
	cfg->spool_directory = path;
}

/*
 * A service has a spool without a word on it, as it has a directory for it; a file that is read is
 * kept where it is. "" switches it off.
 */
static void decide_spool(struct draft *draft)
{
	struct config *cfg = draft->cfg;
	bool live = cfg->mode == CONFIG_MODE_PRODUCER && cfg->read_file == NULL;
	char *state = state_directory();

	if (cfg->spool_directory != NULL && cfg->spool_directory[0] == '\0')
		forget(&cfg->spool_directory);
	if (cfg->spool_directory != NULL) {
		expand_spool(draft, state);
	} else if (live && cfg->instance != NULL &&
		   source_of(draft, "spool-directory") == DRAFT_DEFAULT) {
		cfg->spool_directory = state;
		state = NULL;
	}
	free(state);
}

static void check_spool(struct draft *draft)
{
	const struct config *cfg = draft->cfg;
	const char *where = where_of(draft, "spool-segment");

	if (cfg->spool_segment > cfg->spool_size)
		fault_add(draft->faults, where != NULL ? where : where_of(draft, "spool-size"),
			  "spool-segment must not be larger than spool-size");
}

/* The place of the last property that the text names, else of the last one of all. */
static const char *where_of_property(const struct draft *draft, const char *text)
{
	for (size_t i = draft->cfg->n_properties; i > 0; i--) {
		const struct config_property *prop = &draft->cfg->properties[i - 1];

		if (strstr(text, prop->name) != NULL)
			return prop->origin;
	}
	return where_of(draft, "kafka-config");
}

/* Only of those in force: each list was checked by itself. */
static void check_broker_protocols(struct draft *draft)
{
	struct kafkagiven *given = kafkagiven_new(draft->cfg);
	const struct config_property *prop;
	char buf[64], why[1024];
	const char *protocol;

	if (given == NULL)
		return;
	protocol = kafkagiven_text(given, "security.protocol", buf, sizeof(buf));
	prop = kafkagiven_find(given, "bootstrap.servers");
	if (brokers_check_protocol(draft->cfg->brokers, protocol[0] ? protocol : "plaintext", why,
				   sizeof(why)) < 0)
		fault_add(draft->faults,
			  prop != NULL ? prop->origin : where_of(draft, "kafka-broker"), "%s", why);
	kafkagiven_free(given);
}

static void check_properties(struct draft *draft)
{
	char why[512];

	if (draft->unknown)
		return;
	check_broker_protocols(draft);
	if (kafkaconf_check_together(draft->cfg, why, sizeof(why)) < 0)
		fault_add(draft->faults, where_of_property(draft, why), "%s", why);
}

/* Messages name the broker that is talked to; the client takes the last one that it is given. */
static void decide_brokers(struct draft *draft)
{
	struct config *cfg = draft->cfg;

	for (size_t i = cfg->n_properties; i > 0; i--) {
		const struct config_property *prop = &cfg->properties[i - 1];
		char *copy;

		if (strcmp(prop->name, "bootstrap.servers") != 0 &&
		    strcmp(prop->name, "metadata.broker.list") != 0)
			continue;
		copy = strdup(prop->value);
		if (copy == NULL) {
			fault_add(draft->faults, NULL, "out of memory");
			return;
		}
		free(cfg->brokers);
		cfg->brokers = copy;
		return;
	}
}

void draft_finish(struct draft *draft)
{
	if (!decide_mode(draft))
		return;
	check_roles(draft);
	decide_input(draft);
	decide_output(draft);
	decide_offset(draft);
	note_filter(draft);
	check_topic(draft);
	decide_spool(draft);
	check_spool(draft);
	decide_brokers(draft);
	check_properties(draft);
}

void draft_check_filter(struct draft *draft)
{
	const struct config *cfg = draft->cfg;
	unsigned int wait_ms = draft->checking ? UINT_MAX : FILTER_WAIT_MS;
	char why[512];

	if (cfg->mode == CONFIG_MODE_PRODUCER && cfg->filter != NULL &&
	    filter_check_expression(cfg->filter, wait_ms, why, sizeof(why)) < 0)
		fault_add(draft->faults, where_of(draft, "filter"), "filter '%s': %s", cfg->filter,
			  why);
}

void draft_clear(struct draft *draft)
{
	for (size_t i = 0; i < SETTINGS_MAX; i++) {
		free(draft->where[i]);
		draft->where[i] = NULL;
	}
}

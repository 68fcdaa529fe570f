/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the command line are taken apart once (argwords) and kept; a configuration is made
 * of them and of the file as often as it is read. Actions need none.
 */
#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/units.h"
#include "capture/capture.h"
#include "capture/netdev.h"
#include "cli/argwords.h"
#include "cli/cfgfile.h"
#include "cli/config_builder.h"
#include "cli/config_faults.h"
#include "config/settings.h"
#include "config/topic_name.h"

#define MAX_LINE   5300 /* a path with a line, and a fault */
#define LIST_LABEL "-L/--list-topics"
#define EXPRESSION "EXPRESSION" /* where the words that are no options stand */

struct options {
	struct argwords words;
	const char *file;                            /* -C, borrowed from words; NULL: none */
	const char *instance;                        /* --reload, borrowed from words; NULL: none */
	const char *interface;                       /* -i, borrowed from words; NULL: none */
	unsigned int modes;                          /* -p and -c, enum config_mode as bits */
	const char *(*field_of)(const char *option); /* of a window; NULL: there is none */
	enum options_action action;
	struct options_listing listing;
	int64_t now_ms; /* the start, which relative times count from */
};

/* Without a file one line says it all, the first. */
struct start_report {
	const struct options *opt;
	size_t n;
	bool logged; /* as entries of the log: to the journal, or as JSON */
};

/* A window has a field for it, and no such option, or words. */
static const char *field_of(const struct options *opt, const char *label)
{
	const char *name = strstr(label, "--");

	return name ? opt->field_of(name + 2) : NULL;
}

static void report_start(void *ctx, const char *where, const char *text)
{
	struct start_report *report = ctx;
	bool is_option = !where || where[0] == '-' || strcmp(where, EXPRESSION) == 0;

	if (report->n++ > 0 && report->opt->file == NULL)
		return;
	if (report->opt->field_of && is_option && where)
		where = field_of(report->opt, where);
	if (report->logged) {
		log_error("%s%s%s", where != NULL ? where : "", where != NULL ? ": " : "", text);
		return;
	}
	fputs(is_option ? "pycapa: " : "", stderr);
	if (where != NULL) {
		printable_print(stderr, where);
		fputs(": ", stderr);
	}
	fprintf(stderr, "%s\n", text);
}

static void take_action(struct options *opt, const struct argword *word)
{
	static const struct {
		const char *name;
		enum options_action action;
	} actions[] = {
		{"help", OPTIONS_HELP},
		{"version", OPTIONS_VERSION},
		{"list-interfaces", OPTIONS_LIST_INTERFACES},
		{"list-time-stamp-types", OPTIONS_LIST_TIME_STAMP_TYPES},
		{"list-topics", OPTIONS_LIST_TOPICS},
		{"reload", OPTIONS_RELOAD},
		{"check-config", OPTIONS_CHECK_CONFIG},
	};

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(word->setting->name, actions[i].name) == 0)
			opt->action = actions[i].action;
	}
	if (strcmp(word->setting->name, "producer") == 0)
		opt->modes |= CONFIG_MODE_PRODUCER;
	else if (strcmp(word->setting->name, "consumer") == 0)
		opt->modes |= CONFIG_MODE_CONSUMER;
	else if (strcmp(word->setting->name, "config") == 0)
		opt->file = word->text;
	else if (strcmp(word->setting->name, "reload") == 0)
		opt->instance = word->text;
	else if (strcmp(word->setting->name, "all") == 0)
		opt->listing.all = true;
	else if (strcmp(word->setting->name, "json") == 0)
		opt->listing.json = true;
}

static bool is_list(const struct argword *word)
{
	return word->setting->type == SETTING_PROPERTIES && strcmp(word->text, "list") == 0;
}

static bool is_dump(const struct argword *word)
{
	return word->setting->type == SETTING_PROPERTIES && strcmp(word->text, "dump") == 0;
}

static void take_words(struct options *opt)
{
	for (size_t i = 0; i < opt->words.n; i++) {
		const struct argword *word = &opt->words.list[i];

		if (word->setting->type == SETTING_ACTION)
			take_action(opt, word);
		else if (strcmp(word->setting->name, "interface") == 0)
			opt->interface = word->text;
		else if (is_list(word))
			opt->action = OPTIONS_LIST_PROPERTIES;
		else if (is_dump(word))
			opt->action = OPTIONS_DUMP_PROPERTIES;
	}
}

/* Who asks for JSON gets it for what is wrong with the command line and the file, too. */
static bool wants_json(const struct argwords *words)
{
	const char *format = "";

	for (size_t i = 0; i < words->n; i++) {
		if (strcmp(words->list[i].setting->name, "log-format") == 0)
			format = words->list[i].text;
	}
	return strcasecmp(format, "json") == 0;
}

/* The first of two would be dropped without a word. */
static void check_once(struct options *opt, struct faults *faults)
{
	for (size_t i = 0; i < opt->words.n; i++) {
		const struct argword *word = &opt->words.list[i];
		char label[ARGWORD_LABEL];

		for (size_t j = 0; j < i && word->setting->once != NULL; j++) {
			const struct argword *first = &opt->words.list[j];

			if (first->setting != word->setting || strcmp(first->text, word->text) == 0)
				continue;
			argword_label(label, word->setting);
			config_faults_add(faults, label, "given twice, as %s and %s: %s",
					  first->text, word->text, word->setting->once);
			return;
		}
	}
}

/* Of a list only where Kafka is counts, and which topic. It reads, as -c does. */
static bool is_for_list(const struct setting *s)
{
	static const char *const names[] = {"list-topics", "all",       "json", "config",
					    "consumer",    "log-level", "quiet"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(s->name, names[i]) == 0)
			return true;
	return s->group == SETTING_GROUP_KAFKA;
}

/* The topic is a word of its own (-L TOPIC), a value (--list-topics=TOPIC), or that of -t. */
static void name_topic(struct options *opt, const char *topic, struct faults *faults)
{
	char why[256];

	if (opt->listing.topic != NULL && strcmp(opt->listing.topic, topic) != 0)
		config_faults_add(faults, LIST_LABEL, "lists all topics or one: leave out %s or %s",
				  opt->listing.topic, topic);
	else if (topic_name_check(topic, why, sizeof(why)) < 0)
		config_faults_add(faults, LIST_LABEL, "%s", why);
	opt->listing.topic = topic;
}

static void check_list(struct options *opt, struct faults *faults)
{
	char label[ARGWORD_LABEL];

	for (size_t i = 0; i < opt->words.n && faults->count == 0; i++) {
		const struct argword *word = &opt->words.list[i];
		const char *name = word->setting->name;

		argword_label(label, word->setting);
		if (!is_for_list(word->setting))
			config_faults_add(faults, label, "has no effect with -L: leave it out");
		else if ((strcmp(name, "list-topics") == 0 && word->text[0] != '\0') ||
			 strcmp(name, "kafka-topic") == 0)
			name_topic(opt, word->text, faults);
	}
	if (opt->words.expression != NULL && faults->count == 0)
		name_topic(opt, opt->words.expression, faults);
}

static void check_words(struct options *opt, struct faults *faults)
{
	bool lists = opt->action == OPTIONS_LIST_TOPICS;

	check_once(opt, faults);
	if (lists)
		check_list(opt, faults);
	else if (opt->listing.all || opt->listing.json)
		config_faults_add(faults, opt->listing.all ? "--all" : "--json",
				  "is for a list of topics: add -L");
	if (opt->modes == (CONFIG_MODE_PRODUCER | CONFIG_MODE_CONSUMER))
		config_faults_add(faults, NULL, "-p and -c exclude each other: choose one");
	if (opt->action == OPTIONS_DUMP_PROPERTIES && opt->modes == 0 && opt->file == NULL)
		config_faults_add(
			faults, NULL,
			"-X dump shows what is in effect for a producer or for a consumer: add "
			"-p or -c");
	if (opt->action == OPTIONS_CHECK_CONFIG && opt->file == NULL)
		config_faults_add(faults, NULL, "--check-config needs a file: add -C FILE");
}

/*
 * A number that -D prints means the interface of now, also at a reload. An interface may be named
 * so: it is meant then, as with tcpdump.
 */
static int name_interfaces(struct options *opt, struct faults *faults)
{
	for (size_t i = 0; i < opt->words.n; i++) {
		struct argword *word = &opt->words.list[i];
		char label[ARGWORD_LABEL], why[320], *name;
		struct netdev dev;
		int64_t number;

		if (strcmp(word->setting->name, "interface") != 0 ||
		    !units_parse_integer(word->text, &number) || number < 0 ||
		    number > UINT16_MAX || netdev_find(word->text, &dev))
			continue;
		name = capture_interface_name((unsigned int)number, why, sizeof(why));
		if (name == NULL) {
			argword_label(label, word->setting);
			config_faults_add(faults, label, "%s", why);
			return -EINVAL;
		}
		free(word->text);
		word->text = name;
	}
	return 0;
}

/* Applies the options, stopping at the first fault of theirs. */
static void apply_words(const struct options *opt, struct config_builder *builder)
{
	size_t before = builder->faults->count;
	bool lists = opt->action == OPTIONS_LIST_TOPICS;
	char label[ARGWORD_LABEL];

	if (lists) /* it reads; what a file says for a producer is no fault */
		config_builder_set(builder, settings_find("mode"), "consumer", LIST_LABEL,
				   CONFIG_BUILDER_OPTION);
	else if (opt->modes != 0)
		config_builder_set(builder, settings_find("mode"),
				   opt->modes == CONFIG_MODE_PRODUCER ? "producer" : "consumer",
				   opt->modes == CONFIG_MODE_PRODUCER ? "-p" : "-c",
				   CONFIG_BUILDER_OPTION);
	for (size_t i = 0; i < opt->words.n && builder->faults->count == before; i++) {
		const struct argword *word = &opt->words.list[i];

		argword_label(label, word->setting);
		if (word->setting->type == SETTING_PROPERTIES && !is_list(word) && !is_dump(word))
			config_builder_add_property(builder, word->text, "-X", NULL,
						    CONFIG_BUILDER_OPTION);
		else if (word->setting->type != SETTING_PROPERTIES &&
			 word->setting->type != SETTING_ACTION)
			config_builder_set(builder, word->setting, word->text, label,
					   CONFIG_BUILDER_OPTION);
	}
	if (opt->words.expression != NULL && !lists)
		config_builder_set(builder, settings_find("filter"), opt->words.expression,
				   EXPRESSION, CONFIG_BUILDER_OPTION);
}

/* The file's base name without ".cfg". */
static char *instance_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	size_t len = strlen(name);

	if (len > 4 && strcmp(name + len - 4, ".cfg") == 0)
		len -= 4;
	return strndup(name, len);
}

static int name_instance(struct config *cfg, const char *path, struct faults *faults)
{
	cfg->file = strdup(path);
	cfg->instance = instance_name(path);
	if (cfg->file != NULL && cfg->instance != NULL)
		return 0;
	config_faults_add(faults, NULL, "out of memory");
	return -ENOMEM;
}

/*
 * Makes a configuration of file and options. Any fault: -EINVAL, and *cfg is NULL. A filter is
 * compiled at the start only: a reload opens a capture with it, and the loop must not wait twice.
 */
static int make_config(const struct options *opt, const struct config **cfg, struct faults *faults,
		       bool start)
{
	struct config_builder builder;
	int r;

	r = config_builder_start(&builder, faults, opt->now_ms);
	if (r < 0)
		return r;
	builder.checking = opt->action == OPTIONS_CHECK_CONFIG;
	builder.cfg->attended = opt->field_of != NULL;
	if (opt->file != NULL)
		r = name_instance(builder.cfg, opt->file, faults);
	if (r == 0 && opt->file != NULL)
		r = cfgfile_load(&builder, opt->file);
	if (r == 0) {
		apply_words(opt, &builder);
		config_builder_finish(&builder);
		if (start && opt->action != OPTIONS_LIST_TOPICS)
			config_builder_check_filter(&builder);
	}
	*cfg = config_builder_take(&builder);
	return r == 0 && *cfg == NULL ? -EINVAL : r;
}

/* What is wrong with a file at the start is logged under its name; a reload has one already. */
static void log_as_instance(const char *path)
{
	char *name = instance_name(path);

	log_set_identity(&(struct log_identity){.instance = name});
	free(name);
}

static int parse(struct options **out, int argc, char **argv, const struct config **cfg,
		 enum options_action *action, const char *(*field_of_option)(const char *option))
{
	struct options *opt = calloc(1, sizeof(*opt));
	struct start_report report = {.opt = opt, .logged = log_is_journal()};
	struct faults faults = {.report = report_start, .ctx = &report};
	int r;

	*cfg = NULL;
	if (opt == NULL) {
		fprintf(stderr, "pycapa: out of memory\n");
		return -ENOMEM;
	}
	opt->action = OPTIONS_RUN;
	opt->field_of = field_of_option;
	opt->now_ms = clock_ns(CLOCK_REALTIME) / 1000000;
	r = argwords_parse(&opt->words, argc, argv, &faults);
	if (r == 0 && wants_json(&opt->words)) {
		log_set_format(LOG_FORMAT_JSON, false);
		report.logged = true;
	}
	if (r == 0)
		r = name_interfaces(opt, &faults);
	if (r == 0) {
		take_words(opt);
		if (opt->action == OPTIONS_RUN || opt->action == OPTIONS_CHECK_CONFIG ||
		    opt->action == OPTIONS_DUMP_PROPERTIES || opt->action == OPTIONS_LIST_TOPICS ||
		    opt->listing.all || opt->listing.json) {
			check_words(opt, &faults);
			if (opt->file != NULL)
				log_as_instance(opt->file);
			r = faults.count > 0 ? -EINVAL : make_config(opt, cfg, &faults, true);
		}
	}
	if (r < 0) {
		options_free(opt);
		return r;
	}
	*action = opt->action;
	*out = opt;
	return 0;
}

int options_parse(struct options **out, int argc, char **argv, const struct config **cfg,
		  enum options_action *action)
{
	return parse(out, argc, argv, cfg, action, NULL);
}

int options_parse_attended(struct options **out, int argc, char **argv, const struct config **cfg,
			   enum options_action *action,
			   const char *(*field_of_option)(const char *option))
{
	return parse(out, argc, argv, cfg, action, field_of_option);
}

struct log_report {
	char *why;
	size_t size;
};

static void report_log(void *ctx, const char *where, const char *text)
{
	struct log_report *report = ctx;
	char line[MAX_LINE];

	snprintf(line, sizeof(line), "%s%s%s", where != NULL ? where : "",
		 where != NULL ? ": " : "", text);
	log_error("%s", line);
	config_faults_append(report->why, report->size, line);
}

int options_reload(const struct options *opt, const struct config **cfg, char *why, size_t size)
{
	struct log_report report = {.why = why, .size = size};
	struct faults faults = {.report = report_log, .ctx = &report};

	*cfg = NULL;
	why[0] = '\0';
	if (opt->file == NULL) {
		snprintf(why, size, "no configuration file was given (-C)");
		return -ENOENT;
	}
	return make_config(opt, cfg, &faults, false);
}

const char *options_reload_instance(const struct options *opt)
{
	return opt->instance;
}

const char *options_interface(const struct options *opt)
{
	return opt->interface != NULL ? opt->interface : "eth0";
}

const struct options_listing *options_listing(const struct options *opt)
{
	return &opt->listing;
}

void options_free(struct options *opt)
{
	if (opt == NULL)
		return;
	argwords_clear(&opt->words);
	free(opt);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libconfig parses; this walks its root group once, key by key. Values become the text that the
 * command line would have had, so that one parser (settings_set) judges both.
 */
#include "cli/cfgfile.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/closest_name.h"
#include "cli/cfgreader.h"
#include "cli/cfgtext.h"
#include "config/settings_value.h"

struct walk {
	struct config_builder *builder;
	const struct cfgtext *text;
	const char *directory; /* that @FILE of a property counts from */
};

static void where_is(const struct walk *walk, const config_setting_t *node, char *buf, size_t size)
{
	cfgtext_where(walk->text, config_setting_source_line(node), buf, size);
}

static const char *kind_of(const config_setting_t *node)
{
	switch (config_setting_type(node)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "a number";
	case CONFIG_TYPE_FLOAT:
		return "a number with a fraction";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_GROUP:
		return "a group";
	default:
		return "a list";
	}
}

/* Whether a value of that libconfig type is one for this setting. */
static bool fits(const struct setting *setting, int type)
{
	unsigned int literals = settings_form(setting)->literals;

	switch (type) {
	case CONFIG_TYPE_BOOL:
		return literals & SETTING_LITERAL_BOOL;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return literals & SETTING_LITERAL_NUMBER;
	default:
		return type == CONFIG_TYPE_STRING && (literals & SETTING_LITERAL_TEXT);
	}
}

static void take_value(struct walk *walk, const struct setting *setting,
		       const config_setting_t *node, const char *where)
{
	int type = config_setting_type(node);
	const char *text;
	char number[32];

	if (!fits(setting, type)) {
		config_faults_add(walk->builder->faults, where, "%s must be %s, not %s",
				  setting->name, settings_form(setting)->wanted, kind_of(node));
		return;
	}
	if (type == CONFIG_TYPE_STRING)
		text = config_setting_get_string(node);
	else if (type == CONFIG_TYPE_BOOL)
		text = config_setting_get_bool(node) ? "true" : "false";
	else {
		snprintf(number, sizeof(number), "%" PRId64,
			 type == CONFIG_TYPE_INT ? (int64_t)config_setting_get_int(node)
						 : (int64_t)config_setting_get_int64(node));
		text = number;
	}
	config_builder_set(walk->builder, setting, text, where, CONFIG_BUILDER_FILE);
}

static void take_properties(struct walk *walk, const struct setting *setting,
			    const config_setting_t *node, const char *where)
{
	int n = config_setting_length(node);
	char at[4200];

	if (!config_setting_is_list(node) && !config_setting_is_array(node)) {
		config_faults_add(walk->builder->faults, where, "%s must be %s, not %s",
				  setting->name, settings_form(setting)->wanted, kind_of(node));
		return;
	}
	for (int i = 0; i < n; i++) {
		const config_setting_t *item = config_setting_get_elem(node, (unsigned int)i);

		where_is(walk, item, at, sizeof(at));
		if (config_setting_type(item) == CONFIG_TYPE_STRING)
			config_builder_add_property(walk->builder, config_setting_get_string(item),
						    at, walk->directory, CONFIG_BUILDER_FILE);
		else
			config_faults_add(walk->builder->faults, at,
					  "%s must contain strings such as \"linger.ms=5\", not %s",
					  setting->name, kind_of(item));
	}
}

static void refuse_key(struct walk *walk, const char *key, const char *where)
{
	const struct setting *table;
	struct closest_name near;
	size_t n;

	closest_name_start(&near, key);
	table = settings_table(&n);
	for (size_t i = 0; i < n; i++) {
		if (table[i].scope & SETTING_FILE)
			closest_name_offer(&near, table[i].name);
	}
	if (near.best != NULL)
		config_faults_add(walk->builder->faults, where,
				  "unknown key '%s': did you mean %s?", key, near.best);
	else
		config_faults_add(walk->builder->faults, where,
				  "unknown key '%s': pycapa.cfg(5) lists them all", key);
}

static void take_key(struct walk *walk, const config_setting_t *node)
{
	const char *key = config_setting_name(node);
	const struct setting *setting = settings_find(key);
	char where[4200];

	where_is(walk, node, where, sizeof(where));
	if (setting == NULL || !(setting->scope & SETTING_FILE))
		refuse_key(walk, key, where);
	else if (setting->type == SETTING_PROPERTIES)
		take_properties(walk, setting, node, where);
	else if (!cfgtext_is_faulty(walk->text, config_setting_source_line(node)))
		take_value(walk, setting, node, where);
}

/* A number as libconfig reads it; cfgreader gives a large one an L. */
static bool is_number(const char *value)
{
	char *end;

	if (!isdigit((unsigned char)value[strspn(value, "+-.")]))
		return false;
	strtod(value, &end);
	end += strspn(end, "L");
	return *end == '\0' || strchr(" \t;,#/\n", *end) != NULL;
}

/* Whether what stands behind the '=' of a line of the text needs quotes, and has none. */
static bool lacks_quotes(const char *text, unsigned int line)
{
	const char *value;

	for (; line > 1 && *text != '\0'; line--) {
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	value = memchr(text, '=', strcspn(text, "\n"));
	if (value == NULL)
		return false;
	value += 1 + strspn(value + 1, " \t");
	return strncasecmp(value, "true", 4) != 0 && strncasecmp(value, "false", 5) != 0 &&
	       (isalnum((unsigned char)*value) || (*value != '\0' && strchr("/$.*@+-", *value))) &&
	       !is_number(value);
}

/* libconfig says "syntax error" and no more; the commonest one is a quote that is missing. */
static void refuse_syntax(struct faults *faults, const struct cfgtext *text, unsigned int line,
			  const char *said)
{
	unsigned int begun = 0;
	const char *hint = "";
	char where[4200];

	if (strcmp(said, "syntax error") == 0) {
		/* A string swallows code up to the next quote, which begins another, and so on. */
		for (unsigned int up = line; (up = cfgtext_closes(text, up)) > 0;)
			begun = up;
		if (begun > 0)
			hint = ": a quote is missing: a string that begins here ends on a later "
			       "line";
		else if (lacks_quotes(text->text, line))
			hint = ": put double quotes around strings, times and sizes";
	}
	cfgtext_where(text, begun > 0 ? begun : line, where, sizeof(where));
	config_faults_add(faults, where, "%s%s", said, hint);
}

static int load(struct config_builder *builder, const char *path, const struct cfgtext *text)
{
	const char *slash = strrchr(path, '/');
	char directory[4200];
	struct walk walk = {.builder = builder, .text = text, .directory = directory};
	config_setting_t *root;
	config_t file;

	snprintf(directory, sizeof(directory), "%.*s", slash != NULL ? (int)(slash - path) : 1,
		 slash != NULL ? path : ".");
	/* Of "/x.cfg" the directory is "", and "" + "/" + name is right again. */
	config_init(&file);
	if (config_read_string(&file, text->text) != CONFIG_TRUE) {
		refuse_syntax(builder->faults, text, (unsigned int)config_error_line(&file),
			      config_error_text(&file));
		config_destroy(&file);
		return -EINVAL;
	}
	root = config_root_setting(&file);
	for (int i = 0; i < config_setting_length(root); i++)
		take_key(&walk, config_setting_get_elem(root, (unsigned int)i));
	config_destroy(&file);
	return 0;
}

int cfgfile_load(struct config_builder *builder, const char *path)
{
	struct cfgtext *text;
	int r = cfgreader_read(&text, path, builder->faults);

	if (r < 0)
		return r;
	r = load(builder, path, text);
	cfgtext_free(text);
	return r;
}

int cfgfile_load_text(struct config_builder *builder, const char *path, const char *text)
{
	struct cfgtext *read;
	int r = cfgreader_read_string(&read, path, text, builder->faults);

	if (r < 0)
		return r;
	r = load(builder, path, read);
	cfgtext_free(read);
	return r;
}

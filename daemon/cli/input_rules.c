/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input_rules.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/settings_value.h"

static enum config_builder_source source_of(const struct config_builder *builder, const char *name)
{
	return builder->source[settings_index(settings_find(name))];
}

static const char *where_of(const struct config_builder *builder, const char *name)
{
	return settings_origin(builder->cfg, name);
}

/* A name that no interface can have would be waited for, for ever. */
static void check_interface(struct config_builder *builder)
{
	const char *name = builder->cfg->interface;
	bool named = source_of(builder, "interface") != CONFIG_BUILDER_DEFAULT;

	/* The only one of libpcap's own devices whose name is longer. */
	if (name == NULL || strlen(name) < IFNAMSIZ || strcmp(name, "bluetooth-monitor") == 0)
		return;
	if (named)
		config_faults_add(builder->faults, where_of(builder, "interface"),
				  "'%s': no interface has a name longer than %d characters", name,
				  IFNAMSIZ - 1);
	else
		config_faults_add(
			builder->faults, builder->cfg->file,
			"the interface is named after this file, and no interface has a name "
			"longer than %d characters: set interface",
			IFNAMSIZ - 1);
}

/* `pycapa -p eth0` would be a filter for the host of that name, on another interface. */
static void check_words(struct config_builder *builder)
{
	const char *words = builder->cfg->filter;
	char first[IFNAMSIZ];

	if (source_of(builder, "filter") != CONFIG_BUILDER_OPTION ||
	    builder->cfg->read_file != NULL ||
	    source_of(builder, "interface") != CONFIG_BUILDER_DEFAULT ||
	    strcspn(words, " ") >= IFNAMSIZ)
		return;
	snprintf(first, sizeof(first), "%.*s", (int)strcspn(words, " "), words);
	if (if_nametoindex(first) != 0 || strcmp(first, "any") == 0)
		config_faults_add(builder->faults, where_of(builder, "filter"),
				  "'%s' is an interface: pass -i %s", first, first);
}

/* What only the other input has; a file's own is no fault when an option chose this one. */
static void check_input(struct config_builder *builder)
{
	const struct setting *table;
	bool reads = builder->cfg->read_file != NULL;
	bool overruled =
		source_of(builder, reads ? "read-file" : "interface") == CONFIG_BUILDER_OPTION;
	size_t n;

	table = settings_table(&n);
	for (size_t i = 0; i < n; i++) {
		bool in_file = builder->source[i] == CONFIG_BUILDER_FILE;

		if (!(reads ? table[i].live : table[i].saved) ||
		    builder->source[i] == CONFIG_BUILDER_DEFAULT)
			continue;
		if (in_file && overruled)
			config_builder_reset(builder, &table[i]);
		else
			config_faults_add(builder->faults, builder->cfg->where[i],
					  "%s%sonly for %s: leave it out",
					  in_file ? table[i].name : "", in_file ? " is " : "",
					  reads ? "an interface, not for a file that is read"
						: "a file that is read");
	}
}

/* Each packet of `any` is of another device, and a group of the kernel's is of one. */
static void check_fanout(struct config_builder *builder)
{
	const struct config *cfg = builder->cfg;
	bool in_file = source_of(builder, "fanout") == CONFIG_BUILDER_FILE;

	if (cfg->fanout && cfg->interface != NULL && strcmp(cfg->interface, "any") == 0)
		config_faults_add(builder->faults, where_of(builder, "fanout"),
				  "%sa group shares the packets of one interface, not of any: name "
				  "the interface, or leave it out",
				  in_file ? "fanout: " : "");
}

/* An interface or a savefile: the command line's wins, two of one place are a fault. */
void input_rules_decide(struct config_builder *builder)
{
	struct config *cfg = builder->cfg;
	enum config_builder_source file = source_of(builder, "read-file");
	enum config_builder_source interface = source_of(builder, "interface");

	if (cfg->mode != CONFIG_MODE_PRODUCER)
		return;
	if (cfg->read_file != NULL && interface > file)
		config_builder_forget(&cfg->read_file);
	else if (cfg->read_file != NULL && interface == file)
		config_faults_add(builder->faults, where_of(builder, "read-file"),
				  "a producer reads either a file or an interface: leave out %s",
				  file == CONFIG_BUILDER_OPTION ? "-r or -i"
								: "read-file or interface");
	if (cfg->read_file != NULL) {
		config_builder_forget(&cfg->interface);
	} else if (cfg->interface == NULL) {
		cfg->interface = strdup(cfg->instance != NULL ? cfg->instance : "eth0");
		if (cfg->interface == NULL)
			config_faults_add(builder->faults, NULL, "out of memory");
	}
	check_input(builder);
	check_interface(builder);
	check_words(builder);
	check_fanout(builder);
}

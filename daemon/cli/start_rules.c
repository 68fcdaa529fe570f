/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/start_rules.h"

#include "config/settings_value.h"
#include "config/time_range.h"

#define REORDER_BOUNDED_MS 600000 /* as the slack */
#define REORDER_LIVE_MS    50

static enum config_builder_source source_of(const struct config_builder *builder, const char *name)
{
	return builder->source[settings_index(settings_find(name))];
}

static const char *where_of(const struct config_builder *builder, const char *name)
{
	return settings_origin(builder->cfg, name);
}

/* As if it had not been set. */
static void overrule(struct config_builder *builder, const char *name)
{
	const struct setting *setting = settings_find(name);
	char why[128];

	if (settings_reset(builder->cfg, setting, why, sizeof(why)) < 0)
		config_faults_add(builder->faults, NULL, "%s", why);
	builder->source[settings_index(setting)] = CONFIG_BUILDER_DEFAULT;
}

/*
 * Where to start, said by an offset and by a range: the command line wins over the file; two of one
 * place are a fault.
 */
static void decide_start(struct config_builder *builder)
{
	enum config_builder_source offset = source_of(builder, "kafka-offset");
	enum config_builder_source from = source_of(builder, "from");
	enum config_builder_source to = source_of(builder, "to");

	if (offset == CONFIG_BUILDER_DEFAULT)
		return;
	if (offset == from || offset == to) {
		config_faults_add(builder->faults,
				  where_of(builder, offset == from ? "from" : "to"),
				  "--from and --to say where to start: leave out -o");
	} else if (offset == CONFIG_BUILDER_FILE) {
		overrule(builder, "kafka-offset");
	} else {
		overrule(builder, "from");
		overrule(builder, "to");
	}
}

void start_rules_range(struct config_builder *builder)
{
	struct config *cfg = builder->cfg;
	const char *name;
	char why[256];

	if (cfg->mode != CONFIG_MODE_CONSUMER || !time_range_is_set(cfg))
		return;
	decide_start(builder);
	if (!time_range_is_set(cfg))
		return;
	name = cfg->from.text ? "from" : "to";
	if (time_range_fault(cfg, builder->now_ms * 1000, why, sizeof(why)))
		config_faults_add(builder->faults, where_of(builder, name), "%s", why);
	if (time_range_is_past(cfg, builder->now_ms * 1000))
		cfg->exit_at_end = true;
}

/* How long a packet waits for earlier ones: a live reader is to see it soon. */
static void decide_reorder(const struct config_builder *builder)
{
	struct config *cfg = builder->cfg;
	bool group = cfg->start.offset == CONFIG_OFFSET_STORED;

	if (source_of(builder, "reorder") == CONFIG_BUILDER_DEFAULT)
		cfg->reorder_ms = cfg->exit_at_end && !group ? REORDER_BOUNDED_MS : REORDER_LIVE_MS;
}

void start_rules_offset(struct config_builder *builder)
{
	const struct setting *offset = settings_find("kafka-offset");
	const struct config *cfg = builder->cfg;
	char why[128];

	if ((cfg->exit_at_end || time_range_is_set(cfg)) &&
	    source_of(builder, "kafka-offset") == CONFIG_BUILDER_DEFAULT &&
	    settings_set(builder->cfg, offset, "begin", builder->now_ms, why, sizeof(why)) < 0)
		config_faults_add(builder->faults, NULL, "%s", why);
	if (cfg->mode == CONFIG_MODE_CONSUMER)
		decide_reorder(builder);
	if (cfg->partitions && cfg->start.offset == CONFIG_OFFSET_STORED)
		config_faults_add(builder->faults, where_of(builder, "partitions"),
				  "a group decides which partitions its members read: leave out "
				  "--partitions or -o stored");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/effect_rules.h"

#include "base/log.h"
#include "config/settings_value.h"
#include "config/time_range.h"

static bool makes_packets(const struct config *cfg)
{
	return cfg->record != CONFIG_RECORD_BLOCK;
}

static bool has_no_range(const struct config *cfg)
{
	return !time_range_is_set(cfg);
}

static bool takes_no_flow(const struct config *cfg)
{
	return cfg->partition != CONFIG_PARTITION_FLOW && cfg->partition != CONFIG_PARTITION_HOST;
}

static bool is_immediate(const struct config *cfg)
{
	return cfg->immediate_mode;
}

/* A file is for a service too, which has a spool. */
static bool has_no_spool(const struct config *cfg)
{
	return cfg->spool_directory == NULL && cfg->file == NULL;
}

static bool writes_one_file(const struct config *cfg)
{
	return cfg->ring_buffer == NULL;
}

static const struct rule {
	const char *name;
	bool (*is_idle)(const struct config *cfg);
	const char *condition;
} rules[] = {
	{"block-size", makes_packets, "without record = block (--record block)"},
	{"block-time", makes_packets, "without record = block (--record block)"},
	{"partition-inner", takes_no_flow, "unless partition is flow or host"},
	{"buffer-timeout", is_immediate, "with immediate-mode"},
	{"spool-size", has_no_spool, "without --spool-directory"},
	{"spool-segment", has_no_spool, "without --spool-directory"},
	{"spool-sync", has_no_spool, "without --spool-directory"},
	{"disk-full", writes_one_file, "without --ring-buffer"},
	{"postrotate", writes_one_file, "without --ring-buffer"},
	{"slack", has_no_range, "without --from or --to"},
};

/* What a file says for the other role is none of this run's. */
static bool is_set(const struct config_builder *builder, const struct setting *setting)
{
	enum setting_role role =
		builder->cfg->mode == CONFIG_MODE_PRODUCER ? SETTING_PRODUCER : SETTING_CONSUMER;

	return (setting->role & role) &&
	       builder->source[settings_index(setting)] != CONFIG_BUILDER_DEFAULT;
}

void effect_rules_warn(const struct config_builder *builder)
{
	const struct config *cfg = builder->cfg;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && builder->faults->count == 0;
	     i++) {
		const struct setting *setting = settings_find(rules[i].name);

		if (is_set(builder, setting) && rules[i].is_idle(cfg))
			log_warn("%s: %s has no effect %s", settings_origin(cfg, setting->name),
				 setting->name, rules[i].condition);
	}
}

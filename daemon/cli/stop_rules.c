/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stop_rules.h"

#include "config/file_limits.h"
#include "config/settings_value.h"

static void refuse(struct config_builder *builder, const char *why)
{
	size_t i = settings_index(settings_find("autostop"));
	bool in_file = builder->source[i] == CONFIG_BUILDER_FILE;

	config_faults_add(builder->faults, settings_origin(builder->cfg, "autostop"), "%s%s",
			  in_file ? "autostop: " : "", why);
}

/* What there is no file for. */
static void check_files(struct config_builder *builder, const struct file_limits *limits)
{
	const struct config *cfg = builder->cfg;

	if (cfg->mode == CONFIG_MODE_PRODUCER)
		refuse(builder, "a producer writes no files: use duration: or packets:");
	else if (limits->files && !cfg->ring_buffer)
		refuse(builder, "files: needs --ring-buffer, whose files it counts");
	else if (limits->bytes && cfg->ring_buffer)
		refuse(builder,
		       "filesize: stops a run that writes one file; with --ring-buffer, give "
		       "filesize: there and files: here");
	else if (limits->bytes && !cfg->write_file && (cfg->pretty_print || cfg->listen))
		refuse(builder, "filesize: needs a capture to measure: give --write-file");
}

/* Packets are those of --max-packets: the smaller number counts. */
void stop_rules_decide(struct config_builder *builder)
{
	struct config *cfg = builder->cfg;
	struct file_limits limits;
	char why[256];

	if (cfg->attended) /* somebody stops it at a window; the limit is that of an instance */
		config_builder_forget(&cfg->autostop);
	if (!cfg->autostop)
		return;
	if (file_limits_parse_stop(&limits, cfg->autostop, why, sizeof(why)) < 0) {
		refuse(builder, why);
		return;
	}
	if (limits.files || limits.bytes)
		check_files(builder, &limits);
	if (limits.packets && (!cfg->max_packets || limits.packets < cfg->max_packets))
		cfg->max_packets = limits.packets;
}

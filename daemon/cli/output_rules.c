/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output_rules.h"

#include <errno.h>
#include <string.h>

#include "config/file_limits.h"
#include "config/file_names.h"
#include "config/settings_value.h"
#include "version.h"

static enum config_builder_source source_of(const struct config_builder *builder, const char *name)
{
	return builder->source[settings_index(settings_find(name))];
}

static const char *where_of(const struct config_builder *builder, const char *name)
{
	return settings_origin(builder->cfg, name);
}

/* "-" is what leaving it out means, but that --pretty-print then has standard output to itself. */
static void decide_file(struct config_builder *builder)
{
	struct config *cfg = builder->cfg;

	if (cfg->write_file == NULL || strcmp(cfg->write_file, "-") != 0)
		return;
	if (cfg->pretty_print)
		config_faults_add(
			builder->faults, where_of(builder, "write-file"),
			"--pretty-print writes text to standard output, where a capture cannot "
			"go too: give --write-file a file");
	if (cfg->listen)
		config_faults_add(builder->faults, where_of(builder, "write-file"),
				  "--listen sends the capture to clients, not to standard output: "
				  "leave out --write-file -, or name a file");
	config_builder_forget(&cfg->write_file);
}

static void refuse_comments(struct config_builder *builder)
{
	bool in_file = source_of(builder, "comment-offsets") == CONFIG_BUILDER_FILE;

	config_faults_add(builder->faults, where_of(builder, "comment-offsets"),
			  "%sa classic pcap has no comments; give --format pcapng",
			  in_file ? "comment-offsets: " : "");
}

/* Without a word about it the name of the file decides, and what only one of them can do. */
static void decide_format(struct config_builder *builder)
{
	struct config *cfg = builder->cfg;
	const char *name = cfg->write_file != NULL ? cfg->write_file : "";
	bool chosen = source_of(builder, "format") != CONFIG_BUILDER_DEFAULT;

	if (!chosen &&
	    (file_names_is_pcapng(name) || (cfg->comment_offsets && !file_names_is_pcap(name))))
		cfg->format = CONFIG_FORMAT_PCAPNG;
	if (cfg->comment_offsets && cfg->format != CONFIG_FORMAT_PCAPNG)
		refuse_comments(builder);
}

/* A name that promises what is not done is no name for it. */
static void check_compression(struct config_builder *builder)
{
	const char *name = builder->cfg->write_file != NULL ? builder->cfg->write_file : "";
	const char *other = file_names_other_packed(name);

	if (other != NULL)
		config_faults_add(builder->faults, where_of(builder, "write-file"),
				  "%s: pycapa does not compress to %s; give a name that ends in "
				  ".zst, or in neither",
				  name, other);
#if !PYCAPA_ZSTD
	if (file_names_is_zstd(name))
		config_faults_add(builder->faults, where_of(builder, "write-file"),
				  "%s: this pycapa was built without zstd; give a name that does "
				  "not end in .zst",
				  name);
#endif
}

static bool prints_to(const struct file_limits *limits, const char *where)
{
	return limits->print_len == strlen(where) &&
	       !strncmp(limits->print_name, where, limits->print_len);
}

/* Limits that were given one by one are judged together. */
static void check_ring(struct config_builder *builder)
{
	const struct config *cfg = builder->cfg;
	const char *where = where_of(builder, "ring-buffer");
	bool in_file = source_of(builder, "ring-buffer") == CONFIG_BUILDER_FILE;
	struct file_limits limits;
	char why[256];

	if (cfg->attended) /* its capture goes to a pipe; the file is that of an instance */
		config_builder_forget(&builder->cfg->ring_buffer);
	if (!cfg->ring_buffer)
		return;
	if (file_limits_parse_ring(&limits, cfg->ring_buffer, why, sizeof(why)) < 0)
		config_faults_add(builder->faults, where, "%s%s", in_file ? "ring-buffer: " : "",
				  why);
	if (cfg->pretty_print && (prints_to(&limits, "-") || prints_to(&limits, "stdout")))
		config_faults_add(builder->faults, where,
				  "%s--pretty-print writes to standard output, where the names of "
				  "files cannot go too: give printname: a file",
				  in_file ? "ring-buffer: " : "");
	if (!cfg->write_file)
		config_faults_add(builder->faults, where,
				  "a ring buffer needs the name of its files: give --write-file");
	else if (file_names_check(cfg->write_file, why, sizeof(why)) < 0)
		config_faults_add(builder->faults, where_of(builder, "write-file"), "%s: %s",
				  cfg->write_file, why);
}

void output_rules_decide(struct config_builder *builder)
{
	decide_file(builder);
	decide_format(builder);
	check_compression(builder);
	check_ring(builder);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: argv into settings, with a configuration file (-C) beneath them.
 *
 * Every option of the Python tool reads as its argparse read it, prefixes and clusters included;
 * what argparse refused may mean something now.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/config.h"

enum options_action {
	OPTIONS_RUN,
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_LIST_INTERFACES,
	OPTIONS_LIST_TIME_STAMP_TYPES, /* of options_interface() */
	OPTIONS_LIST_TOPICS,           /* those of options_listing(); cfg is valid, of a consumer */
	OPTIONS_RELOAD,                /* ask the instance of options_reload_instance() to reload */
	OPTIONS_CHECK_CONFIG,          /* cfg is valid: say so, exit 0 */
	OPTIONS_LIST_PROPERTIES,       /* -X list */
	OPTIONS_DUMP_PROPERTIES,       /* -X dump; cfg is valid */
};

/* The words of a command line, kept for reloads. */
struct options;

/*
 * Parses argv into a configuration: defaults, then the file of -C, then the options; everything is
 * checked. Secrets in argv are overwritten, in whatever spelling they stand there.
 *
 * Returns 0 with *out (options_free()), *cfg (config_unref()) and *action. For HELP, VERSION,
 * LIST_INTERFACES, LIST_TIME_STAMP_TYPES, RELOAD and LIST_PROPERTIES cfg is NULL. -EINVAL or
 * -ENOMEM when something is wrong: said on stderr (one line, or every fault of a file), the caller
 * exits with 2.
 */
int options_parse(struct options **out, int argc, char **argv, const struct config **cfg,
		  enum options_action *action);

/*
 * The same for somebody who waits at a window (config.h: attended). What is wrong with an option is
 * told under the name that field_of() has for it ("reorder"); NULL: without a name.
 */
int options_parse_attended(struct options **out, int argc, char **argv, const struct config **cfg,
			   enum options_action *action,
			   const char *(*field_of)(const char *option));

/*
 * Reads the file of -C afresh under the same options. Without a file nothing can change: -ENOENT.
 * Relative times count from the start still: "-15m" goes on to be the time that it was.
 * Returns 0 with *cfg, or a negative errno: every fault is logged, and a line of `why`
 * (config_faults_append()); *cfg is NULL.
 */
int options_reload(const struct options *options, const struct config **cfg, char *why,
		   size_t size);

/* What --reload names; NULL without it. Lives as long as options. */
const char *options_reload_instance(const struct options *options);

/* The interface of -i, by its name; else the default one. Lives as long as options. */
const char *options_interface(const struct options *options);

/* What -L is asked for. */
struct options_listing {
	const char *topic; /* by its partitions; NULL: all topics */
	bool all;          /* those without packets too */
	bool json;
};

/* Lives as long as options. */
const struct options_listing *options_listing(const struct options *options);

/* Overwrites the secrets and frees. NULL is legal. */
void options_free(struct options *options);

/* The help text, made from the table of settings. */
void options_print_help(FILE *out);

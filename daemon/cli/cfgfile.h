/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file of an instance: libconfig syntax, keys from the table of settings.
 */
#pragma once

#include "cli/config_builder.h"

/*
 * Reads the file into the builder, as CONFIG_BUILDER_FILE; options are to be set after it. Every
 * fault of meaning is added to the builder's faults, of syntax the first. Returns 0, also with
 * faults of meaning; -errno when it could not be read or parsed.
 */
int cfgfile_load(struct config_builder *builder, const char *path);

/* The same from text in memory; `path` is what faults name and @include counts from. */
int cfgfile_load_text(struct config_builder *builder, const char *path, const char *text);
